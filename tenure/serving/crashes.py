"""Which version was a server process busy with when it crashed, and how often has that happened?

What a process loads or computes is named in a small file that is mapped into memory, at the cost of
a copy of some bytes; a second file takes what Python writes when a signal ends it. The next process
reads both. A version that has crashed two of them is not loaded again until its slot moves: one
model shall not take all others with it.
"""

from __future__ import annotations

import faulthandler
import logging
import mmap
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil

from tenure.errors import CrashesServer
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.records import Assignment
    from tenure.serving.runtime import Runtime

_log = logging.getLogger(__name__)

SLOT = 128
PLACES = LOOP, THREAD, LOADING, SHADOW = 0, SLOT, 2 * SLOT, 3 * SLOT
"""Where it stands what event loop, computing thread, router and shadow thread are busy with."""
SIZE = 4 * SLOT
MOST = 2
_KEPT_S = 7 * 24 * 3600.0


Marks = bytearray | mmap.mmap


def mark_of(model: str, version: int, epoch: int) -> bytes:
    """Return how a version is named in the file: model, version and epoch, filled up."""
    return f"{model} {version} {epoch}".encode().ljust(SLOT, b"\0")


class Busy:
    """What this process is busy with.

    Attributes:
        marks: written by whoever computes; into memory only until `watching` has begun.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.marks: Marks = bytearray(SIZE)
        self._spool = workspace.spool
        self._crashed = workspace.spool / "crashed"

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Let the next process know if this one crashes, and what made the last ones crash.

        For a process that is a server and nothing else: it takes over Python's fault handler.
        """
        self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._blame()
        pid = os.getpid()
        name = f"busy-{pid}-{int(psutil.Process().create_time())}"
        marks, fault = self._spool / name, self._spool / f"{name}.fault"
        marks.write_bytes(bytes(SIZE))
        with open(marks, "r+b") as file, open(fault, "wb") as said:
            self.marks = mmap.mmap(file.fileno(), SIZE)
            faulthandler.enable(said)
            try:
                yield
            finally:
                faulthandler.disable()
                marks.unlink(missing_ok=True)
                fault.unlink(missing_ok=True)

    def loader(self, load: Callable[[Assignment], Runtime]) -> Callable[[Assignment], Runtime]:
        """Return a loader that refuses what has crashed two processes."""

        def careful(assignment: Assignment) -> Runtime:
            assert assignment.version is not None
            named = (assignment.model, assignment.version, assignment.epoch)
            if self.crashes(*named) >= MOST:
                model, version, epoch = named
                raise CrashesServer(model=model, version=version, epoch=epoch, times=MOST)
            marks = self.marks
            marks[LOADING : LOADING + SLOT] = mark_of(*named)
            try:
                return load(assignment)
            finally:
                marks[LOADING] = 0

        return careful

    def crashes(self, model: str, version: int, epoch: int) -> int:
        """Return how many processes a version has crashed since it took its slot."""
        return sum(1 for _ in self._crashed.glob(f"{model}.{version}.{epoch}.*"))

    def _blame(self) -> None:
        for marks in self._spool.glob("busy-*"):
            if marks.suffix or _lives(marks.name):
                continue
            mine = marks.with_name(f"{marks.name}.read-{os.getpid()}")
            try:
                marks.rename(mine)  # of several that start together, one reads it
            except FileNotFoundError:
                continue
            fault = marks.with_name(f"{marks.name}.fault")
            if fault.exists() and fault.stat().st_size:
                self._note(mine.read_bytes())
            fault.unlink(missing_ok=True)
            mine.unlink(missing_ok=True)
        for old in self._crashed.glob("*"):
            with suppress(FileNotFoundError):
                if time.time() - old.stat().st_mtime > _KEPT_S:
                    old.unlink()

    def _note(self, marks: bytes) -> None:
        self._crashed.mkdir(mode=0o700, exist_ok=True)
        found = {marks[at : at + SLOT].rstrip(b"\0") for at in PLACES if marks[at]}
        for each in found:
            name = each.decode().replace(" ", ".")
            (self._crashed / f"{name}.{os.urandom(4).hex()}").touch()
            _log.error("a server process crashed while it was busy with %s", each.decode())


def _lives(name: str) -> bool:
    _, pid, started = name.split("-")
    try:
        process = psutil.Process(int(pid))
        return (
            abs(process.create_time() - int(started)) < 2
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False
