"""Do the right people hear once of an automation that does not do its work?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenure.records import Action
from tenure.registry import open_ledger
from tenure.telling import due_notices, tell
from tenure.telling.alarms import TROUBLED, WELL, Kind, Trouble, note_troubles
from tenure.workspace import Workspace
from tests.unit.notices.test_telling import NOTIFIED, ROBOT, Post
from tests.unit.pages import loops
from tests.unit.spec.specs import write_spec

ACTOR = "system:reconcile"
OFF = Trouble(automation="tenure-retire", kind=Kind.DISABLED, text="it is disabled")
FAILED = Trouble(automation="tenure-train", kind=Kind.FAILED, text="no deployment")


@pytest.fixture
def house(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("HOOK", "json://hook.example/")
    monkeypatch.setenv("PLATFORM", "json://platform.example/")
    write_spec(workspace, NOTIFIED)
    loops.serving(workspace)
    return replace(workspace, notify_to=("PLATFORM",))


def told(workspace: Workspace) -> list[tuple[str, str]]:
    post = Post()
    tell(None, workspace, actor=ROBOT, send=post)
    return [(name, notice.title) for name, notice in post.sent]


def test_a_trouble_that_lasts_is_told_once_and_so_is_its_end(house: Workspace) -> None:
    for _ in range(3):
        note_troubles([OFF], house, actor=ACTOR)
    assert told(house) == [("PLATFORM", "tenure-retire: disabled")]
    note_troubles([], house, actor=ACTOR)
    note_troubles([], house, actor=ACTOR)
    assert told(house) == [("PLATFORM", "tenure-retire: works again")]
    note_troubles([OFF], house, actor=ACTOR)
    assert told(house) == [("PLATFORM", "tenure-retire: disabled")]
    kinds = [row.kind for row in open_ledger(house).happenings(None, (TROUBLED, WELL))]
    assert kinds == [TROUBLED, WELL, TROUBLED]


def test_another_trouble_of_the_same_automation_is_news(house: Workspace) -> None:
    silent = replace(OFF, kind=Kind.SILENT, text="it is silent")
    note_troubles([OFF], house, actor=ACTOR)
    note_troubles([silent], house, actor=ACTOR)
    assert [title for _, title in told(house)] == [
        "tenure-retire: disabled",
        "tenure-retire: silent",
    ]


def test_an_action_that_fails_again_is_told_once_a_day_and_is_never_well_by_itself(
    house: Workspace,
) -> None:
    for found in ([FAILED], [], [FAILED]):
        note_troubles(found, house, actor=ACTOR)
    assert told(house) == [("PLATFORM", "tenure-train: failed")]


def test_where_nobody_could_be_asked_nothing_is_well(house: Workspace) -> None:
    note_troubles([OFF], house, actor=ACTOR)
    assert note_troubles([], house, actor=ACTOR, are_all=False) == []


def test_without_a_platform_team_everybody_is_told(house: Workspace) -> None:
    note_troubles([OFF], house, actor=ACTOR)
    assert [due.to for due in due_notices(None, replace(house, notify_to=()))] == [("HOOK",)]


def test_the_platform_team_hears_of_a_halt_of_everything_and_of_no_single_model(
    house: Workspace,
) -> None:
    loops.judge(house, 0, Action.WARN, version=2)
    assert [due.to for due in due_notices("fraud", house)] == [("HOOK",)]
    open_ledger(house).halt(None, actor="person:ann", reason="The feed is down.")
    (due,) = due_notices(None, house)
    assert due.to == ("PLATFORM", "HOOK")
