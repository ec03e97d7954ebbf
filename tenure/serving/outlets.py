"""Where do scored files lie, and how does one appear whole or not at all?

A folder on this machine gets a file by write, sync and rename; an object store by one put. The
Parquet file carries its record in its metadata, so it alone says that its input was scored; the
manifest beside it says the same to people and is made again if it is missing.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

SETTLED_S = 1.0
_RECORD = b"tenure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The record of one scored file: which bytes, how many rows, by which version."""

    model: str
    input: str
    digest: str
    rows: int
    version: int
    epoch: int
    actor: str
    at: str

    @property
    def output(self) -> str:
        """The name of the file that holds the predictions."""
        return _output_name(self.input, self.digest)


def _output_name(name: str, digest: str) -> str:
    return f"{name.rpartition('.')[0]}-{digest[:12]}.parquet"


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

    def names(self, pattern: str) -> list[str]:
        """Return the names of the files that fit a pattern, sorted; hidden ones never do."""
        found = (
            each["name"].rstrip("/").rpartition("/")[2]
            for each in self._files.ls(self._root, detail=True)
            if each["type"] == "file"
        )
        return sorted(
            name for name in found if fnmatchcase(name, pattern) and not name.startswith((".", "_"))
        )

    def settled_content(self, name: str) -> bytes | None:
        """Return a file's bytes, or None if it is still being written."""
        path = self._path(name)
        if not self.is_local:
            return self._files.cat_file(path)
        before = os.stat(path)
        young_s = SETTLED_S - (time.time() - before.st_mtime)
        if young_s > 0:
            time.sleep(min(young_s, SETTLED_S))
        content = Path(path).read_bytes()
        after = os.stat(path)
        is_same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        return content if is_same else None

    def has_scored(self, name: str, digest: str) -> bool:
        """Say whether these bytes were scored; makes their manifest again if it is missing."""
        import pyarrow.parquet as pq

        output = self._path(_output_name(name, digest))
        if not self._files.exists(output):
            return False
        if not self._files.exists(self._manifest(name, digest)):
            with self._files.open(output, "rb") as file:
                metadata = pq.read_schema(file).metadata or {}
            self._put(self._manifest(name, digest), metadata[_RECORD])
        return True

    def keep(self, record: Scored, chunks: Iterable[pa.Table]) -> None:
        """Write one file of predictions, whole or not at all, and its manifest."""
        self._files.makedirs(self._root, exist_ok=True)
        text = orjson.dumps(asdict(record), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        near = self._root if self.is_local else None
        handle, fresh = tempfile.mkstemp(dir=near, prefix=".scoring-", suffix=".fresh")
        try:
            with os.fdopen(handle, "wb") as target:
                _write(chunks, text, target)
                target.flush()
                os.fsync(target.fileno())
            self._place(fresh, self._path(record.output))
        finally:
            Path(fresh).unlink(missing_ok=True)
        self._put(self._manifest(record.input, record.digest), text)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _manifest(self, name: str, digest: str) -> str:
        return self._path(f"_manifests/{_output_name(name, digest)}.json")

    def _place(self, fresh: str, path: str) -> None:
        if not self.is_local:
            self._files.put_file(fresh, path)
            return
        os.chmod(fresh, 0o644)
        os.replace(fresh, path)
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _put(self, path: str, content: bytes) -> None:
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        if not self.is_local:
            self._files.pipe_file(path, content)
            return
        fresh = f"{path}.{os.getpid()}.fresh"
        Path(fresh).write_bytes(content)
        os.replace(fresh, path)


def _write(chunks: Iterable[pa.Table], record: bytes, target: Any) -> None:
    import pyarrow.parquet as pq

    writer = None
    for chunk in chunks:
        if writer is None:
            schema = chunk.schema.with_metadata({_RECORD: record})
            writer = pq.ParquetWriter(target, schema, compression="zstd")
        writer.write_table(chunk.cast(writer.schema))
    if writer is not None:
        writer.close()
