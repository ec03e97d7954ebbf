"""What is left of some work that was killed, at each of its points?

A point is each SQL statement and each call that changes a file: a driver counts them in a forked
child, then kills a fresh child with SIGKILL before point k. What is left must be sound; the same
work, started again, must reach the same end.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, event

from tenure.registry.prepared import Prepared
from tenure.workspace import Workspace

CALLS = (
    *("open", "write", "pwrite", "fsync", "fdatasync", "fchmod", "chmod", "mkdir"),
    *("rename", "replace", "link", "unlink"),
)

Work = Callable[[Workspace], None]


@dataclass(frozen=True)
class Killing:
    """What is done, on what, and what must be true of it whenever it was killed.

    `fresh` makes a workspace in a folder to begin in; `is_sound` holds what is left against what is
    always true, `is_done` the end.
    """

    fresh: Callable[[Path], Workspace]
    work: Work
    is_sound: Work
    is_done: Work

    def sweep(self, folder: Path, wanted: Callable[[int], Iterable[int]]) -> tuple[int, int]:
        """Kill at the wanted points; return how many were tried and how many there are."""
        names = points(self.fresh(folder / "count"), folder / "log", self.work)
        tried = 0
        for point in wanted(len(names)):
            workspace = self.fresh(folder / "killed")
            code = kill_at(workspace, point, self.work)
            assert code == -signal.SIGKILL, f"point {point} ({names[point - 1]}) ended with {code}"
            self.is_sound(workspace)
            again = in_child(lambda workspace=workspace: self.work(workspace))
            assert again == 0, names[point - 1]
            self.is_done(workspace)
            tried += 1
        return tried, len(names)


def instrument(at_point: Callable[[str], None]) -> None:
    """Call `at_point` with a name before every statement and every call that changes a file."""
    for name in CALLS:
        real = getattr(os, name)

        def call(*args, _real=real, _name=name, **kwargs):
            at_point(_name)
            return _real(*args, **kwargs)

        setattr(os, name, call)

    run = Prepared.run

    def prepared(statement: Prepared, *args):
        at_point(statement.sql.split("\n")[0])
        return run(statement, *args)

    Prepared.run = prepared

    @event.listens_for(Engine, "before_cursor_execute")
    def _statement(connection, cursor, statement, parameters, context, many) -> None:
        at_point(statement.split("\n")[0])


def in_child(do: Callable[[], None]) -> int:
    """Run something in a forked child; return its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            do()
            code = 0
        finally:
            if code:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def points(workspace: Workspace, log: Path, work: Work) -> list[str]:
    """Do the work once in a child and return the name of every point that it passes."""

    def counted() -> None:
        names: list[str] = []
        instrument(names.append)
        work(workspace)
        log.write_text("\n".join(names))

    assert in_child(counted) == 0
    return log.read_text().splitlines()


def kill_at(workspace: Workspace, point: int, work: Work) -> int:
    """Do the work in a child that is killed before its `point`-th point, counted from 1."""

    def doomed() -> None:
        passed = 0

        def at_point(_: str) -> None:
            nonlocal passed
            passed += 1
            if passed == point:
                os.kill(os.getpid(), signal.SIGKILL)

        instrument(at_point)
        work(workspace)

    return in_child(doomed)
