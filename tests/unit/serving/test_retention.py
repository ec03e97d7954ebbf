from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tenure import predictions
from tenure.predictions.feedback import LABEL, FeedbackSpool, Said, feedback_spool
from tenure.predictions.keeping import overdue
from tenure.registry import open_ledger
from tenure.serving import keep_to_retention
from tenure.workspace import Workspace
from tests.unit.predictions.test_log import answered, write

ACTOR = "system:reconcile"
NOW = datetime.now(UTC)


@pytest.fixture
def place(workspace: Workspace) -> Workspace:
    """A workspace with a prediction and a label of today, carried over."""
    open_ledger(workspace)
    write(workspace, answered("a", "b"))
    spool = FeedbackSpool(feedback_spool(workspace))
    spool.put("fraud", [Said(kind=LABEL, id="a", value="fine")], key="").result(timeout=60)
    spool.close()
    predictions.carry(workspace)
    predictions.carry_feedback(workspace)
    return workspace


def kept(place: Workspace) -> list[int]:
    return [len(predictions.read("fraud", place)), len(predictions.read_feedback("fraud", place))]


def in_days(count: float) -> datetime:
    return NOW + timedelta(days=count)


def test_what_is_young_enough_stays(place: Workspace) -> None:
    assert keep_to_retention(place, actor=ACTOR, now=in_days(182.9)) == []
    assert kept(place) == [2, 1]


def test_what_is_too_old_goes_and_the_ledger_says_what_it_was(place: Workspace) -> None:
    [log] = [each for each in overdue("fraud", 183, place, in_days(185)) if each.kind != "feedback"]
    gone = keep_to_retention(place, actor=ACTOR, now=in_days(185))
    assert sorted((each.kind, each.files) for each in gone) == [("feedback", 1), ("predictions", 1)]
    assert kept(place) == [0, 0]
    assert keep_to_retention(place, actor=ACTOR, now=in_days(185)) == []
    rows = [row for row in open_ledger(place).audit("fraud") if row.kind == "log_removed"]
    assert len(rows) == 2
    assert log.digest in {row.evidence for row in rows}
    assert log.size > 0


def test_the_spec_may_keep_longer_or_shorter(place: Workspace) -> None:
    write_spec(place, "log_keep_days: 365")
    assert keep_to_retention(place, actor=ACTOR, now=in_days(300)) == []
    write_spec(place, "log_keep_days: 30")
    assert len(keep_to_retention(place, actor=ACTOR, now=in_days(32))) == 2


def write_spec(place: Workspace, serving: str) -> None:
    text = f"""\
name: fraud
owner: ann@bank.example
data: {{source: data/fraud, target: y, key: [order]}}
training: {{pipeline: "examples.iris:make_pipeline"}}
deployment: {{serving: {{{serving}}}}}
"""
    (place.models_folder / "fraud.yaml").write_text(text)


def test_a_workspace_without_a_ledger_is_left_alone(tmp_path: Path) -> None:
    from tenure.workspace import open_workspace

    (tmp_path / "config" / "models").mkdir(parents=True)
    place = open_workspace(tmp_path, project=Path(__file__).parents[3])
    assert keep_to_retention(place, actor=ACTOR) == []
    assert not place.state.exists()
