"""A process changes when all that take requests can, and waits for none that answers nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from tenure.predictions import PredictionLog, spool_folder
from tenure.predictions.status import ServedModel, ServerStatus, StatusFile, read_statuses
from tenure.records import Assignment, Slot
from tenure.serving import agreeing, build_app
from tenure.serving.agreeing import Agreement, join
from tenure.serving.reporting import Reporter
from tenure.workspace import Workspace
from tests.unit.serving import lives

ADDRESS = "http://127.0.0.1:8080"
PATIENCE_S = 60.0


def until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


class Other:
    """A living process that has a status file and is no server."""

    def __init__(self, workspace: Workspace) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.status = ServerStatus(
            pid=self.process.pid,
            started=psutil.Process(self.process.pid).create_time(),
            address=ADDRESS,
            at="a moment",
            is_ready=True,
            is_draining=False,
            serving={"m": ServedModel(version=1, epoch=1, slot="champion", since="now")},
        )
        self._file = StatusFile(workspace)
        self._file.file = workspace.spool / f"status-{self.process.pid}.json"
        self.says()

    def says(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
        self._file.write(self.status)


@pytest.fixture
def other(workspace: Workspace) -> Iterator[Other]:
    made = Other(workspace)
    yield made
    made.process.kill()
    made.process.communicate()


def moved(epoch: int = 2, slot: Slot = Slot.CHAMPION) -> Assignment:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return Assignment(
        model="m",
        slot=slot,
        version=2,
        epoch=epoch,
        since=since,
        seq=1,
        actor=lives.ACTOR,
        reason="A test wants it.",
    )


def test_alone_it_waits_for_nobody(workspace: Workspace) -> None:
    assert Agreement(workspace, ADDRESS)(moved(), 0.0)


def test_one_that_has_not_loaded_yet_is_waited_for(workspace: Workspace, other: Other) -> None:
    agreed = Agreement(workspace, ADDRESS, clock=lambda: 0.0)
    assert not agreed(moved(), 0.0)
    other.says(loaded={"m/champion": 2})
    assert agreed(moved(), 0.0)
    assert not agreed(moved(3), 0.0)
    other.says(serving={"m": ServedModel(version=1, epoch=4, slot="champion", since="now")})
    assert agreed(moved(3), 0.0)


def test_an_epoch_of_one_slot_says_nothing_of_another(workspace: Workspace, other: Other) -> None:
    other.says(serving={"m": ServedModel(version=1, epoch=9, slot="champion", since="now")})
    agreed = Agreement(workspace, ADDRESS)
    assert not agreed(moved(2, Slot.CHALLENGER), 0.0)
    other.says(beside={"m": {"challenger": {"version": 2, "epoch": 2}}})
    assert agreed(moved(2, Slot.CHALLENGER), 0.0)


@pytest.mark.parametrize(
    "said", [{"is_starting": True}, {"is_draining": True}, {"address": "http://127.0.0.1:1"}]
)
def test_one_that_takes_no_requests_here_is_not_waited_for(
    workspace: Workspace, other: Other, said: dict[str, Any]
) -> None:
    other.says(**said)
    assert Agreement(workspace, ADDRESS)(moved(), 0.0)


def test_one_that_was_killed_is_not_waited_for(workspace: Workspace, other: Other) -> None:
    os.kill(other.process.pid, signal.SIGKILL)
    until(lambda: not read_statuses(workspace))  # though nobody has reaped it
    assert Agreement(workspace, ADDRESS)(moved(), 0.0)


def test_one_that_is_stopped_is_not_waited_for(workspace: Workspace, other: Other) -> None:
    agreed = Agreement(workspace, ADDRESS, clock=lambda: 0.0)
    os.kill(other.process.pid, signal.SIGSTOP)
    until(lambda: agreed(moved(), 0.0))
    os.kill(other.process.pid, signal.SIGCONT)
    until(lambda: not agreed(moved(), 0.0))


def test_one_that_is_silent_is_not_waited_for(workspace: Workspace, other: Other) -> None:
    now = 100.0
    agreed = Agreement(workspace, ADDRESS, clock=lambda: now)
    assert not agreed(moved(), 0.0)
    now += agreeing.SILENCE_S - 0.1
    assert not agreed(moved(), 0.0)
    now += 0.2
    assert agreed(moved(), 0.0)
    other.says(at="a later moment")
    assert not agreed(moved(), 0.0)


def test_patience_has_an_end(workspace: Workspace, other: Other) -> None:
    agreed = Agreement(workspace, ADDRESS)
    assert not agreed(moved(), agreeing.PATIENCE_S - 0.1)
    assert agreed(moved(), agreeing.PATIENCE_S)


def test_one_that_starts_comes_in_with_what_the_ledger_names_by_then(living: Workspace) -> None:
    app = build_app(living)
    router = app.core.router
    log = PredictionLog(spool_folder(living))
    reporter = Reporter(living, log, address=ADDRESS)
    reporter.router, reporter.is_starting = router, True
    reporter.tell()
    joining = threading.Thread(target=join, args=(router, reporter))
    joining.start()
    try:
        assert read_statuses(living)[0].is_starting
        router.look()
        # It has what the ledger names, and says so; but somebody may have moved on without it.
        until(lambda: not read_statuses(living)[0].is_starting)
        assert joining.is_alive()
        lives.promote(living, 2, "price")
    finally:
        until(lambda: router.look() or not joining.is_alive())
        joining.join()
    served = router.reference("price")
    assert served is not None
    assert (served.version, served.epoch) == (2, 2)
    assert not reporter.is_starting
