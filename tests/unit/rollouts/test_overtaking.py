"""Whatever moves the champion ends the rollout beside it at once, in one state, on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tenure import rollouts
from tenure.errors import Halted, StaleEpoch
from tenure.records import Rollout, RolloutState
from tenure.registry import deploy, open_ledger, rollback
from tenure.workspace import Workspace
from tests.unit.registry import lives
from tests.unit.rollouts.rolling import begin, good, slots, step

BY_HAND = {"actor": lives.PERSON, "reason": "Urgent."}


def direct(workspace: Workspace, number: int = 3) -> None:
    deploy("fraud", number, workspace, **BY_HAND)


def back(workspace: Workspace) -> None:
    rollback("fraud", workspace, **BY_HAND)


def vacate(workspace: Workspace) -> None:
    now = open_ledger(workspace).slot("fraud")
    assert now is not None
    said: Any = {**BY_HAND, "evidence": "a case"}
    open_ledger(workspace).vacate("fraud", expected_epoch=now.epoch, **said)


@pytest.fixture
def three(two: Workspace) -> Workspace:
    """Version 3 served before version 1 does again; version 2 is to take over."""
    lives.promote(two, 3, 1)
    lives.promote(two, 1, 2)
    return two


def last(workspace: Workspace) -> Rollout:
    return open_ledger(workspace).rollouts("fraud")[-1]


@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize(
    ("move", "champion", "said"),
    [(direct, 3, "v3 at epoch 4"), (back, 3, "v3 at epoch 4"), (vacate, None, "nobody at epoch 4")],
)
def test_no_version_keeps_a_share_beside_another_champion(
    three: Workspace,
    steps: int,
    move: Callable[[Workspace], None],
    champion: int | None,
    said: str,
) -> None:
    begin(three)
    for _ in range(steps):
        step(three)
    move(three)
    held = slots(three)
    assert held.pop("champion") == champion
    assert set(held.values()) == {None}
    ended = last(three)
    assert (ended.state, ended.ended_by) == (RolloutState.OVERTAKEN, lives.PERSON)
    assert f"The slot went to {said} (Urgent.)" in ended.outcome
    moved, over = open_ledger(three).audit("fraud")[-2:]
    assert (moved.kind, over.kind) == ("slot_moved", "rollout_ended")
    assert over.evidence == moved.evidence == ended.verdict
    assert rollouts.walk(three) == []
    assert lives.damage(three) == []


def test_a_person_who_deploys_the_version_itself_ends_it_well(two: Workspace) -> None:
    begin(two)
    step(two)
    direct(two, 2)
    assert slots(two) == {"champion": 2, "challenger": None, "shadow": None}
    assert last(two).state is RolloutState.PROMOTED
    assert lives.damage(two) == []


def test_a_halt_keeps_automation_from_the_slot_and_so_from_the_rollout(three: Workspace) -> None:
    begin(three)
    step(three)
    open_ledger(three).halt("fraud", actor=lives.PERSON, reason="Audit.")
    with pytest.raises(Halted):
        deploy("fraud", 3, three, actor=lives.ROBOT, reason="It is better.")
    assert slots(three) == {"champion": 1, "challenger": 2, "shadow": None}
    direct(three)
    assert slots(three) == {"champion": 3, "challenger": None, "shadow": None}
    assert last(three).state is RolloutState.OVERTAKEN


def test_a_move_that_is_refused_leaves_it_alone(three: Workspace) -> None:
    begin(three)
    with pytest.raises(StaleEpoch):
        deploy("fraud", 3, three, **BY_HAND, expected_epoch=2)
    assert slots(three)["shadow"] == 2
    assert last(three).state is RolloutState.RUNNING


def test_the_former_champion_may_come_back_after_it_and_be_followed_again(two: Workspace) -> None:
    begin(two)
    for _ in range(3):
        step(two)
    assert last(two).state is RolloutState.PROMOTED
    back(two)
    assert slots(two)["champion"] == 1
    again = rollouts.start("fraud", 2, two, **BY_HAND)
    assert (again.champion_epoch, again.state) == (3, RolloutState.RUNNING)
    assert step(two, good).did == "step 10 %"
    assert lives.damage(two) == []
