"""Does what was decided take effect once, wait for people, lapse and end as the spec says?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tenure.errors import CaseIsOver, CaseNotWaiting, CaseOpen, Halted, SamePerson
from tenure.monitoring.explaining import explain
from tenure.monitoring.judging import expire, judge, settle_retrain, superseded_due, watch_age
from tenure.records import Action, Approval, Case, CaseState, Cause, GateVerdict, Stage
from tenure.registry import open_ledger
from tenure.registry.chain import Line
from tenure.registry.fold import differences, fold, read_state
from tenure.registry.tables import audit
from tenure.workspace import open_workspace
from tests.conftest import PROJECT
from tests.unit.monitoring.test_decision import PLAIN, reading
from tests.unit.registry import lives

START = datetime(2026, 3, 1, tzinfo=UTC)
ROBOT = "automation:monitor"


@pytest.fixture
def house(workspace):
    """A simulated workspace whose version 3 is champion at epoch 2, a dummy behind it."""
    (workspace.root / "config" / "settings.yaml").write_text("simulated: true\n")
    made = open_workspace(workspace.root, project=PROJECT)
    made.clock.set(START)
    lives.bare_version(made, tag="1")
    lives.bare_version(made, tag="2", verdict=GateVerdict.FALLBACK)
    lives.bare_version(made, tag="3")
    lives.promote(made, 1, 0)
    lives.promote(made, 3, 1)
    write_spec(made)
    return made


def write_spec(house, monitoring=PLAIN, **sections):
    import yaml

    content = {
        "name": "fraud",
        "owner": "risk@bank.example",
        "data": {"source": "in", "target": "y"},
        "training": {"pipeline": "recipes:make"},
        "monitoring": monitoring,
        **sections,
    }
    (house.models_folder / "fraud.yaml").write_text(yaml.safe_dump(content))


def see(house, *shares, after=0):
    return [
        judge(reading(after + place, share), house, actor=ROBOT)
        for place, share in enumerate(shares, start=1)
    ]


def unlike_its_record(house):
    """Where the tables differ from what the record leads to, and rows that break its rules."""
    with open_ledger(house).database.steady() as connection:
        lines = [Line(*row) for row in connection.execute(select(audit).order_by(audit.c.seq))]
        folded, unlawful = fold(lines)
        return [*differences(folded, read_state(connection)), *unlawful]


def only_case(house):
    (case,) = open_ledger(house).cases("fraud")
    return case


def test_a_breach_opens_one_case_however_often_it_is_judged(house):
    first, second = see(house, 0.5, 0.5)
    again = judge(reading(2, 0.5), house, actor=ROBOT)
    assert (first.action, second.action) == (Action.KEEP, Action.RETRAIN)
    assert again == second
    case = only_case(house)
    assert (case.id, case.action, case.state) == (second.id, Action.RETRAIN, CaseState.OPEN)
    kinds = [row.kind for row in open_ledger(house).audit("fraud")]
    assert kinds.count("retrain_decided") == 1
    assert open_ledger(house).unsent()[-1].kind == "retrain_decided"
    assert unlike_its_record(house) == []


def test_while_a_case_is_open_a_worse_window_waits_and_then_retires(house):
    see(house, 0.7, 0.7)
    held = see(house, 0.7, after=2)[0]
    assert (held.wanted, held.action) == (Action.RETIRE, Action.WARN)
    assert "one at a time" in held.held_back[0]
    settle_retrain("fraud", 4, "It lost.", house, actor="automation:train")
    assert only_case(house).outcome == "Version 4: It lost."
    assert see(house, 0.7, after=3)[0].action is Action.RETIRE
    assert open_ledger(house).open_case_of("fraud").state is CaseState.OPEN


def test_a_reading_of_a_version_that_left_changes_nothing(house):
    lives.promote(house, 1, 2)
    assert see(house, 0.9, 0.9, 0.9)[-1].action is Action.KEEP
    assert open_ledger(house).cases("fraud") == []


def test_halted_automation_reads_on_and_opens_nothing(house):
    ledger = open_ledger(house)
    ledger.halt("fraud", actor="person:ann", reason="We look into it.")
    held = see(house, 0.7, 0.7, 0.7)[-1]
    assert held.action is Action.WARN
    assert "halted by person:ann" in held.held_back[0]
    assert ledger.cases("fraud") == []
    with pytest.raises(Halted):
        lives.promote(house, 1, 2, actor="automation:train")
    assert lives.promote(house, 1, 2, actor="person:ann").epoch == 3
    ledger.resume("fraud", actor="person:ann", reason="It was the feed.")
    assert lives.promote(house, 3, 3, actor="automation:train").epoch == 4


def test_a_halt_of_everything_holds_for_each_model(house):
    ledger = open_ledger(house)
    ledger.halt(None, actor="person:ann", reason="The feed is down.")
    assert ledger.halted("fraud").model is None
    with pytest.raises(Halted):
        lives.promote(house, 1, 2, actor="schedule:nightly")
    assert unlike_its_record(house) == []


def wait_for_ann(house, tier="medium", **decisions):
    write_spec(house, tier=tier, decisions=decisions)
    see(house, 0.7, 0.7, 0.7)
    settle_retrain("fraud", None, "Nothing is new.", house, actor="automation:train")
    see(house, 0.7, after=3)
    return open_ledger(house).open_case_of("fraud")


def answer(by, approved=True):
    return Approval(by=by, approved=approved, reason="I looked.", at=START)


def test_an_approval_opens_the_case_and_a_refusal_ends_it(house):
    case = wait_for_ann(house)
    assert (case.state, case.approvals_wanted) == (CaseState.WAITING, 1)
    opened = open_ledger(house).answer_case(case.id, answer("claimed:ann"))
    assert opened.state is CaseState.OPEN
    with pytest.raises(CaseNotWaiting):
        open_ledger(house).answer_case(case.id, answer("claimed:bob"))
    assert unlike_its_record(house) == []


def test_a_declined_case_is_over_and_says_by_whom(house):
    case = wait_for_ann(house)
    declined = open_ledger(house).answer_case(case.id, answer("person:ann", approved=False))
    assert (declined.state, declined.outcome) == (
        CaseState.DECLINED,
        "person:ann declined: I looked.",
    )
    with pytest.raises(CaseIsOver):
        open_ledger(house).answer_case(case.id, answer("person:bob"))
    assert open_ledger(house).open_case_of("fraud") is None


def test_four_eyes_want_two_people_whose_names_are_proved(house):
    case, ledger = wait_for_ann(house, tier="high"), open_ledger(house)
    with pytest.raises(SamePerson):
        ledger.answer_case(case.id, answer("claimed:ann"))
    assert ledger.answer_case(case.id, answer("person:ann")).state is CaseState.WAITING
    with pytest.raises(SamePerson):
        ledger.answer_case(case.id, answer("person:ann"))
    assert ledger.answer_case(case.id, answer("person:bob")).state is CaseState.OPEN


@pytest.mark.parametrize(
    ("spec_says", "state"), [("keep", CaseState.DECLINED), ("retire", CaseState.OPEN)]
)
def test_a_deadline_that_passes_does_what_the_spec_says(house, spec_says, state):
    case = wait_for_ann(house, when_not_answered=spec_says, approve_within_hours=10)
    house.clock.set(START + timedelta(hours=9))
    assert expire(house, actor="system:reconcile") == []
    house.clock.set(START + timedelta(hours=11))
    (lapsed,) = expire(house, actor="system:reconcile")
    assert (lapsed.id, lapsed.state) == (case.id, state)
    assert expire(house, actor="system:reconcile") == []
    assert unlike_its_record(house) == []


def test_while_halted_deadlines_wait(house):
    case = wait_for_ann(house, when_not_answered="retire", approve_within_hours=1)
    open_ledger(house).halt("fraud", actor="person:ann", reason="I look into it.")
    house.clock.set(START + timedelta(hours=5))
    assert expire(house, actor="system:reconcile") == []
    assert open_ledger(house).case(case.id).state is CaseState.WAITING


def test_a_retrain_that_nobody_ended_is_closed_and_was_an_attempt(house):
    see(house, 0.5, 0.5)
    house.clock.set(START + timedelta(hours=25))
    (closed,) = expire(house, actor="system:reconcile")
    assert closed.state is CaseState.CLOSED
    assert "No training ended" in closed.outcome


def test_a_dry_run_opens_no_case(house):
    write_spec(house, decisions={"dry_run": True})
    decided = see(house, 0.5, 0.5)[-1]
    assert (decided.action, decided.dry_run) == (Action.RETRAIN, True)
    assert open_ledger(house).cases("fraud") == []


def test_an_old_champion_is_retrained_once_and_a_young_one_is_not(house):
    write_spec(house, decisions={"max_age_days": 30})
    assert watch_age("fraud", house, actor=ROBOT) is None
    house.clock.set(datetime.now(UTC) + timedelta(days=31))
    case = watch_age("fraud", house, actor=ROBOT)
    assert (case.action, case.cause) == (Action.RETRAIN, Cause.AGE)
    assert watch_age("fraud", house, actor=ROBOT) is None


def test_former_champions_leave_standby_after_their_time(house):
    write_spec(house, retirement={"keep_superseded_days": 10})
    assert superseded_due("fraud", house) == []
    house.clock.set(datetime.now(UTC) + timedelta(days=11))
    assert superseded_due("fraud", house) == [1]
    write_spec(house, retirement={"keep_superseded_days": 10}, deployment={"fallback": "previous"})
    assert superseded_due("fraud", house) == []


def test_a_restored_version_has_its_time_on_standby_anew(house):
    write_spec(house, retirement={"keep_superseded_days": 10})
    house.clock.set(datetime.now(UTC) + timedelta(days=11))
    ledger, said = open_ledger(house), {"actor": "person:ann", "reason": "A try.", "evidence": "e"}
    ledger.change_stage("fraud", 1, Stage.RETIRED, **said)
    ledger.change_stage("fraud", 1, Stage.VALIDATED, **said)
    assert superseded_due("fraud", house) == []
    house.clock.set(datetime.now(UTC) + timedelta(days=22))
    assert superseded_due("fraud", house) == [1]


def test_a_person_opens_one_case_and_not_a_second(house):
    ledger = open_ledger(house)
    mine = Case(
        id="b" * 64,
        model="fraud",
        version=3,
        epoch=2,
        action=Action.RETIRE,
        cause=Cause.BUSINESS,
        reason="The product ends.",
        state=CaseState.OPEN,
        opened_by="person:ann",
        opened_at=START,
    )
    ledger.open_case(mine, actor="person:ann", evidence="letter of 1 March")
    with pytest.raises(CaseOpen):
        ledger.open_case(
            Case(**{name: getattr(mine, name) for name in mine.__slots__} | {"id": "c" * 64}),
            actor="person:bob",
            evidence="another letter",
        )


def test_putting_a_replaced_version_away_holds_nothing_up(house):
    ledger = open_ledger(house)
    away = Case(
        id="d" * 64,
        model="fraud",
        version=1,
        epoch=2,
        action=Action.RETIRE,
        cause=Cause.SUPERSEDED,
        reason="It was replaced.",
        state=CaseState.OPEN,
        opened_by="system:reconcile",
        opened_at=START,
    )
    ledger.open_case(away, actor="system:reconcile", evidence="the spec")
    assert ledger.case_against("fraud", 1).id == away.id
    assert see(house, 0.7, 0.7, 0.7)[1].held_back == ()
    assert ledger.open_case_of("fraud").action is Action.RETRAIN
    ledger.close_case(away.id, actor=ROBOT, outcome="It is away.", record=None, now=START)
    assert ledger.case_against("fraud", 1) is None
    assert unlike_its_record(house) == []


def test_explain_says_the_rule_the_guards_and_the_readings(house):
    write_spec(house, {"retire": {"share": 0.6, "windows": "1 of 1"}}, tier="medium")
    decided = see(house, 0.7)[0]
    text = "\n".join(explain(decided.id[:10], house).text)
    for part in ("monitoring.retire.share", "0.7", "waiting", "wants 1 approval", "500 rows"):
        assert part in text
    told = explain(decided.id, house).as_dict()
    assert told["case"]["id"] == told["decision"]["id"] == decided.id
