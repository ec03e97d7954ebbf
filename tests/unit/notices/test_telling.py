"""Is each change told once, to those whom the spec names, and held while automation is halted?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tenure.notices import Delivery, Notice
from tenure.records import Action, CaseState, Cause, Stage
from tenure.registry import open_ledger
from tenure.registry.chain import Line
from tenure.registry.fold import differences, fold, read_state
from tenure.registry.specs import keep_spec, note_orphans
from tenure.registry.tables import audit
from tenure.spec import load_spec
from tenure.telling import due_notices, tell, tell_week
from tenure.workspace import Workspace
from tests.unit.notices.receivers import Receiver
from tests.unit.pages import loops
from tests.unit.spec.specs import GOOD, write_spec

ROBOT, PERSON = "automation:notify", "person:ann"
NOTIFIED = GOOD + "notify: {to: [HOOK], weekly: true, allow_hosts: [127.0.0.1]}\n"
TWO = GOOD + "notify: {to: [HOOK, PAGER]}\n"


class Post:
    """Takes what would be sent; addresses named in `broken` cannot be reached."""

    def __init__(self, *broken: str) -> None:
        self.broken = set(broken)
        self.sent: list[tuple[str, Notice]] = []

    def __call__(self, notice: Notice, addresses: Any, **_: Any) -> list[Delivery]:
        self.sent += [(each.name, notice) for each in addresses if each.name not in self.broken]
        return [
            Delivery(to=each.name, why="it was away." if each.name in self.broken else "")
            for each in addresses
        ]

    @property
    def titles(self) -> list[str]:
        return [notice.title for _, notice in self.sent]


@pytest.fixture
def told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("HOOK", "json://hook.example/")
    monkeypatch.setenv("PAGER", "json://pager.example/")
    write_spec(workspace, NOTIFIED)
    loops.serving(workspace)
    return workspace


def open_retirement(workspace: Workspace, **changes: Any) -> Any:
    seen = loops.reading(0, version=2)
    decided = loops.decision(seen, Action.RETIRE)
    case = loops.case(decided, **changes)
    return open_ledger(workspace).record_reading(seen, decided, case, actor=loops.ROBOT)


def test_a_warning_reaches_the_receiver(
    told: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", receiver.url)
    loops.judge(told, 0, Action.WARN, version=2)
    assert [each.why for each in tell("fraud", told, actor=ROBOT)] == [""]
    (got,) = receiver.arrived
    assert got["title"] == "fraud: warning about version 2"
    for part in (
        "2 of 3 windows drift, the last.",
        "owner: risk@bank.example",
        "What happens next",
        'tenure halt fraud --reason "…"',
        "fraud/index.html",
        "Record: ",
    ):
        assert part in got["message"]


def test_each_change_is_told_once(told: Workspace) -> None:
    post = Post()
    loops.judge(told, 0, Action.WARN, version=2)
    tell("fraud", told, actor=ROBOT, send=post)
    tell("fraud", told, actor=ROBOT, send=post)
    assert post.titles == ["fraud: warning about version 2"]
    assert due_notices("fraud", told) == []
    kinds = [row.kind for row in open_ledger(told).audit("fraud")]
    assert kinds.count("notice_sent") == 1


def test_the_same_warning_again_is_no_news_but_another_one_is(told: Workspace) -> None:
    post = Post()
    for week in range(3):
        loops.judge(told, week, Action.WARN, version=2)
        tell("fraud", told, actor=ROBOT, send=post)
    assert len(post.sent) == 1
    seen = loops.reading(3, version=2)
    other = loops.decision(seen, Action.WARN, cause=Cause.QUALITY, rule="monitoring.warn.constant")
    open_ledger(told).record_reading(seen, other, actor=loops.ROBOT)
    loops.judge(told, 4, version=2)
    loops.judge(told, 5, Action.WARN, version=2)
    tell("fraud", told, actor=ROBOT, send=post)
    assert len(post.sent) == 3


def test_a_warning_leads_to_the_page_of_its_window(told: Workspace) -> None:
    post = Post()
    loops.judge(told, 0, Action.WARN, version=2, page="fraud/windows/w0.html")
    tell("fraud", told, actor=ROBOT, send=post)
    assert f"Evidence: {told.pages}/fraud/windows/w0.html" in post.sent[0][1].body


def test_the_address_stands_nowhere_in_the_workspace(
    told: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "json://user:s3cr3t@169.254.169.254/")
    loops.judge(told, 0, Action.WARN, version=2)
    (failed,) = tell("fraud", told, actor=ROBOT)
    assert "notify.allow_hosts" in failed.why
    kept = b"".join(file.read_bytes() for file in told.state.rglob("*") if file.is_file())
    assert b"was not told" in kept
    assert b"s3cr3t" not in kept


def test_windows_that_are_well_are_not_told(told: Workspace) -> None:
    loops.judge(told, 0, version=2)
    assert due_notices("fraud", told) == []


def test_a_case_is_told_as_it_goes_and_only_its_newest_change(told: Workspace) -> None:
    post = Post()
    ledger = open_ledger(told)
    decided = open_retirement(
        told,
        state=CaseState.WAITING,
        approvals_wanted=1,
        deadline_at=told.clock.now() + timedelta(hours=72),
        on_timeout="retire",
    )
    tell("fraud", told, actor=ROBOT, send=post)
    ledger.answer_case(decided.id, loops.approval())
    loops.retire(told, decided)
    tell("fraud", told, actor=ROBOT, send=post)
    assert post.titles == [
        "fraud: approval wanted for retiring version 2",
        "fraud: version 2 was retired",
    ]
    asked, done = (notice.body for _, notice in post.sent)
    assert f"`tenure approve {decided.id[:12]}`" in asked
    assert "Without an answer by then: retire." in asked
    assert f"fraud/cases/{decided.id[:12]}.html" in asked
    assert "Outcome: Version 2 was retired; version 1 answers." in done
    assert "tenure halt" not in done


def test_a_case_that_was_declined_or_lapsed_is_told(told: Workspace) -> None:
    post, ledger = Post(), open_ledger(told)
    deadline = told.clock.now() - timedelta(hours=1)
    decided = open_retirement(
        told, state=CaseState.WAITING, approvals_wanted=1, deadline_at=deadline
    )
    ledger.lapse_case(decided.id, actor="automation:expire", now=told.clock.now())
    tell("fraud", told, actor=ROBOT, send=post)
    assert post.titles == ["fraud: version 2 stays in office"]
    assert "Nobody answered until" in post.sent[0][1].body


def test_a_decision_that_was_not_carried_out_says_so(told: Workspace) -> None:
    seen = loops.reading(0, version=2)
    decided = loops.decision(seen, Action.RETIRE, dry_run=True, held_back=("dry_run is on.",))
    open_ledger(told).record_reading(seen, decided, actor=loops.ROBOT)
    post = Post()
    tell("fraud", told, actor=ROBOT, send=post)
    assert post.titles == ["fraud: retiring version 2 was decided and not carried out"]
    assert "the spec says dry_run" in post.sent[0][1].body
    assert "Held back: dry_run is on." in post.sent[0][1].body


def test_what_cannot_be_sent_is_recorded_and_tried_again_a_few_times(told: Workspace) -> None:
    write_spec(told, TWO)
    post = Post("PAGER")
    loops.judge(told, 0, Action.WARN, version=2)
    for _ in range(9):
        tell("fraud", told, actor=ROBOT, send=post)
    assert [name for name, _ in post.sent] == ["HOOK"]
    rows = open_ledger(told).audit("fraud")
    failed = [row for row in rows if row.kind == "notice_failed"]
    assert [row.body["to"] for row in failed] == ["PAGER"] * 5
    assert {row.reason for row in failed} == {"it was away."}


def test_an_address_that_is_back_gets_what_it_missed(told: Workspace) -> None:
    post = Post("HOOK")
    loops.judge(told, 0, Action.WARN, version=2)
    tell("fraud", told, actor=ROBOT, send=post)
    post.broken.clear()
    tell("fraud", told, actor=ROBOT, send=post)
    tell("fraud", told, actor=ROBOT, send=post)
    assert len(post.sent) == 1


def test_a_variable_that_is_not_set_is_a_failure_on_record(
    told: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK")
    loops.judge(told, 0, Action.WARN, version=2)
    (failed,) = tell("fraud", told, actor=ROBOT, send=Post())
    assert failed.why == "HOOK was not told: it is not set here."


def test_a_notice_whose_sender_died_is_not_sent_again(
    told: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> list[Delivery]:
        raise KeyboardInterrupt

    post = Post()
    loops.judge(told, 0, Action.WARN, version=2)
    with pytest.raises(KeyboardInterrupt):
        tell("fraud", told, actor=ROBOT, send=dies)
    tell("fraud", told, actor=ROBOT, send=post)
    monkeypatch.setattr("tenure.registry.notices.LOST_AFTER", timedelta(0))
    tell("fraud", told, actor=ROBOT, send=post)
    tell("fraud", told, actor=ROBOT, send=post)
    assert post.sent == []
    kinds = [row.kind for row in open_ledger(told).audit("fraud")]
    assert kinds.count("notice_lost") == 1


def test_while_halted_nothing_is_told_by_itself_and_then_all_of_it(told: Workspace) -> None:
    post, ledger = Post(), open_ledger(told)
    loops.judge(told, 0, Action.WARN, version=2)
    ledger.halt("fraud", actor=PERSON, reason="We look into it.")
    assert tell("fraud", told, actor=ROBOT, send=post) == []
    assert post.sent == []
    ledger.resume("fraud", actor=PERSON, reason="All is well.")
    tell("fraud", told, actor=ROBOT, send=post)
    assert post.titles == [
        "fraud: warning about version 2",
        "fraud: automation halted",
        "fraud: automation resumed",
    ]


def test_a_persons_halt_is_told_by_that_person(told: Workspace) -> None:
    post, ledger = Post(), open_ledger(told)
    ledger.halt("fraud", actor=PERSON, reason="We look into it.")
    tell("fraud", told, actor=PERSON, send=post)
    assert post.titles == ["fraud: automation halted"]
    assert "person:ann: We look into it." in post.sent[0][1].body
    assert "`tenure resume fraud`" in post.sent[0][1].body


def test_a_halt_of_everything_is_told_once_to_each_address(told: Workspace) -> None:
    write_spec(told, TWO.replace("name: fraud", "name: bikes"), "bikes")
    post = Post()
    open_ledger(told).halt(None, actor=PERSON, reason="Maintenance.")
    tell(None, told, actor=PERSON, send=post)
    tell(None, told, actor=PERSON, send=post)
    assert sorted(name for name, _ in post.sent) == ["HOOK", "PAGER"]
    assert set(post.titles) == {"all models: automation halted"}


def test_a_restored_version_is_told_and_a_retired_one_by_its_case(told: Workspace) -> None:
    post, ledger = Post(), open_ledger(told)
    said = {"actor": PERSON, "reason": "It was not its fault.", "evidence": "e" * 64}
    ledger.change_stage("fraud", 1, Stage.RETIRED, **said)
    assert due_notices("fraud", told) == []
    ledger.change_stage("fraud", 1, Stage.VALIDATED, **said)
    tell("fraud", told, actor=ROBOT, send=post)
    assert post.titles == ["fraud: version 1 was restored"]
    assert "It was not its fault." in post.sent[0][1].body


def test_what_is_older_than_three_days_is_not_told(workspace: Workspace) -> None:
    from tenure.workspace import SimulatedClock

    clock = SimulatedClock(workspace.state / "clock")
    past = replace(workspace, clock=clock, simulated=True)
    write_spec(past, NOTIFIED)
    clock.set(loops.FIRST)
    loops.serving(past)
    loops.judge(past, 0, Action.WARN, version=2)
    assert len(due_notices("fraud", past)) == 1
    clock.set(loops.FIRST + timedelta(days=3, minutes=1))
    assert due_notices("fraud", past) == []


def test_nobody_is_told_where_the_spec_names_nobody_or_is_gone(told: Workspace) -> None:
    loops.judge(told, 0, Action.WARN, version=2)
    file = write_spec(told, GOOD)
    assert due_notices("fraud", told) == []
    file.unlink()
    assert due_notices("fraud", told) == []


def test_a_week_is_told_once_with_a_line_a_model(told: Workspace) -> None:
    write_spec(told, NOTIFIED.replace("name: fraud", "name: bikes"), "bikes")
    post = Post()
    loops.judge(told, 0, Action.WARN, version=2)
    loops.judge(told, 1, Action.RETRAIN, version=2)
    tell_week(told, actor=ROBOT, send=post)
    tell_week(told, actor=ROBOT, send=post)
    ((name, notice),) = post.sent
    assert name == "HOOK"
    assert notice.title.endswith("2 models")
    assert "fraud (owner: risk@bank.example): version 2 serves since" in notice.body
    assert "2 windows read, 1 warning" in notice.body
    assert "open case: retrain version 2, open" in notice.body
    assert "bikes (owner: risk@bank.example): nobody serves yet" in notice.body


def test_a_digest_waits_while_everything_is_halted(told: Workspace) -> None:
    post, ledger = Post(), open_ledger(told)
    ledger.halt(None, actor=PERSON, reason="Maintenance.")
    assert tell_week(told, actor=ROBOT, send=post) == []
    ledger.resume(None, actor=PERSON, reason="Done.")
    tell_week(told, actor=ROBOT, send=post)
    assert len(post.sent) == 1


def test_the_state_is_still_the_fold_of_the_record(told: Workspace) -> None:
    decided = open_retirement(told)
    tell("fraud", told, actor=ROBOT, send=Post())
    loops.retire(told, decided)
    with open_ledger(told).database.reading() as connection:
        lines = [Line(*row) for row in connection.execute(select(audit).order_by(audit.c.seq))]
        folded, unlawful = fold(lines)
        assert unlawful == []
        assert differences(folded, read_state(connection)) == []


def test_the_owner_of_an_orphaned_model_is_told_once(told: Workspace) -> None:
    post = Post()
    keep_spec(load_spec("fraud", told), told, actor=ROBOT)
    (told.models_folder / "fraud.yaml").unlink()
    for _ in range(2):
        note_orphans(told, actor=ROBOT)
        tell("fraud", told, actor=ROBOT, send=post)
    assert post.titles == ["fraud: it serves and has no spec"]
    said = post.sent[0][1].body
    assert "owner: risk@bank.example" in said
    assert "nothing is trained" in said


def test_a_winner_that_waits_is_told_as_a_question_and_not_as_a_retirement(told: Workspace) -> None:
    post = Post()
    write_spec(told, NOTIFIED + "tier: medium\n")
    ledger = open_ledger(told)
    case = loops.case(
        loops.decision(loops.reading(0, version=2), Action.RETIRE),
        action=Action.PROMOTE,
        cause=Cause.BETTER,
        state=CaseState.WAITING,
        approvals_wanted=1,
    )
    ledger.open_case(case, actor=loops.ROBOT, evidence="e" * 64)
    tell("fraud", told, actor=ROBOT, send=post)
    assert post.titles == ["fraud: approval wanted for version 2 to take office"]
    body = post.sent[0][1].body
    assert "Who serves now serves on" in body
    assert "asked" not in body
    assert f"`tenure approve {case.id[:12]}`" in body
