"""Kill a rollout at every point of its work and look at what is left.

As registry_kills does it: a point is each SQL statement and each call that changes a file. Whatever
the point, one version is champion, who takes over holds the slot of its step and no other, and the
same work, started again, reaches the same end, each step taken once.

`python -m tests.faults.rollout_kills` sweeps all points.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tenure import rollouts
from tenure.records import RolloutState, Slot, Stage
from tenure.registry import close_ledger, open_ledger, open_store
from tenure.rollouts import walk_one
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.faults.killing import in_child, kill_at, points
from tests.faults.retirement_kills import copied
from tests.unit.registry import lives
from tests.unit.rollouts.rolling import SAID, SPEC, good

STEPS = 3


def template(folder: Path) -> Path:
    """Make a workspace in which version 1 serves and version 2 is to take over."""
    for name in ("config/models", "config/expectations"):
        (folder / name).mkdir(parents=True)
    workspace = open_workspace(folder, project=PROJECT)
    (workspace.models_folder / "fraud.yaml").write_text(SPEC)
    for seed in range(2):
        lives.version(workspace, seed=seed)
    lives.promote(workspace, 1, 0)
    close_ledger(workspace)
    return folder


def work(workspace: Workspace) -> None:
    """Roll version 2 out, or go on with it, as `train` and `reconcile` do."""
    now = rollouts.start("fraud", 2, workspace, expected_epoch=1, **SAID)
    while not now.is_over:
        now = walk_one(now, workspace, look=good).rollout


def assert_sound(workspace: Workspace) -> None:
    """Hold what is left against the invariants, whatever the point was."""
    try:
        assert lives.damage(workspace) == []
        ledger = open_ledger(workspace)
        office = ledger.slot("fraud")
        assert (office.version, office.epoch) in ((1, 1), (2, 2))
        assert ledger.version("fraud", office.version).stage is Stage.VALIDATED
        now = ledger.open_rollout("fraud")
        for slot in (Slot.SHADOW, Slot.CHALLENGER):
            held = ledger.slot("fraud", slot)
            version = held.version if held else None
            assert version == (now.version if now and now.slot is slot else None)
    finally:
        close_ledger(workspace)


def assert_done(workspace: Workspace) -> None:
    """Hold the end of the work against what it must be, however often it was begun."""
    ledger = open_ledger(workspace)
    try:
        assert [(one.version, one.epoch) for one in ledger.tenures("fraud")] == [(1, 1), (2, 2)]
        (now,) = ledger.rollouts("fraud")
        assert now.state is RolloutState.PROMOTED
        assert [step.share for step in now.steps] == [0.0, 0.1, 0.5]
        for step in now.steps[1:]:
            assert open_store(workspace).get_json(step.evidence)["rollout"] == now.id
        kinds = [row.kind for row in ledger.audit() if row.kind != "verify_failed"]
        assert kinds.count("rollout_started") == kinds.count("rollout_ended") == 1
        assert kinds.count("rollout_advanced") == STEPS - 1
        assert kinds.count("slot_moved") == 2
        assert lives.damage(workspace) == []
    finally:
        close_ledger(workspace)


def sweep(folder: Path, wanted: Callable[[int], Iterable[int]]) -> tuple[int, int]:
    """Kill at the wanted points; return how many were tried and how many there are."""
    source = template(folder / "template")
    names = points(copied(source, folder / "count"), folder / "log", work)
    tried = 0
    for point in wanted(len(names)):
        workspace = copied(source, folder / "killed")
        code = kill_at(workspace, point, work)
        assert code == -signal.SIGKILL, f"point {point} ({names[point - 1]}) ended with {code}"
        assert_sound(workspace)
        assert in_child(lambda workspace=workspace: work(workspace)) == 0, names[point - 1]
        assert_done(workspace)
        tried += 1
    return tried, len(names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tried, there = sweep(Path(folder), lambda count: range(1, count + 1))
    print(f"aim rollout_kill_points: {tried}, wanted == {there}: met")


if __name__ == "__main__":
    main()
