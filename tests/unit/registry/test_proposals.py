"""Does a version that won wait for people's word where the tier wants that, and only there?"""

from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from tenure import retirement
from tenure.errors import AmbiguousCase, SamePerson
from tenure.records import (
    Action,
    Approval,
    CaseState,
    GateVerdict,
    RolloutState,
    digest_of,
    to_json,
)
from tenure.registry import open_ledger
from tenure.registry.proposals import propose, settle, waiting
from tests.unit.pages import loops
from tests.unit.registry import lives
from tests.unit.registry.test_specs import SPEC

ROBOT = "automation:promotion"


@pytest.fixture
def house(workspace):
    """Version 1 serves; version 2 has won against it."""
    write(workspace, tier="medium")
    lives.bare_version(workspace, tag="1")
    lives.promote(workspace, 1, 0)
    won(workspace, "2")
    return workspace


def write(workspace, **more):
    spec = {**SPEC, "expectations": None, **more}
    (workspace.models_folder / "fraud.yaml").write_text(yaml.safe_dump(spec))


def won(workspace, tag, epoch=1, verdict=GateVerdict.WINS):
    """Register a version that was judged against who served at an epoch."""
    ledger = open_ledger(workspace)
    fit = ledger.record_candidate(lives.candidate_record("fraud", tag), actor=lives.ROBOT)
    judged = replace(lives.evaluation(fit, verdict), champion_epoch=epoch, digest="")
    judged = replace(judged, digest=digest_of(to_json(judged)))
    return ledger.register_version(fit, judged, digest_of, actor=lives.ROBOT)


def say(workspace, case, by="person:ann", approved=True):
    now = workspace.clock.now()
    return open_ledger(workspace).answer_case(
        case.id, Approval(by=by, approved=approved, reason="I have seen it.", at=now)
    )


def test_a_winner_waits_once_with_what_the_gate_said(house):
    case = propose("fraud", house, actor=ROBOT)
    assert (case.action, case.version, case.state) == (Action.PROMOTE, 2, CaseState.WAITING)
    assert (case.approvals_wanted, case.on_timeout, case.epoch) == (1, "keep", 1)
    assert propose("fraud", house, actor=ROBOT) == case
    (opened,) = open_ledger(house).happenings("fraud", ("case_opened",))
    assert opened.evidence == open_ledger(house).evaluation("fraud", 2).digest
    assert waiting("fraud", open_ledger(house)) == [case]


@pytest.mark.parametrize(
    "more", [{"tier": "low"}, {"tier": "medium", "evaluation": {"gate": {"mode": "dry_run"}}}]
)
def test_where_nobody_need_agree_or_nothing_may_be_promoted_nothing_waits(house, more):
    write(house, **more)
    assert propose("fraud", house, actor=ROBOT) is None


def test_a_version_that_lost_or_won_against_somebody_else_does_not_wait(house):
    lives.promote(house, 2, 1)
    assert propose("fraud", house, actor=ROBOT) is None
    won(house, "3", epoch=1)
    assert propose("fraud", house, actor=ROBOT) is None
    won(house, "4", epoch=2, verdict=GateVerdict.FALLBACK)
    assert propose("fraud", house, actor=ROBOT) is None


def test_a_newer_winner_waits_in_the_place_of_an_older_one(house):
    first = propose("fraud", house, actor=ROBOT)
    won(house, "3")
    second = propose("fraud", house, actor=ROBOT)
    assert (second.version, second.state) == (3, CaseState.WAITING)
    first = open_ledger(house).case(first.id)
    assert first.outcome == "Version 3 won since then and is proposed instead."


def test_what_was_declined_is_not_proposed_again(house):
    case = propose("fraud", house, actor=ROBOT)
    say(house, case, approved=False)
    assert propose("fraud", house, actor=ROBOT).state is CaseState.DECLINED
    assert waiting("fraud", open_ledger(house)) == []


def test_a_deadline_that_passes_leaves_who_serves(house):
    case = propose("fraud", house, actor=ROBOT)
    later = case.deadline_at + timedelta(seconds=1)
    lapsed = open_ledger(house).lapse_case(case.id, actor=ROBOT, now=later)
    assert lapsed.state is CaseState.DECLINED
    assert open_ledger(house).slot("fraud").version == 1


def test_four_eyes_are_wanted_of_a_promotion_as_of_a_retirement(house):
    write(house, tier="high")
    case = propose("fraud", house, actor=ROBOT)
    assert say(house, case).state is CaseState.WAITING
    with pytest.raises(SamePerson):
        say(house, case)
    with pytest.raises(SamePerson):
        say(house, case, by="claimed:bob")
    assert say(house, case, by="person:bob").state is CaseState.OPEN


def test_an_approved_case_is_open_until_its_version_serves(house):
    case = say(house, propose("fraud", house, actor=ROBOT))
    assert settle(case, house, actor=ROBOT) == case
    lives.promote(house, 2, 1)
    closed = settle(case, house, actor=ROBOT)
    assert closed.state is CaseState.CLOSED
    assert closed.outcome == "Version 2 took office, as was approved."


def test_one_whose_rollout_began_is_closed_though_it_came_back_since(house):
    case, ledger = say(house, propose("fraud", house, actor=ROBOT)), open_ledger(house)
    said = {"actor": ROBOT, "reason": "Approved.", "evidence": "e"}
    begun = ledger.start_rollout("fraud", 2, shares=(0.1,), expected_epoch=1, **said)
    ledger.end_rollout(begun.id, RolloutState.ROLLED_BACK, **said)
    closed = settle(case, house, actor=ROBOT)
    assert closed.outcome == "The rollout of version 2 began, as was approved."
    assert propose("fraud", house, actor=ROBOT) is None, "nobody approves what came back"
    assert ledger.undone_cases() == []


def test_one_that_came_too_late_is_closed_and_changes_nothing(house):
    case = propose("fraud", house, actor=ROBOT)
    lives.bare_version(house, tag="9")
    lives.promote(house, 3, 1)
    assert propose("fraud", house, actor=ROBOT) is None
    closed = open_ledger(house).case(case.id)
    assert closed.outcome == "The slot went to version 3 at epoch 2 after this was proposed."


def test_a_proposal_never_holds_up_a_retirement(house):
    proposed = propose("fraud", house, actor=ROBOT)
    assert retirement.only_waiting("fraud", house) == proposed
    seen = loops.reading(0, version=1)
    decided = loops.decision(seen, Action.RETIRE)
    urgent = loops.case(decided, state=CaseState.WAITING, approvals_wanted=1)
    open_ledger(house).record_reading(seen, decided, urgent, actor=loops.ROBOT)
    assert open_ledger(house).open_case_of("fraud").id == urgent.id
    with pytest.raises(AmbiguousCase):
        retirement.only_waiting("fraud", house)
    lives.promote(house, 2, 1)
    assert retirement.only_waiting("fraud", house).id == urgent.id
