"""How is a line kept so that a killed process loses nothing that it had written?

A spool file is a mark, then frames: length and CRC-32 of the payload (little-endian), then the
payload, a JSON line, and behind it the bytes of what is too much for JSON. Whoever writes a file
holds a lock on it that the kernel takes away when the process ends; so a file without a lock is
finished, whatever happened to its writer.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import orjson

_log = logging.getLogger(__name__)

MARK = b"TENPRED1"
ENDING = ".frames"
# Columns that came as arrays are written as they are; NaN becomes null.
_DUMP = (
    orjson.OPT_NON_STR_KEYS | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY
)
_HEAD = struct.Struct("<II")
_MOST = 256 * 1024 * 1024


class FrameFile:
    """One spool file that is being written.

    Args:
        folder: the spool.

    Raises:
        OSError: it cannot be made or written; after a failed `append` it ends where it ended.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self.path = folder / f"{at}-{os.getpid()}-{os.urandom(4).hex()}{ENDING}"
        fresh = self.path.with_suffix(".fresh")
        self._file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        # Locked before it has its name: nobody can take it for the file of a dead process.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self.size = os.write(self._file, MARK)
        os.rename(fresh, self.path)
        self.began_at = time.monotonic()
        self.frames = 0

    def append(self, lines: list[dict[str, Any]]) -> None:
        """Add lines, each in a frame; all of them, or none."""
        data = b"".join(frame(line) for line in lines)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            os.ftruncate(self._file, self.size)
            os.lseek(self._file, self.size, os.SEEK_SET)
            raise
        self.size += len(data)
        self.frames += len(lines)

    def sync(self) -> None:
        """Make what was appended outlive a loss of power."""
        os.fsync(self._file)

    def close(self) -> None:
        """End the file; it may be carried over from now on."""
        os.close(self._file)


def frame(line: dict[str, Any]) -> bytes:
    """Return a line as length, CRC-32 and payload; its `raw` are bytes, which stand behind it."""
    raw = line.get("raw")
    if raw:
        sized = {**line, "raw": [len(each) for each in raw]}
        payload = b"".join((orjson.dumps(sized, option=_DUMP), b"\n", *raw))
    else:
        payload = orjson.dumps(line, option=_DUMP)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def read_frames(source: BinaryIO, name: str) -> Iterator[dict[str, Any]]:
    """Give the lines of a spool file up to its end or to the first torn or damaged frame."""
    if source.read(len(MARK)) != MARK:
        return
    while head := source.read(_HEAD.size):
        if len(head) < _HEAD.size:
            _torn(name, source)
            return
        length, checksum = _HEAD.unpack(head)
        payload = source.read(length) if length <= _MOST else b""
        if len(payload) < length or zlib.crc32(payload) != checksum:
            _torn(name, source)
            return
        yield _line(payload)


def _line(payload: bytes) -> dict[str, Any]:
    # JSON as it is written here holds no line break.
    said, _, rest = payload.partition(b"\n")
    line = orjson.loads(said)
    if line.get("raw"):
        ends = list(accumulate(line["raw"]))
        line["raw"] = [rest[end - size : end] for size, end in zip(line["raw"], ends, strict=True)]
    return line


def _torn(name: str, source: BinaryIO) -> None:
    at, end = source.tell(), source.seek(0, os.SEEK_END)
    _log.warning("prediction log %s: a torn frame; at most %s bytes after it", name, end - at)


def is_being_written(source: BinaryIO) -> bool:
    """Say whether a living process still writes a file; if not, the caller holds its lock now."""
    try:
        fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
