"""Who waits for a server learns when it serves, or why it does not."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest

from tenure.predictions.status import ServedModel, ServerStatus, StatusFile, remove_stale
from tenure.serving import read_statuses, wait_until_serving
from tenure.workspace import Workspace


def status(epoch: int | None, pid: int | None = None, reason: str | None = None) -> ServerStatus:
    pid = pid or os.getpid()
    serving = (
        {"m": ServedModel(version=1, epoch=epoch, slot="champion", since="now")} if epoch else {}
    )
    obstacles = {"m": {"version": 2, "epoch": 2, "reason": reason}} if reason else {}
    return ServerStatus(
        pid=pid,
        started=psutil.Process(pid).create_time(),
        address="http://127.0.0.1:1",
        at="now",
        is_ready=True,
        is_draining=False,
        serving=serving,
        obstacles=obstacles,
    )


@contextmanager
def nothing_can_be_written() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_without_a_server_there_is_nothing_to_wait_for(workspace: Workspace) -> None:
    found = wait_until_serving("m", 1, workspace, timeout_s=60)
    assert (found.processes, found.serving, found.is_complete) == (0, 0, True)


def test_a_server_that_follows_is_waited_for(workspace: Workspace) -> None:
    file = StatusFile(workspace)
    file.write(status(1))
    assert not wait_until_serving("m", 2, workspace, timeout_s=0).is_complete
    later = threading.Timer(0.2, file.write, [status(2)])
    later.start()
    found = wait_until_serving("m", 2, workspace, timeout_s=60)
    later.join()
    assert (found.processes, found.serving, found.is_complete) == (1, 1, True)


def test_a_server_that_cannot_follow_says_why(workspace: Workspace) -> None:
    StatusFile(workspace).write(status(1, reason="Its object is damaged."))
    found = wait_until_serving("m", 2, workspace, timeout_s=60)
    assert not found.is_complete
    assert "Its object is damaged." in found.refused[0]


def test_a_later_epoch_counts_and_an_obstacle_of_an_earlier_one_does_not(
    workspace: Workspace,
) -> None:
    StatusFile(workspace).write(status(5, reason="Old."))
    assert wait_until_serving("m", 3, workspace, timeout_s=0).is_complete
    assert wait_until_serving("m", 6, workspace, timeout_s=0).refused == ()


@pytest.mark.parametrize("is_reused", [False, True])
def test_the_file_of_a_process_that_is_gone_counts_for_nothing(
    workspace: Workspace, is_reused: bool
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    file = StatusFile(workspace)
    said = status(1, gone.pid)
    gone.kill()
    gone.wait()
    file.write(replace(said, pid=os.getpid()) if is_reused else said)
    assert read_statuses(workspace) == []
    remove_stale(workspace)
    assert list(workspace.spool.glob("status-*")) == []


def test_a_torn_file_is_no_status(workspace: Workspace) -> None:
    file = StatusFile(workspace)
    file.write(status(1))
    file.file.write_bytes(file.file.read_bytes().rstrip()[:-9])
    assert read_statuses(workspace) == []


def test_one_that_starts_is_waited_for_only_if_no_other_takes_requests(
    workspace: Workspace,
) -> None:
    file, fresh = StatusFile(workspace), StatusFile(workspace)
    fresh.file = workspace.spool / "status-fresh.json"
    fresh.write(replace(status(None), is_starting=True))
    found = wait_until_serving("m", 2, workspace, timeout_s=0)
    assert (found.processes, found.is_complete) == (1, False)
    file.write(status(2))
    found = wait_until_serving("m", 2, workspace, timeout_s=0)
    assert (found.processes, found.is_complete) == (1, True)


def test_on_a_full_disk_a_file_is_written_over(workspace: Workspace) -> None:
    file = StatusFile(workspace)
    file.write(status(1))
    with nothing_can_be_written():
        file.write(status(7, reason="Longer than before, as it now says what hinders it."))
    assert read_statuses(workspace)[0].serving["m"].epoch == 7
    file.write(status(8))
    assert read_statuses(workspace)[0].serving["m"].epoch == 8


def test_on_a_full_disk_no_first_file_is_made(workspace: Workspace) -> None:
    workspace.spool.mkdir(parents=True)
    with nothing_can_be_written(), pytest.raises(OSError, match="File too large"):
        StatusFile(workspace).write(status(1))
    assert read_statuses(workspace) == []


def test_what_is_half_written_over_is_no_status(workspace: Workspace) -> None:
    file = StatusFile(workspace)
    file.write(status(199))
    torn = file.file.read_bytes().replace(b'"epoch":199', b'"epoch":299')
    file.file.write_bytes(torn)
    assert read_statuses(workspace) == []
