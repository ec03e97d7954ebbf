"""Kill a rollout at every point of its work and look at what is left.

As registry_kills does it: a point is each SQL statement and each call that changes a file. Whatever
the point, one version is champion, who takes over beside it holds the slot of its step and no
other, and the same work, started again, reaches the same end, each step taken once.

`python -m tests.faults.rollout_kills` sweeps all points.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from tenure import rollouts
from tenure.records import Rollout, RolloutState, Slot, Stage
from tenure.registry import close_ledger, deploy, open_ledger, open_store
from tenure.rollouts import walk_one
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.faults.killing import Killing
from tests.faults.retirement_kills import copied
from tests.unit.registry import lives
from tests.unit.rollouts.rolling import SAID, SPEC, failing, good, unseen


def template(folder: Path) -> Path:
    """Make a workspace in which version 1 serves, 2 is to take over, and 3 is fit to."""
    for name in ("config/models", "config/expectations"):
        (folder / name).mkdir(parents=True)
    workspace = open_workspace(folder, project=PROJECT)
    (workspace.models_folder / "fraud.yaml").write_text(SPEC)
    for seed in range(3):
        lives.version(workspace, seed=seed)
    lives.promote(workspace, 1, 0)
    close_ledger(workspace)
    return folder


def into_office(workspace: Workspace) -> None:
    """Roll version 2 out, or go on with it, as `train` and `reconcile` do."""
    now = _begun(workspace)
    while not now.is_over:
        now = walk_one(now, workspace, look=good).rollout


def back(workspace: Workspace) -> None:
    """Let version 2 take a step, and fail at the next."""
    now = _begun(workspace)
    while not now.is_over:
        now = walk_one(now, workspace, look=failing if now.step else good).rollout


def held_and_overtaken(workspace: Workspace) -> None:
    """Let version 2 wait for a person, who puts version 3 into office instead."""
    now = _begun(workspace)
    if not now.is_over:
        walk_one(now, _later(workspace, now.started_at), look=unseen)
    deploy("fraud", 3, workspace, actor=lives.PERSON, reason="Urgent.")


def _begun(workspace: Workspace) -> Rollout:
    return rollouts.start("fraud", 2, workspace, expected_epoch=1, **SAID)


def _later(workspace: Workspace, began_at: datetime) -> Workspace:
    class Later:
        def now(self) -> datetime:
            return began_at + timedelta(hours=1)

    return replace(workspace, clock=Later())


def assert_sound(workspace: Workspace) -> None:
    """Hold what is left against the invariants, whatever the point was."""
    try:
        assert lives.damage(workspace) == []
        ledger = open_ledger(workspace)
        office, now = ledger.slot("fraud"), ledger.open_rollout("fraud")
        assert office is not None
        assert (office.version, office.epoch) in ((1, 1), (2, 2), (3, 2))
        assert ledger.version("fraud", office.version).stage is Stage.VALIDATED
        assert now is None or office.epoch == now.champion_epoch
        for slot in (Slot.SHADOW, Slot.CHALLENGER):
            held = ledger.slot("fraud", slot)
            version = held.version if held else None
            assert version == (now.version if now and now.slot is slot else None)
    finally:
        close_ledger(workspace)


def assert_ended(
    workspace: Workspace, state: RolloutState, champion: int, shares: list[float], holds: int = 0
) -> None:
    """Hold the end of the work against what it must be, however often it was begun."""
    ledger = open_ledger(workspace)
    try:
        tenures = [(one.version, one.epoch) for one in ledger.tenures("fraud")]
        assert tenures == ([(1, 1)] if champion == 1 else [(1, 1), (champion, 2)])
        (now,) = ledger.rollouts("fraud")
        assert now.state is state
        assert [step.share for step in now.steps] == shares
        for step in now.steps[1:]:
            assert open_store(workspace).get_json(step.evidence)["rollout"] == now.id
        if state is RolloutState.ROLLED_BACK:
            assert open_store(workspace).get_json(now.verdict)["judged"]["move"] == "roll_back"
        kinds = [row.kind for row in ledger.audit()]
        assert kinds.count("rollout_started") == kinds.count("rollout_ended") == 1
        assert kinds.count("rollout_advanced") == len(shares) - 1
        assert kinds.count("rollout_held") == holds
        assert kinds.count("slot_moved") == len(tenures)
        assert {one.slot: one.version for one in ledger.assignments() if one.version} == {
            Slot.CHAMPION: champion
        }
        assert lives.damage(workspace) == []
    finally:
        close_ledger(workspace)


Done = Callable[[Workspace], None]
WORKS: dict[str, tuple[Callable[[Workspace], None], Done]] = {
    "into_office": (
        into_office,
        lambda done: assert_ended(done, RolloutState.PROMOTED, 2, [0.0, 0.1, 0.5]),
    ),
    "back": (back, lambda done: assert_ended(done, RolloutState.ROLLED_BACK, 1, [0.0, 0.1])),
    "overtaken": (
        held_and_overtaken,
        lambda done: assert_ended(done, RolloutState.OVERTAKEN, 3, [0.0], holds=1),
    ),
}
"""By name: what is done, and what must be true once it is."""


def sweep(
    source: Path, name: str, folder: Path, wanted: Callable[[int], Iterable[int]]
) -> tuple[int, int]:
    """Kill at the wanted points; return how many were tried and how many there are."""
    work, is_done = WORKS[name]
    killing = Killing(
        fresh=lambda fresh: copied(source, fresh),
        work=work,
        is_sound=assert_sound,
        is_done=is_done,
    )
    return killing.sweep(folder, wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    for name in WORKS:
        with tempfile.TemporaryDirectory() as folder:
            source = template(Path(folder) / "template")
            tried, there = sweep(source, name, Path(folder), lambda count: range(1, count + 1))
        print(f"aim rollout_kill_points_{name}: {tried}, wanted == {there}: met", flush=True)


if __name__ == "__main__":
    main()
