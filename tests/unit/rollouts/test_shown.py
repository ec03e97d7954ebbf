"""A rollout is seen on the pages, and its owner hears of what matters."""

from __future__ import annotations

from typing import Any

import pytest

from tenure import pages, rollouts, telling
from tenure.notices import Delivery, Notice
from tenure.registry import open_ledger
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
