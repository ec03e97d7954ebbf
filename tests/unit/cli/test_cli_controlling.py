from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import tenure
from tenure.errors import Halted
from tenure.records import Action, Case, CaseState, Cause, Stage, digest_of
from tenure.registry import close_ledger, open_ledger
from tenure.workspace import Workspace
from tests.unit.cli.calling import Shell
from tests.unit.registry.lives import bare_version, promote, version

ROBOT = "automation:test"


def waiting(
    workspace: Workspace, *, wanted: int = 1, opened_by: str = ROBOT, tag: str = ""
) -> Case:
    now = datetime.now(UTC)
    case = Case(
        id=digest_of(["case", wanted, opened_by]),
        model="fraud",
        version=1,
        epoch=1,
        action=Action.RETIRE,
        cause=Cause.DRIFT,
        reason="It drifted.",
        state=CaseState.WAITING,
        opened_by=opened_by,
        opened_at=now,
        approvals_wanted=wanted,
        deadline_at=now + timedelta(hours=1),
    )
    return open_ledger(workspace).open_case(case, actor=opened_by, evidence="a reading")


@pytest.fixture
def serving(workspace: Workspace) -> Workspace:
    bare_version(workspace)
    promote(workspace, 1, 0)
    return workspace


def test_a_case_is_listed_answered_and_kept(shell: Shell, serving: Workspace) -> None:
    assert "No case" in shell("cases").out
    case = waiting(serving)
    listed = shell("cases", "fraud", "--json").json
    assert [(each["id"], each["state"]) for each in listed] == [(case.id, "waiting")]
    assert case.id[:12] in shell("cases").out
    said = shell("approve", case.id[:8], "-m", "agreed")
    assert (said.code, "is carried out" in said.out) == (0, True)
    assert open_ledger(serving).case(case.id).state is CaseState.OPEN
    again = shell("approve", case.id[:8], "-m", "agreed", "--json")
    assert (again.code, again.error["code"]) == (3, "CaseNotWaiting")
    assert open_ledger(serving).audit()[-1].kind == "answer_refused"


def test_a_case_that_was_declined_is_over(shell: Shell, serving: Workspace) -> None:
    case = waiting(serving)
    assert "stays undone" in shell("approve", case.id, "--decline", "-m", "a holiday").out
    assert shell("cases", "--json").json == []
    kept = shell("cases", "fraud", "--all", "--json").json
    assert kept[0]["outcome"].endswith("a holiday")
    refused = shell("approve", case.id, "-m", "after all", "--json")
    assert (refused.code, refused.error["code"]) == (3, "CaseIsOver")


def test_a_models_name_stands_for_its_case(shell: Shell, serving: Workspace) -> None:
    assert shell("approve", "fraud", "-m", "agreed", "--json").error["code"] == "CaseNotFound"
    case = waiting(serving)
    assert shell("approve", "fraud", "-m", "agreed").code == 0
    assert open_ledger(serving).case(case.id).state is CaseState.OPEN


def test_the_one_who_asked_is_no_second_pair_of_eyes(
    shell: Shell, serving: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = waiting(serving, wanted=2, opened_by="person:ann")
    monkeypatch.setenv("TENURE_ACTOR", "ann")
    refused = shell("approve", case.id, "-m", "agreed", "--json")
    assert (refused.code, refused.error["code"]) == (3, "SamePerson")
    for name, state in (("bob", CaseState.WAITING), ("eve", CaseState.OPEN)):
        monkeypatch.setenv("TENURE_ACTOR", name)
        assert shell("approve", case.id, "-m", "agreed").code == 0
        assert open_ledger(serving).case(case.id).state is state


def test_a_halt_stops_automation_and_not_people_until_resume(
    shell: Shell, serving: Workspace
) -> None:
    bare_version(serving, tag="1")
    assert "is halted" in shell("halt", "fraud", "-m", "audit").out
    with pytest.raises(Halted):
        promote(serving, 2, 1, actor=ROBOT)
    promote(serving, 2, 1)
    close_ledger(serving)
    with pytest.raises(Halted):
        promote(serving, 1, 2, actor=ROBOT)
    shell("halt", "--all", "-m", "the feed is broken")
    resumed = shell("resume", "fraud", "-m", "audit done")
    assert "Still halted: every model" in resumed.out
    with pytest.raises(Halted):
        promote(serving, 1, 2, actor=ROBOT)
    assert shell("resume", "--all", "-m", "the feed is back").code == 0
    assert promote(serving, 1, 2, actor=ROBOT).epoch == 3


def test_a_retired_version_comes_back_by_one_command(shell: Shell, workspace: Workspace) -> None:
    version(workspace)
    ledger = open_ledger(workspace)
    said = {"actor": ROBOT, "reason": "It drifted.", "evidence": "a case"}
    ledger.change_stage("fraud", 1, Stage.RETIRED, **said)
    back = shell("restore", "fraud", "1", "-m", "the feed was at fault")
    assert (back.code, "is validated" in back.out) == (0, True)
    assert ledger.version("fraud", 1).stage is Stage.VALIDATED
    assert ledger.audit()[-1].reason == "the feed was at fault"
    assert shell("deploy", "fraud", "1", "-m", "back").code == 0


REFUSED = {
    "no such case": (("approve", "abcd", "-m", "x"), 2, "CaseNotFound"),
    "no reason": (("halt", "fraud", "-m", " "), 2, "BadAuditEntry"),
    "neither model nor all": (("halt", "-m", "x"), 2, "HaltsNothing"),
    "both": (("halt", "fraud", "--all", "-m", "x"), 2, "HaltsNothing"),
    "unknown model": (("halt", "scam", "-m", "x"), 2, "ModelNotFound"),
    "nothing to lift": (("resume", "fraud", "-m", "x"), 3, "NotHalted"),
    "unknown model's cases": (("cases", "scam"), 2, "ModelNotFound"),
    "unknown version": (("restore", "fraud", "9", "-m", "x"), 2, "VersionNotFound"),
    "unknown model's version": (("restore", "scam", "1", "-m", "x"), 2, "ModelNotFound"),
    "never retired": (("restore", "fraud", "2", "-m", "x"), 3, "NotAllowedStage"),
    "purged": (("restore", "fraud", "3", "-m", "x"), 3, "VersionPurged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_so(case: str, shell: Shell, serving: Workspace) -> None:
    from tenure.records import GateVerdict

    bare_version(serving, tag="1", verdict=GateVerdict.LOSES)
    bare_version(serving, tag="2")
    ledger = open_ledger(serving)
    for stage in (Stage.RETIRED, Stage.ARCHIVED, Stage.PURGED):
        ledger.change_stage("fraud", 3, stage, actor=ROBOT, reason="Over.", evidence="a case")
    words, code, error = REFUSED[case]
    refused = shell(*words, "--json")
    assert (refused.code, refused.error["code"]) == (code, error)
    assert ledger.version("fraud", 3).stage is Stage.PURGED
    assert ledger.halts() == []
    if words[0] == "restore" and code == 3:
        assert ledger.audit()[-1].kind == "restore_refused"


def test_automation_neither_halts_nor_approves(
    shell: Shell, serving: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = waiting(serving)
    monkeypatch.setenv("TENURE_ACTOR", ROBOT)
    for words in (("halt", "--all"), ("resume", "--all"), ("approve", case.id)):
        refused = shell(*words, "-m", "by itself", "--json")
        assert (refused.code, refused.error["code"]) == (3, "NotAPerson")
    assert open_ledger(serving).case(case.id).state is CaseState.WAITING


def test_the_same_verbs_work_from_python(serving: Workspace) -> None:
    halt = tenure.halt("fraud", reason="audit", workspace=serving.root)
    assert halt.model == "fraud"
    assert tenure.resume("fraud", reason="done", workspace=serving.root).still == ()
    assert tenure.cases(workspace=serving.root) == ()
