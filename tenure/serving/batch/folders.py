"""How are the files of a source listed, read and recognised, and files of a destination placed?

A folder of this machine and an object store look alike here. A file appears whole or not at all,
and never takes the place of one that is there: of two runs that score the same bytes the first one
has scored them.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

SETTLED_S = 1.0
WORK = "_work"
_ABANDONED_S = 24 * 3600.0


class Folder:
    """A folder or an fsspec URL, as source or destination of scoring."""

    def __init__(self, location: str) -> None:
        import fsspec

        self._files, self._root = fsspec.core.url_to_fs(location)
        self.where = self._root if self.is_local else location

    @property
    def is_local(self) -> bool:
        """Whether this is a folder of this machine."""
        return "file" in self._files.protocol

    def exists(self) -> bool:
        """Say whether there is such a folder."""
        return self._files.isdir(self._root)

    def sizes(self, pattern: str) -> dict[str, int]:
        """Return name and size in bytes of the files that fit a pattern; hidden ones never do."""
        found = {
            each["name"].rstrip("/").rpartition("/")[2]: each["size"] or 0
            for each in self._files.ls(self._root, detail=True, refresh=True)
            if each["type"] == "file"
        }
        return {
            name: found[name]
            for name in sorted(found)
            if fnmatchcase(name, pattern) and not name.startswith((".", "_"))
        }

    def path(self, name: str) -> str:
        """Return where a file of this name is."""
        return f"{self._root.rstrip('/')}/{name}"

    def has(self, name: str) -> bool:
        """Say whether there is a file of this name."""
        if self.is_local:
            return os.path.exists(self.path(name))
        self._files.invalidate_cache()
        return self._files.exists(self.path(name))

    def mark(self, name: str) -> str:
        """Return what changes whenever a file does, without reading it."""
        if not self.is_local:
            self._files.invalidate_cache()
            return str(self._files.ukey(self.path(name)))
        facts = os.stat(self.path(name))
        return f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns}"

    def settled(self, name: str) -> str | None:
        """Return a file's mark once it has rested for a moment; None if it is still written to."""
        mark = self.mark(name)
        if not self.is_local:
            return mark
        young_s = SETTLED_S - (time.time() - os.stat(self.path(name)).st_mtime)
        if young_s > 0:
            time.sleep(min(young_s, SETTLED_S))
        return mark if self.mark(name) == mark else None

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading anywhere in it."""
        if self.is_local:
            return open(self.path(name), "rb")
        return self._files.open(self.path(name), "rb")

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        with self.open(name) as file:
            return file.read()

    def digest(self, name: str) -> str:
        """Return the sha256 of a file's bytes."""
        with self.open(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]

    def modified_at(self, name: str) -> float | None:
        """Return when a file was placed, in seconds since 1970; None where nobody knows."""
        try:
            return self._files.modified(self.path(name)).timestamp()
        except (NotImplementedError, KeyError, AttributeError):
            return None

    @contextmanager
    def fresh(self) -> Iterator[tuple[BinaryIO, Path]]:
        """Yield a file to write, nobody's yet; it is gone afterwards unless it was placed."""
        near = self.path(WORK) if self.is_local else None
        if near is not None:
            os.makedirs(near, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=near, prefix=".scoring-", suffix=".fresh")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file, Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def place(self, file: BinaryIO, fresh: Path, name: str) -> bool:
        """Give a fresh file its name, whole and lasting; False if the name was given already."""
        file.flush()
        os.fsync(file.fileno())
        if not self.is_local:
            return self._placed_far(fresh, name)
        os.chmod(fresh, 0o644)
        target = self.path(name)
        try:
            os.link(fresh, target)
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            if os.path.exists(target):
                return False
            os.replace(fresh, target)
        _sync_folder(os.path.dirname(target))
        return True

    def _placed_far(self, fresh: Path, name: str) -> bool:
        if self.has(name):
            return False
        put = self._files.put_file
        takes_mode = "mode" in inspect.signature(put).parameters
        try:
            put(str(fresh), self.path(name), **({"mode": "create"} if takes_mode else {}))
        except FileExistsError:
            return False
        return True

    def put(self, name: str, content: bytes | memoryview) -> None:
        """Write a small or a passing file, whole; one of the same name is replaced."""
        self._files.makedirs(self.path(name).rpartition("/")[0], exist_ok=True)
        if not self.is_local:
            self._files.pipe_file(self.path(name), bytes(content))
            return
        with self.fresh() as (file, fresh):
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(fresh, self.path(name))

    def make(self) -> None:
        """Make the folder if there is none."""
        self._files.makedirs(self._root, exist_ok=True)

    def remove(self, name: str) -> None:
        """Remove a file or a folder, if it is there."""
        try:
            self._files.rm(self.path(name), recursive=True)
        except FileNotFoundError:
            return

    def sweep(self) -> None:
        """Remove what killed runs left in the work folder, a day after."""
        for each in self._listed(WORK):
            name = f"{WORK}/{each['name'].rstrip('/').rpartition('/')[2]}"
            left_at = self.modified_at(name)
            if left_at is not None and time.time() - left_at > _ABANDONED_S:
                self.remove(name)

    def _listed(self, name: str) -> list[dict[str, Any]]:
        try:
            return self._files.ls(self.path(name), detail=True)
        except FileNotFoundError:
            return []


def _sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
