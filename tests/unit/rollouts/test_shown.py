"""A rollout is seen on the pages, and its owner hears of what matters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tenure import pages, rollouts, telling
from tenure.notices import Delivery, Notice
from tenure.pages.render import when
from tenure.registry import open_ledger
from tenure.rollouts import last_look
from tenure.workspace import Workspace
from tests.unit.registry import lives
from tests.unit.rollouts.rolling import SPEC, begin, failing, step, unseen


def page(workspace: Workspace, name: str) -> str:
    pages.write_index(workspace)
    pages.draw_model("fraud", workspace)
    return (workspace.pages / name).read_text()


def test_the_life_has_a_band_a_step_and_the_fleet_the_step_now(two: Workspace) -> None:
    assert "rolled out" not in page(two, "fraud/index.html")
    begin(two)
    step(two)
    life, fleet = page(two, "fraud/index.html"), page(two, "index.html")
    for band in ("v2 shadow", "v2 10 %"):
        assert f"{band} from" in life
    assert "version 2: 10 %" in fleet
    step(two, failing)
    assert "rolled back: It failed 100 of 200 requests" in page(two, "fraud/index.html")
    assert "version 2: 10 %" not in page(two, "index.html")


def test_the_page_shows_how_far_it_is_what_was_seen_and_what_comes_next(two: Workspace) -> None:
    begin(two)
    begun = page(two, "fraud/index.html")
    assert "Version 2 takes over by steps: asked beside the champion" in begun
    assert "Nobody has looked at this step yet." in begun
    step(two)
    assert "Version 2 takes over by steps: 10 % of the requests" in page(two, "fraud/index.html")
    soon = SPEC.replace("bake_minutes: 0", "bake_minutes: 90")
    (two.models_folder / "fraud.yaml").write_text(soon)
    assert step(two).did == "wait"
    life = page(two, "fraud/index.html")
    assert "challenger, 10 %" in life, "the version's own row names its slot"
    began = open_ledger(two).open_rollout("fraud").now.began_at  # type: ignore[union-attr]
    assert f"50 % comes next, at {when(began + timedelta(minutes=90))} at the earliest" in life
    assert "It answered 200 requests of the 100 that are wanted." in life
    assert "What this step has seen" in life
    for command in ("tenure rollout advance fraud", "tenure rollout abort fraud"):
        assert command in life


def test_the_page_shows_what_sent_it_back(two: Workspace) -> None:
    begin(two)
    back = step(two, failing)
    life = page(two, "fraud/index.html")
    assert "The last rollout" in life
    assert "Rolled back" in life
    assert "challenger, 10 %" not in life
    assert "What the last step had seen" in life
    assert back.rollout.verdict is not None
    assert back.rollout.verdict[:12] in life
    assert "It failed 100 of 200 requests" in life
    assert "tenure rollout advance fraud" not in life


def test_a_look_is_of_its_step_and_may_be_lost(two: Workspace) -> None:
    now = begin(two)
    assert last_look(now, two) is None
    later = step(two).rollout
    assert last_look(now, two) is not None
    assert last_look(later, two) is None, "nobody has looked at this step"
    (two.state / "checks" / "fraud" / "rollout").write_text("torn {")
    assert last_look(now, two) is None
    rollouts.abort("fraud", two, actor=lives.PERSON, reason="No.")
    ended = open_ledger(two).rollout(now.id)
    assert last_look(ended, two) is None, "a person's word ended it"
    assert "a person&#39;s word" not in page(two, "fraud/index.html")


def test_one_that_waits_for_a_person_is_due(two: Workspace) -> None:
    now = begin(two)
    said: dict[str, Any] = {"actor": lives.ROBOT, "reason": "Too quiet.", "evidence": "e"}
    open_ledger(two).hold_rollout(now.id, expected_step=0, **said)
    fleet = page(two, "index.html")
    assert "a rollout waits for a person" in fleet
    assert "tenure rollout status fraud" in fleet


@pytest.mark.parametrize(
    ("end", "title", "body"),
    [
        (failing, "fraud: version 2 was rolled back", "It failed 100 of 200 requests"),
        (unseen, "fraud: the rollout of version 2 waits for a person, at shadow", "0 requests"),
        (None, "fraud: version 2 took over by steps", "tenure rollback fraud"),
    ],
)
def test_the_owner_is_told_once_how_it_ends(
    two: Workspace, monkeypatch: pytest.MonkeyPatch, end: Any, title: str, body: str
) -> None:
    monkeypatch.setenv("HOOK", "json://hook.example/")
    late = SPEC.replace("max_wait_hours: 0.001", "max_wait_hours: 0.0000001")
    (two.models_folder / "fraud.yaml").write_text(late + "notify: {to: [HOOK]}\n")
    begin(two)
    if end is None:
        for _ in range(3):
            rollouts.advance("fraud", two, actor=lives.ROBOT, reason="Well.")
    else:
        step(two, end)
    sent: list[Notice] = []

    def send(notice: Notice, addresses: Any, **_: Any) -> list[Delivery]:
        sent.append(notice)
        return [Delivery(to=each.name) for each in addresses]

    for _ in range(2):
        telling.tell("fraud", two, actor="system:test", send=send)
    (notice,) = sent
    assert notice.title == title
    assert body in notice.body
