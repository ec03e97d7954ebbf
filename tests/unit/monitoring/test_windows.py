"""Which windows are due: each closed one once, of the champion's own time, whatever happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tenure.records import Slot
from tenure.registry import open_ledger
from tenure.workspace import SimulatedClock
from tests.unit.monitoring.watching import (
    ACTOR,
    BATCHES,
    MODEL,
    in_office_since,
    log,
    measure,
    rows,
)

FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)


def days(count):
    return timedelta(days=count)


def add(watched, *places):
    return [watched.add(rows(seed=100 + place, day=place)) for place in places]


def seqs(windows):
    return [(each.first_seq, each.last_seq) for each in windows]


def at(watched, moment):
    """Put the workspace's clock to a moment."""
    from dataclasses import replace

    clock = SimulatedClock(watched.workspace.state / "clock")
    clock.set(moment)
    watched.workspace = replace(watched.workspace, clock=clock, simulated=True)


def test_what_was_trained_on_is_no_window_and_each_later_batch_is_one(watched):
    assert watched.due() == []
    one, two = add(watched, 13, 14)
    assert seqs(watched.due()) == [(one.seq, one.seq), (two.seq, two.seq)]
    watched.read()
    assert watched.due() == []
    [three] = add(watched, 15)
    assert seqs(watched.due()) == [(three.seq, three.seq)]


def test_several_batches_make_a_window_when_the_last_one_is_there(watched):
    watched.watch(monitoring={"window": {"batches": 3}})
    first = add(watched, 13, 14)
    assert watched.due() == []
    [third] = add(watched, 15)
    assert seqs(watched.due()) == [(first[0].seq, third.seq)]
    [reading] = watched.read()
    assert reading.rows == 600
    assert measure(reading, "volume_ratio").value == 1


def test_at_most_twenty_are_due_at_once_oldest_first(watched):
    made = add(watched, *range(13, 38))
    assert seqs(watched.due()) == [(each.seq, each.seq) for each in made[:20]]


def test_a_window_that_was_left_out_is_due_until_it_is_read(watched):
    from tenure import monitoring

    made = add(watched, 13, 14)
    later = watched.due()[1]
    reading = monitoring.read_window(MODEL, later, watched.workspace)
    monitoring.judge(reading, watched.workspace, actor=ACTOR)
    assert seqs(watched.due()) == [(made[0].seq, made[0].seq)]


def test_windows_by_rows_close_with_the_batch_that_fills_them(watched):
    watched.watch(monitoring={"window": {"rows": 300}, "source": "data"})
    made = add(watched, 13, 14, 15)
    assert seqs(watched.due()) == [(made[0].seq, made[1].seq)]
    [reading] = watched.read()
    assert reading.rows == 400
    assert seqs(watched.due()) == []


def test_a_version_that_comes_back_is_judged_on_what_comes_after(watched):
    old = add(watched, 13)
    ledger = open_ledger(watched.workspace)
    said = {"actor": "person:ann", "reason": "A test wants it.", "evidence": "e" * 64}
    ledger.vacate(MODEL, expected_epoch=1, **said)
    ledger.promote(MODEL, 1, expected_epoch=2, slot=Slot.CHAMPION, **said)
    assert watched.due() == []
    fresh = add(watched, 14)
    assert seqs(watched.due()) == [(fresh[0].seq, fresh[0].seq)]
    assert old[0].seq < fresh[0].seq


def test_a_model_that_is_not_watched_has_no_windows(watched):
    add(watched, 13)
    watched.watch(monitoring={"enabled": False})
    assert watched.due() == []


def test_days_of_data_close_when_their_last_hours_are_there(watched):
    watched.watch(monitoring={"window": {"days": 2}, "source": "data"})
    add(watched, 12)
    assert watched.due() == []
    add(watched, 13)
    [window] = watched.due()
    assert (window.start_at, window.end_at) == (FIRST_DAY + days(12), FIRST_DAY + days(14))
    [reading] = watched.read()
    assert reading.rows == 400
    assert watched.due() == []


def test_a_source_that_falls_silent_is_unknown_and_not_well(watched):
    watched.watch(monitoring={"window": {"days": 1}, "source": "data"})
    add(watched, 12)
    [reading] = watched.read()
    assert reading.reason == ""
    at(watched, datetime.now(UTC) + days(3.5))
    silent = watched.due()
    assert [each.end_at for each in silent] == [FIRST_DAY + days(14), FIRST_DAY + days(15)]
    assert [each.reason[:6] for each in watched.read()] == ["0 rows", "0 rows"]


def test_days_of_the_log_begin_with_the_office(watched):
    watched.watch(monitoring={"window": {"days": 1}})
    since = in_office_since(watched.workspace)
    log(watched.workspace, rows(150, 7), start=since + timedelta(hours=1))
    at(watched, since + timedelta(hours=23))
    assert watched.due() == []
    at(watched, since + timedelta(hours=25))
    [window] = watched.due()
    assert (window.start_at, window.end_at) == (since, since + days(1))
    [reading] = watched.read()
    assert (reading.rows, reading.reason) == (150, "")
    assert {one.column for one in reading.measures if one.name == "drift"} == {
        "a", "b", "c", "kind"
    }  # fmt: skip
    assert measure(reading, "prediction_drift").value is not None
    assert not any(one.name == "label_coverage_share" for one in reading.measures)


def test_rows_of_the_log_follow_one_upon_the_other(watched):
    watched.watch(monitoring={"window": {"rows": 120}})
    since = in_office_since(watched.workspace)
    log(watched.workspace, rows(300, 7), start=since + timedelta(hours=1))
    first = watched.due()
    assert [each.kind for each in first] == ["rows", "rows"]
    assert [each.rows for each in watched.read()] == [120, 120]
    assert watched.due() == []
    log(watched.workspace, rows(60, 8), start=since + timedelta(hours=2))
    [third] = watched.due()
    assert third.start_at == first[-1].end_at
    [reading] = watched.read()
    assert reading.rows == 120


def test_a_log_without_a_column_knows_nothing_of_it(watched):
    from tests.unit.monitoring.watching import FEATURES

    watched.watch(monitoring={"window": {"rows": 120}})
    kept = [each for each in FEATURES if each.name != "b"]
    start = in_office_since(watched.workspace) + timedelta(hours=1)
    log(watched.workspace, rows(120, 7), start=start, inputs=kept)
    [reading] = watched.read()
    lost = measure(reading, "drift", "b")
    assert (lost.value, lost.reason) == (None, "the prediction log does not hold it")


@pytest.fixture
def labelled(watched):
    """A window of 200 logged predictions that is read, with a source of labels."""
    watched.watch(
        data={"labels": {"source": "labels", "key": ["id"], "delay_days": 5}},
        monitoring={"window": {"days": 1}},
    )
    (watched.workspace.root / "labels").mkdir()
    since = in_office_since(watched.workspace)
    watched.frame = rows(200, 7)
    watched.ids = log(watched.workspace, watched.frame, start=since + timedelta(hours=1))
    at(watched, since + days(1.1))
    watched.first = watched.read()
    return watched


def bring(watched, count, name, start=0, wrong=0):
    """Bring labels of some of the predictions as a file."""
    truth = watched.frame["y"].to_numpy()[start : start + count].copy()
    truth[:wrong] = 1 - truth[:wrong]
    lines = [
        f"{one},{value}"
        for one, value in zip(watched.ids[start : start + count], truth, strict=True)
    ]
    file = watched.workspace.root / "labels" / name
    file.write_text("\n".join(["id,y", *lines]) + "\n")


def test_late_labels_add_a_revision(labelled):
    [reading] = labelled.first
    assert measure(reading, "label_coverage_share").value == 0
    assert measure(reading, "metric:accuracy").value is None
    assert labelled.due() == []
    bring(labelled, 100, "one.csv", wrong=25)
    [window] = labelled.due()
    assert window == reading.window
    [again] = labelled.read()
    assert (again.revision, again.labelled_rows) == (2, 100)
    assert measure(again, "label_coverage_share").value == 0.5
    assert measure(again, "metric:accuracy").value == pytest.approx(0.75)
    assert labelled.due() == []
    [newest] = open_ledger(labelled.workspace).readings(MODEL)
    assert newest.digest == again.digest


def test_a_newer_word_about_a_key_stands(labelled):
    bring(labelled, 100, "one.csv", wrong=100)
    labelled.read()
    bring(labelled, 200, "two.csv")
    [again] = labelled.read()
    assert measure(again, "metric:accuracy").value == 1
    assert again.labelled_rows == 200


def test_a_trickle_of_labels_is_no_revision_and_the_last_ones_are(labelled):
    bring(labelled, 190, "one.csv")
    labelled.read()
    bring(labelled, 5, "two.csv", start=190)
    assert labelled.due() == []
    bring(labelled, 5, "three.csv", start=195)
    assert len(labelled.due()) == 1


def test_a_broken_file_of_labels_is_left_aside(labelled, caplog):
    bring(labelled, 100, "one.csv")
    (labelled.workspace.root / "labels" / "bad.csv").write_text("id,z\nx,1\n")
    [again] = labelled.read()
    assert again.labelled_rows == 100
    assert "left aside" in caplog.text


def test_labels_are_no_longer_looked_for_after_their_time(labelled):
    at(labelled, in_office_since(labelled.workspace) + days(12))
    open_days = labelled.due()
    bring(labelled, 200, "one.csv")
    assert labelled.due() == open_days


def test_labels_find_their_prediction_by_columns_of_its_input(watched):
    watched.watch(
        data={"labels": {"source": "labels", "key": ["a", "kind"], "delay_days": 5}},
        monitoring={"window": {"days": 1}},
    )
    (watched.workspace.root / "labels").mkdir()
    since = in_office_since(watched.workspace)
    frame = rows(200, 7)
    log(watched.workspace, frame, start=since + timedelta(hours=1))
    frame[["a", "kind", "y"]].to_csv(watched.workspace.root / "labels" / "all.csv", index=False)
    at(watched, since + days(1.1))
    [reading] = watched.read()
    assert reading.labelled_rows == 200
    assert measure(reading, "metric:accuracy").value == 1


def test_training_data_were_parted_as_windows_will_be(watched):
    reference = watched.keep()
    assert reference.calibration.windows == BATCHES
    assert reference.usual_rows == 200
    assert np.isfinite(reference.calibration.rate)


def test_labels_come_from_the_models_own_batches_where_no_source_is_named(watched):
    watched.watch(data={"labels": {"key": ["a", "kind"]}}, monitoring={"window": {"days": 1}})
    since = in_office_since(watched.workspace)
    frame = rows(200, 77, day=13)
    log(watched.workspace, frame, start=since + timedelta(hours=1))
    at(watched, since + days(1.1))
    [first] = watched.read()
    assert first.labelled_rows == 0
    watched.add(frame)
    [again] = watched.read()
    assert (again.revision, again.labelled_rows) == (2, 200)
