"""Who may ask for what, who must agree, and what is refused on record?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tenure import retirement
from tenure.errors import (
    CaseIsOver,
    CaseOpen,
    NoFallback,
    NotAllowedStage,
    NotFitToServe,
    SamePerson,
    StillInOffice,
    VersionNotFound,
)
from tenure.records import CaseState, Cause, Stage
from tests.unit.retirement.lives import ROBOT, Office
from tests.unit.training.houses import ACTOR


def newest(office: Office) -> Any:
    return office.ledger.audit(limit=10_000)[-1]


def test_the_champion_wants_a_successor_or_its_fallback_by_name(office: Office) -> None:
    with pytest.raises(StillInOffice):
        office.open(actor=ACTOR, to_fallback=False)
    refused = newest(office)
    assert (refused.kind, refused.actor) == ("retirement_refused", ACTOR)
    assert refused.body == {"version": 1, "refused_as": "StillInOffice"}
    assert office.ledger.cases("fraud") == []


REFUSED = {
    "no such version": ({"version": 9}, VersionNotFound),
    "no such successor": ({"successor": 9}, VersionNotFound),
    "its own successor": ({"successor": 1}, NotFitToServe),
    "an unfit successor": ({"version": 1, "successor": 3}, NotFitToServe),
    "retired already": ({"version": 3}, NotAllowedStage),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_as_an_attempt(office: Office, case: str) -> None:
    office.second()
    said = {"actor": ACTOR, "reason": "Back.", "evidence": "e"}
    office.ledger.promote("fraud", 1, expected_epoch=2, **said)
    office.ledger.change_stage("fraud", 3, Stage.RETIRED, **said)
    asked, error = REFUSED[case]
    with pytest.raises(error):
        office.open(actor=ACTOR, **asked)
    assert newest(office).body["refused_as"] == error.__name__
    assert office.ledger.slot("fraud").version == 1


def test_a_fallback_in_office_has_none_behind_it(office: Office) -> None:
    office.retire()
    with pytest.raises(NoFallback):
        office.open(actor=ACTOR)
    assert newest(office).kind == "retirement_refused"
    assert office.ledger.slot("fraud").version == 2


def test_a_person_who_wants_the_fallback_needs_approval_and_automation_the_specs(
    office: Office,
) -> None:
    by_hand = office.open(actor=ACTOR)
    assert (by_hand.state, by_hand.approvals_wanted) == (CaseState.WAITING, 1)
    assert by_hand.cause is Cause.BUSINESS
    assert office.open(actor=ACTOR) == by_hand, "asked again it is the same case"
    with pytest.raises(CaseOpen):
        office.open(actor=ACTOR, reason="Another reason.")
    answered = retirement.approve(by_hand.id[:10], True, "Yes.", office.workspace, actor=ACTOR)
    assert answered.state is CaseState.OPEN
    done = retirement.carry_out(answered, office.workspace, actor=ROBOT)
    record = retirement.load_record(done, office.workspace)
    assert [each.by for each in record.approvals] == [ACTOR]
    assert record.decided_by == ACTOR


def test_a_replaced_version_retires_by_hand_without_further_ado_in_the_default_tier(
    office: Office,
) -> None:
    office.second()
    assert office.open(actor=ACTOR, version=1).state is CaseState.OPEN


@pytest.mark.parametrize(("tier", "wanted"), [("low", 0), ("medium", 1), ("high", 2)])
def test_the_tier_says_how_many_must_agree(office: Office, tier: str, wanted: int) -> None:
    office.also(tier=tier)
    case = office.open()
    assert case.approvals_wanted == wanted
    assert (case.state is CaseState.WAITING) is bool(wanted)


def test_four_eyes_are_not_those_of_who_asked_nor_twice_the_same(office: Office) -> None:
    office.also(tier="high")
    case = office.open(actor="person:ann")
    for who in ("person:ann", "claimed:bob"):
        with pytest.raises(SamePerson):
            retirement.approve(case.id, True, "Yes.", office.workspace, actor=who)
        assert newest(office).kind == "answer_refused"
    retirement.approve(case.id, True, "Yes.", office.workspace, actor="person:bob")
    with pytest.raises(SamePerson):
        retirement.approve(case.id, True, "Yes.", office.workspace, actor="person:bob")
    case = retirement.approve(case.id, True, "Yes.", office.workspace, actor="person:eve")
    assert case.state is CaseState.OPEN


def test_an_answer_after_the_deadline_finds_the_case_over(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.also(decisions={"approve_within_hours": 1})
    case = office.open(actor=ACTOR)
    assert case.deadline_at == case.opened_at + timedelta(hours=1)
    office.ledger.lapse_case(case.id, actor=ROBOT, now=case.deadline_at)
    with pytest.raises(CaseIsOver):
        retirement.approve(case.id, True, "Yes.", office.workspace, actor="person:bob")
    assert newest(office).kind == "answer_refused"
    assert office.ledger.slot("fraud").version == 1


def test_a_champion_is_not_retired_as_replaced(office: Office) -> None:
    with pytest.raises(StillInOffice):
        retirement.open_superseded("fraud", 1, office.workspace, actor=ROBOT)
