"""A version that crashes server processes is found out by the next ones, and by nobody else."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tenure.errors import CrashesServer
from tenure.records import Assignment, Slot
from tenure.serving.crashes import LOADING, LOOP, SLOT, THREAD, Busy, mark_of
from tenure.workspace import Workspace
from tests.unit.serving import lives

CHILD = """
import os, sys
from pathlib import Path
from tenure.serving.crashes import Busy, mark_of, SLOT
from tenure.workspace import open_workspace
busy = Busy(open_workspace(sys.argv[1]))
with busy.watching():
    at = int(sys.argv[2])
    busy.marks[at : at + SLOT] = mark_of("fraud", 3, 7)
    os.kill(os.getpid(), int(sys.argv[3]))
"""


def die(workspace: Workspace, place: int, how: signal.Signals) -> None:
    """Let a process die of a signal while it is busy with version 3 of `fraud` at epoch 7."""
    command = [sys.executable, "-c", CHILD, str(workspace.root), str(place), str(int(how))]
    ended = subprocess.run(command, cwd=lives.PROJECT, check=False, capture_output=True)
    assert ended.returncode == -how, ended.stderr


def next_one(workspace: Workspace) -> Busy:
    busy = Busy(workspace)
    with busy.watching():
        return busy


@pytest.fixture(autouse=True)
def _fault_handler() -> Any:
    import faulthandler

    yield
    faulthandler.enable()  # pytest's own, which watching takes over


def assignment(version: int, epoch: int) -> Assignment:
    return Assignment(
        model="fraud",
        slot=Slot.CHAMPION,
        version=version,
        epoch=epoch,
        since=datetime(2026, 5, 3, tzinfo=UTC),
        seq=1,
        actor=lives.ACTOR,
        reason="A test wants it.",
    )


@pytest.mark.parametrize("place", [LOOP, THREAD, LOADING])
def test_a_version_that_crashed_two_processes_is_not_loaded_again(
    workspace: Workspace, place: int
) -> None:
    loaded: list[int] = []

    def load(wanted: Assignment) -> Any:
        loaded.append(wanted.epoch)

    die(workspace, place, signal.SIGSEGV)
    next_one(workspace).loader(load)(assignment(3, 7))
    assert loaded == [7]
    die(workspace, place, signal.SIGABRT)
    careful = next_one(workspace).loader(load)
    with pytest.raises(CrashesServer):
        careful(assignment(3, 7))
    careful(assignment(2, 7))
    careful(assignment(3, 8))
    assert loaded == [7, 7, 8]


def test_a_process_that_was_killed_or_idle_blames_nobody(workspace: Workspace) -> None:
    die(workspace, THREAD, signal.SIGKILL)
    busy = next_one(workspace)
    assert busy.crashes("fraud", 3, 7) == 0
    with busy.watching():
        busy.marks[LOOP : LOOP + SLOT] = mark_of("fraud", 3, 7)
        busy.marks[LOOP] = 0
    assert next_one(workspace).crashes("fraud", 3, 7) == 0
    assert not list(workspace.spool.glob("busy-*"))


def test_what_is_loading_is_named_until_it_is_loaded(workspace: Workspace) -> None:
    busy = Busy(workspace)
    seen: list[bytes] = []

    def load(_: Assignment) -> Any:
        seen.append(bytes(busy.marks[LOADING : LOADING + SLOT]).rstrip(b"\0"))
        raise OSError

    with busy.watching(), pytest.raises(OSError):
        busy.loader(load)(assignment(3, 7))
    assert seen == [b"fraud 3 7"]


def test_a_living_process_blames_nobody(workspace: Workspace) -> None:
    busy = Busy(workspace)
    with busy.watching():
        busy.marks[LOOP : LOOP + SLOT] = mark_of("fraud", 3, 7)
        Busy(workspace)._blame()  # another one starts beside it
        assert Path(workspace.spool / "crashed").exists() is False
