"""Who waits for a server learns when it serves, or why it does not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
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
    file.file.write_bytes(file.file.read_bytes()[:-9])
    assert read_statuses(workspace) == []
