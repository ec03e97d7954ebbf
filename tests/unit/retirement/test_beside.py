"""Does a retirement leave one consistent state while a version takes over by steps?"""

from __future__ import annotations

import pytest

from tenure import retirement, rollouts
from tenure.records import CaseState, Rollout, RolloutState, Stage
from tests.unit.retirement.lives import ROBOT, Office, loss
from tests.unit.training.houses import ACTOR

SAID = {"actor": ACTOR, "reason": "It won."}


@pytest.fixture
def rolling(office: Office) -> Office:
    """Version 1 serves, version 2 is its fallback, and version 3 answers 1 % of the requests."""
    number = office.second()
    office.ledger.promote("fraud", 1, expected_epoch=2, evidence="e", **SAID)
    rollouts.start("fraud", number, office.workspace, **SAID)
    rollouts.advance("fraud", office.workspace, **SAID)
    return office


def slots(office: Office) -> dict[str, int | None]:
    return {each.slot.value: each.version for each in office.ledger.assignments()}


def last(office: Office) -> Rollout:
    return office.ledger.rollouts("fraud")[-1]


def test_the_fallback_has_nobody_beside_it(rolling: Office) -> None:
    case = rolling.retire()
    assert case.state is CaseState.CLOSED
    assert slots(rolling) == {"champion": 2, "challenger": None, "shadow": None}
    assert last(rolling).state is RolloutState.OVERTAKEN
    assert "The slot went to v2 at epoch 4" in last(rolling).outcome
    assert last(rolling).verdict == case.id
    assert rolling.ledger.version("fraud", 3).stage is Stage.VALIDATED
    assert loss(rolling.workspace) == []


def test_a_successor_that_is_being_rolled_out_has_arrived(rolling: Office) -> None:
    rolling.retire(successor=3)
    assert slots(rolling) == {"champion": 3, "challenger": None, "shadow": None}
    assert last(rolling).state is RolloutState.PROMOTED
    assert loss(rolling.workspace) == []


def test_a_vacant_slot_has_nobody_beside_it(rolling: Office) -> None:
    rolling.also(deployment={"fallback": "none", "may_leave_vacant": True})
    rolling.retire()
    assert slots(rolling) == {"champion": None, "challenger": None, "shadow": None}
    assert last(rolling).state is RolloutState.OVERTAKEN


def test_a_version_that_is_retired_on_its_way_leaves_its_slot_first(rolling: Office) -> None:
    case = rolling.retire(version=3, to_fallback=False)
    assert case.state is CaseState.CLOSED
    assert rolling.ledger.version("fraud", 3).stage is Stage.ARCHIVED
    assert slots(rolling) == {"champion": 1, "challenger": None, "shadow": None}
    ended = last(rolling)
    assert (ended.state, ended.verdict) == (RolloutState.ABORTED, case.id)
    assert ended.outcome.startswith("Version 3 is retired: It is bad.")
    assert loss(rolling.workspace) == []


def test_a_rollout_that_began_after_the_case_stands(rolling: Office) -> None:
    rollouts.abort("fraud", rolling.workspace, **SAID)
    case = rolling.open(version=3, to_fallback=False)
    rollouts.start("fraud", 3, rolling.workspace, actor="person:ann", reason="It is sound.")
    case = retirement.carry_out(case, rolling.workspace, actor=ROBOT)
    assert case.state is CaseState.CLOSED
    assert case.outcome.startswith("A rollout of version 3 began (person:ann) after this")
    assert rolling.ledger.version("fraud", 3).stage is Stage.VALIDATED
    assert slots(rolling)["shadow"] == 3
