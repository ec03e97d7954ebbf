"""Where is the head kept, so that a cut tail or an old copy of the ledger is noticed?

A small file beside the database holds the head in two lines of one width. A newer head is written
over the older line and synced, so that a torn write spoils one line and the other still counts.
The file follows the database: it is written after the commit, lags by one commit at most, because
each writer first brings it up, and is never ahead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from tenure.registry.chain import GENESIS, Head

_WIDTH = 128


def spell_line(head: Head) -> bytes:
    """Return a head as a line of one width that says whether it is whole."""
    text = f"{head.seq:020d}:{head.digest}"
    check = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text} {check}".ljust(_WIDTH - 1).encode() + b"\n"


def parse_line(line: bytes) -> Head | None:
    """Return the head of a line, None if it is not whole."""
    parts = line.decode("ascii", "replace").split()
    if len(parts) != 2 or hashlib.sha256(parts[0].encode()).hexdigest()[:16] != parts[1]:
        return None
    seq, _, digest = parts[0].partition(":")
    return Head(int(seq), digest)


class Anchor:
    """The file that follows the ledger's head."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._descriptor: int | None = None

    def _open(self, *, making: bool) -> int:
        if self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0:
            self.close()  # a restored backup put another file in its place
        if self._descriptor is None:
            make = os.O_CREAT if making else 0
            self._descriptor = os.open(self.file, os.O_RDWR | make | os.O_CLOEXEC, 0o600)
        return self._descriptor

    def _lines(self, descriptor: int) -> tuple[Head | None, Head | None]:
        data = os.pread(descriptor, 2 * _WIDTH, 0)
        return parse_line(data[:_WIDTH]), parse_line(data[_WIDTH:])

    def read(self) -> Head:
        """Return the head that is anchored; (0, GENESIS) if none is."""
        try:
            lines = self._lines(self._open(making=False))
        except FileNotFoundError:
            return Head(0, GENESIS)
        return max((head for head in lines if head), default=Head(0, GENESIS))

    def bring_up(self, head: Head) -> None:
        """Anchor `head` unless a newer one is anchored; durable when it returns."""
        descriptor = self._open(making=True)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            first, second = self._lines(descriptor)
            known = [known.seq if known else -1 for known in (first, second)]
            if max(known) >= head.seq:
                return
            older = known.index(min(known))
            os.pwrite(descriptor, spell_line(head), older * _WIDTH)
            os.fdatasync(descriptor)
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def reset(self, head: Head) -> None:
        """Anchor `head` whatever is anchored; for a restored backup only."""
        self.close()
        fresh = self.file.with_suffix(".fresh")
        with open(fresh, "wb") as file:
            file.write(spell_line(head))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(fresh, 0o600)
        fresh.replace(self.file)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
