from __future__ import annotations

from pathlib import Path

import pytest

from tenure.predictions.feedback import (
    LABEL,
    OVERRIDE,
    FeedbackFull,
    FeedbackLimits,
    FeedbackSpool,
    Said,
    carry_feedback,
    feedback_folder,
    feedback_mark,
    feedback_spool,
    read_feedback,
)
from tenure.workspace import Workspace, open_workspace


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    (tmp_path / "config" / "models").mkdir(parents=True)
    return open_workspace(tmp_path, project=Path(__file__).parents[3])


LABELS = [Said(kind=LABEL, id=f"r-{row}", value="fraud") for row in range(3)]
CHANGED = Said(
    kind=OVERRIDE, id="r-1", value=False, by="ann", reason="Known.", at="2026-01-01T00:00:00+00:00"
)


def keep(place: Workspace, model: str, said: list[Said]) -> None:
    spool = FeedbackSpool(feedback_spool(place))
    spool.put(model, said, key="k").result(timeout=60)
    spool.close()


def test_what_was_acknowledged_is_read_before_and_after_it_was_carried_over(
    place: Workspace,
) -> None:
    spool = FeedbackSpool(feedback_spool(place))
    spool.put("fraud", LABELS, key="k").result(timeout=60)
    spool.put("price", [Said(kind=LABEL, id="r-0", value=2.5)], key="").result(timeout=60)
    spool.put("fraud", [CHANGED], key="k").result(timeout=60)
    assert carry_feedback(place) == 0, "its writer lives"
    before = read_feedback("fraud", place)
    assert [said for _, said in before] == [*LABELS, CHANGED]
    spool.close()
    assert carry_feedback(place) == 5
    assert carry_feedback(place) == 0
    assert not [*feedback_spool(place).glob("*.frames")]
    assert read_feedback("fraud", place) == before
    assert [said.value for _, said in read_feedback("price", place)] == [2.5]
    assert read_feedback("nobody", place) == []
    assert read_feedback("fraud", place, since=before[-1][0]) == before[-1:]


def test_a_carry_that_was_killed_midway_is_done_again_to_the_same(place: Workspace) -> None:
    keep(place, "fraud", LABELS)
    (file,) = feedback_spool(place).glob("*.frames")
    content = file.read_bytes()
    carry_feedback(place)
    file.write_bytes(content)
    assert [said for _, said in read_feedback("fraud", place)] == LABELS
    carry_feedback(place)
    assert [said for _, said in read_feedback("fraud", place)] == LABELS
    assert len([*feedback_folder(place).rglob("*.parquet")]) == 1


def test_a_mark_changes_with_what_is_said(place: Workspace) -> None:
    marks = [feedback_mark("fraud", place)]
    for said in ([LABELS[0]], [LABELS[1]]):
        keep(place, "fraud", said)
        marks.append(feedback_mark("fraud", place))
    assert len({str(each) for each in marks}) == 3
    assert feedback_mark("fraud", place) == marks[-1]


def test_a_disk_that_takes_nothing_is_said_and_the_next_one_is_kept(place: Workspace) -> None:
    spool = FeedbackSpool(feedback_spool(place))
    feedback_spool(place).parent.mkdir(parents=True)
    feedback_spool(place).write_text("in the way")
    with pytest.raises(OSError):
        spool.put("fraud", LABELS, key="").result(timeout=60)
    feedback_spool(place).unlink()
    spool.put("fraud", LABELS, key="").result(timeout=60)
    spool.close()
    assert [said for _, said in read_feedback("fraud", place)] == LABELS


def test_too_much_at_once_is_refused(place: Workspace) -> None:
    spool = FeedbackSpool(feedback_spool(place), FeedbackLimits(waiting=0))
    with pytest.raises(FeedbackFull):
        spool.put("fraud", LABELS, key="")
    spool.close()
