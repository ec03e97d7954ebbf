"""Where do bytes live that must never change, and how are they known to be the same?

An object's name is the sha256 of its bytes. A local store writes under a temporary name, syncs,
makes the file read-only, renames it and syncs the folder, so that a final name always holds whole
bytes; any other fsspec URL gets a conditional put by the same name. There is no way to overwrite.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson

from tenure.errors import ObjectDamaged, ObjectMissing, StoreExposed, StoreUnwritable
from tenure.records import canonical
from tenure.workspace import Workspace

_CHUNK = 1 << 20
_IN_WORK = "in-work"


class Shelf(Protocol):
    """The place of a store: a folder or a bucket."""

    where: str

    def put(self, source: BinaryIO, digest: str) -> None:
        """Put bytes under their digest; whole, or not at all."""
        ...

    def open(self, digest: str) -> BinaryIO:
        """Open an object for reading; raises FileNotFoundError."""
        ...

    def size(self, digest: str) -> int:
        """Return an object's size in bytes; raises FileNotFoundError."""
        ...

    def digests(self) -> Iterator[str]:
        """Give the name of every object."""
        ...

    def remove(self, digest: str) -> None:
        """Remove an object; gone already is fine."""
        ...

    def age_s(self, digest: str, now: float) -> float:
        """Return for how many seconds an object has been there."""
        ...


class FolderShelf:
    """Objects in a local folder, `ab/abcdef…`, of mode 0444 in folders of mode 0700."""

    def __init__(self, root: Path, mode: int = 0o444) -> None:
        self.root = root
        self.mode = mode
        self.where = str(root)
        self._in_work = root / _IN_WORK

    def prepare(self) -> None:
        """Make the folder; refuse one that anybody may write to."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.root, self._in_work):
            folder.mkdir(mode=0o700, exist_ok=True)
            mode = stat.S_IMODE(folder.stat().st_mode)
            if mode & 0o022:
                raise StoreExposed(where=str(folder), got=f"{mode:04o}", wanted="0700")

    def path(self, digest: str) -> Path:
        """Return where an object is."""
        return self.root / digest[:2] / digest

    def put(self, source: BinaryIO, digest: str) -> None:
        """Put bytes under their digest; whole, or not at all."""
        final = self.path(digest)
        fresh = self._in_work / f"{digest[:16]}.{os.getpid()}.{os.urandom(4).hex()}"
        try:
            self._write(source, fresh)
            if not final.parent.exists():
                final.parent.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(self.root)
            os.rename(fresh, final)
            _sync_folder(final.parent)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise StoreUnwritable(where=self.where, detail=error.strerror or str(error)) from None

    def _write(self, source: BinaryIO, fresh: Path) -> None:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while chunk := source.read(_CHUNK):
                view = memoryview(chunk)
                while view:
                    view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
            os.fchmod(descriptor, self.mode)
        finally:
            os.close(descriptor)

    def open(self, digest: str) -> BinaryIO:
        """Open an object for reading; raises FileNotFoundError."""
        return open(self.path(digest), "rb")

    def size(self, digest: str) -> int:
        """Return an object's size in bytes; raises FileNotFoundError."""
        return self.path(digest).stat().st_size

    def digests(self) -> Iterator[str]:
        """Give the name of every object."""
        for folder in sorted(self.root.iterdir()):
            if len(folder.name) == 2 and folder.is_dir():
                yield from sorted(file.name for file in folder.iterdir())

    def remove(self, digest: str) -> None:
        """Remove an object; gone already is fine."""
        self.path(digest).unlink(missing_ok=True)

    def age_s(self, digest: str, now: float) -> float:
        """Return for how many seconds an object has been there."""
        return now - self.path(digest).stat().st_mtime

    def leftovers(self) -> list[Path]:
        """Return files that a killed writer left under temporary names."""
        return sorted(self._in_work.iterdir())


class UrlShelf:
    """Objects under an fsspec URL; the put is conditional, so that nothing is overwritten."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.where = url
        self._files, self._root = fsspec.core.url_to_fs(url)

    def _path(self, digest: str) -> str:
        return f"{self._root.rstrip('/')}/{digest[:2]}/{digest}"

    def put(self, source: BinaryIO, digest: str) -> None:
        """Put bytes under their digest; whole, or not at all."""
        path = self._path(digest)
        try:
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, source.read(), mode="create")
        except FileExistsError:
            return
        except OSError as error:
            raise StoreUnwritable(where=self.where, detail=str(error)) from None

    def open(self, digest: str) -> BinaryIO:
        """Open an object for reading; raises FileNotFoundError."""
        return io.BytesIO(self._files.cat_file(self._path(digest)))

    def size(self, digest: str) -> int:
        """Return an object's size in bytes; raises FileNotFoundError."""
        return int(self._files.size(self._path(digest)))

    def digests(self) -> Iterator[str]:
        """Give the name of every object."""
        if self._files.exists(self._root):
            yield from sorted(name.rpartition("/")[2] for name in self._files.find(self._root))

    def remove(self, digest: str) -> None:
        """Remove an object; gone already is fine."""
        if self._files.exists(self._path(digest)):
            self._files.rm_file(self._path(digest))

    def age_s(self, digest: str, now: float) -> float:
        """Return for how many seconds an object has been there."""
        return now - self._files.modified(self._path(digest)).timestamp()


class Store:
    """Content-addressed bytes: what is read is verified against its name."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def put_bytes(self, data: bytes) -> str:
        """Keep bytes and return their sha256; bytes that are kept already stay as they are.

        Raises:
            StoreUnwritable: the disk is full or the folder closed; no object was left behind.
        """
        digest = hashlib.sha256(data).hexdigest()
        if not self._holds(digest, len(data)):
            self.shelf.put(io.BytesIO(data), digest)
        return digest

    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:
        """Keep a file's bytes; return their sha256 and size.

        Raises:
            StoreUnwritable: as `put_bytes`; also if the file changes while it is read.
        """
        with open(path, "rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
            size = source.tell()
            if not self._holds(digest, size):
                source.seek(0)
                checked = _Hashing(source)
                self.shelf.put(checked, digest)  # type: ignore[arg-type]
                if checked.hash.hexdigest() != digest:
                    self.shelf.remove(digest)
                    raise StoreUnwritable(
                        where=self.shelf.where, detail="the file changed while it was read"
                    )
        return digest, size

    def put_json(self, value: Any) -> str:
        """Keep a JSON value in its canonical spelling and return its digest."""
        return self.put_bytes(canonical(value))

    def _holds(self, digest: str, size: int) -> bool:
        try:
            return self.shelf.size(digest) == size
        except FileNotFoundError:
            return False

    def open_object(self, digest: str, size: int | None = None) -> BinaryIO:
        """Open an object whose bytes were verified through the handle that is returned.

        Raises:
            ObjectMissing, ObjectDamaged: it is not there, or not what its name says.
        """
        try:
            handle = self.shelf.open(digest)
        except FileNotFoundError:
            raise ObjectMissing(object=digest) from None
        try:
            verify_handle(handle, digest, size)
        except BaseException:
            handle.close()
            raise
        return handle

    def get_bytes(self, digest: str, size: int | None = None) -> bytes:
        """Return an object's verified bytes.

        Raises:
            ObjectMissing, ObjectDamaged: it is not there, or not what its name says.
        """
        try:
            with self.shelf.open(digest) as handle:
                data = handle.read()
        except FileNotFoundError:
            raise ObjectMissing(object=digest) from None
        if size is not None and len(data) != size:
            raise ObjectDamaged(object=digest, detail=f"{len(data)} bytes instead of {size}")
        if hashlib.sha256(data).hexdigest() != digest:
            raise ObjectDamaged(object=digest, detail="its bytes have another digest")
        return data

    def get_json(self, digest: str) -> Any:
        """Return the JSON value of an object; raises as `get_bytes`."""
        return orjson.loads(self.get_bytes(digest))

    def exists(self, digest: str) -> bool:
        """Say whether there is an object of this name."""
        try:
            self.shelf.size(digest)
        except FileNotFoundError:
            return False
        return True

    def size(self, digest: str) -> int:
        """Return an object's size in bytes.

        Raises:
            ObjectMissing: it is not there.
        """
        try:
            return self.shelf.size(digest)
        except FileNotFoundError:
            raise ObjectMissing(object=digest) from None

    def digests(self) -> Iterator[str]:
        """Give the name of every object."""
        return self.shelf.digests()


class _Hashing:
    """A reader that knows the digest of what was read through it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self.hash.update(chunk)
        return chunk


def verify_handle(handle: BinaryIO, digest: str, size: int | None) -> None:
    """Check an open object against its name and size, and rewind it.

    Raises:
        ObjectDamaged: it is not what its name says.
    """
    found = handle.seek(0, os.SEEK_END)
    if size is not None and found != size:
        raise ObjectDamaged(object=digest, detail=f"{found} bytes instead of {size}")
    handle.seek(0)
    if hashlib.file_digest(handle, "sha256").hexdigest() != digest:  # type: ignore[arg-type]
        raise ObjectDamaged(object=digest, detail="its bytes have another digest")
    handle.seek(0)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_store(workspace: Workspace) -> Store:
    """Return the workspace's store; the first use makes its folder.

    Raises:
        StoreExposed: others may write to the folder.
    """
    return open_place(workspace.store_url, workspace)


def open_place(url: str, workspace: Workspace, mode: int = 0o444) -> Store:
    """Return the store in a folder or under an fsspec URL; files in a folder get `mode`.

    Raises:
        StoreExposed: others may write to the folder.
    """
    if "://" in url and not url.startswith("file://"):
        return Store(UrlShelf(url))
    shelf = FolderShelf(Path(url.removeprefix("file://")), mode)
    workspace.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    shelf.prepare()
    return Store(shelf)
