from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tenure.errors import LeaseLost, StaleEpoch
from tenure.registry import open_ledger
from tenure.registry.opening import ledger_file
from tenure.workspace import Workspace
from tests.faults import registry_kills
from tests.faults.killing import points
from tests.unit.registry import lives

pytestmark = pytest.mark.faults


def test_a_kill_at_any_point_leaves_a_sound_ledger_and_the_rerun_ends_alike(
    tmp_path: Path,
) -> None:
    """Every seventh point here; `python -m tests.faults.registry_kills` tries all of them."""
    tried, there = registry_kills.KILLING.sweep(tmp_path, lambda count: range(3, count + 1, 7))
    assert there > 100
    assert tried > there // 8


def test_bytes_are_safe_before_their_name_and_their_name_before_their_row(
    workspace: Workspace, tmp_path: Path
) -> None:
    names = points(workspace, tmp_path / "log", registry_kills.work)
    order = ("write", "fsync", "fchmod", "rename", "fsync", "COMMIT", "pwrite", "fdatasync")
    at = names.index("COMMIT")
    start = max(where for where, name in enumerate(names[:at]) if name == "rename") - 4
    rest = iter(names[start:])
    assert all(any(name == step for name in rest) for step in order)


def test_racing_processes_always_leave_exactly_one_champion(workspace: Workspace) -> None:
    writers, turns = 4, 15
    for tag in "abcd":
        lives.bare_version(workspace, tag=tag)
    lives.promote(workspace, 1, 0)

    def race() -> None:
        ledger = open_ledger(workspace)
        for turn in range(turns):
            while True:
                now = ledger.slot("fraud").epoch
                try:
                    lives.promote(workspace, 1 + turn % 4, now)
                    break
                except StaleEpoch:
                    continue

    children = [_fork(race) for _ in range(writers)]
    seen = _observe(workspace, children)
    assert seen > 20
    ledger = open_ledger(workspace)
    moved = [row for row in ledger.audit(limit=10_000) if row.kind == "slot_moved"]
    assert len(moved) == writers * turns + 1
    assert ledger.slot("fraud").epoch == writers * turns + 1
    assert [one.epoch for one in ledger.tenures("fraud")] == list(range(1, len(moved) + 1))
    assert [row.seq for row in ledger.audit(limit=10_000)] == list(range(1, ledger.head().seq + 1))
    assert not [one for one in lives.damage(workspace) if "object" not in one.lower()]


def _fork(do) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            do()
            code = 0
        finally:
            os._exit(code)
    return child


def _observe(workspace: Workspace, children: list[int]) -> int:
    """Read the slot until all children are done; anything but one champion is an error."""
    watching = sqlite3.connect(f"file:{ledger_file(workspace)}?mode=ro", uri=True)
    seen, newest, codes = 0, 0, []
    while len(codes) < len(children):
        rows = watching.execute(
            "SELECT epoch, version FROM slots WHERE model = 'fraud' AND slot = 'champion'"
        ).fetchall()
        assert len(rows) == 1
        assert rows[0][0] >= newest
        newest, seen = rows[0][0], seen + 1
        done, status = os.waitpid(-1, os.WNOHANG)
        if done in children:
            codes.append(os.waitstatus_to_exitcode(status))
    watching.close()
    assert codes == [0] * len(children)
    return seen


def test_a_writer_that_was_stopped_beyond_its_lease_is_fenced(workspace: Workspace) -> None:
    lives.bare_version(workspace)

    def stopped() -> None:
        lease = open_ledger(workspace).acquire_lease("train/fraud", holder="slow", ttl_s=0.3)
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            lives.promote(workspace, 1, 0, lease=lease)
        except LeaseLost:
            return
        raise AssertionError("the late writer was let in")

    child = _fork(stopped)
    os.waitpid(child, os.WUNTRACED)
    ledger = open_ledger(workspace)
    until = time.monotonic() + 30
    lease = None
    while lease is None and time.monotonic() < until:
        lease = ledger.acquire_lease("train/fraud", holder="quick", ttl_s=60)
    os.kill(child, signal.SIGCONT)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ledger.slot("fraud") is None
    assert lives.promote(workspace, 1, 0, lease=lease).epoch == 1
