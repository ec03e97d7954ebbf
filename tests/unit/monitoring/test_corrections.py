"""Is a window of arrived data read again once its labels were corrected?"""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.monitoring.watching import measure, rows

FIRST = slice(0, 120)


@pytest.fixture
def keyed(watched):
    """The model, whose rows have a key from now on."""
    data = {"key": ["id"], "on_correction": "latest_wins", "leave_out": ["at", "id"]}
    watched.watch(data=data)
    return watched


def batch(seed, first):
    frame = rows(seed=seed, day=seed)
    frame.insert(0, "id", np.arange(first, first + len(frame)))
    return frame


def accuracy(reading):
    return measure(reading, "metric:accuracy").value


def expected(before, own):
    """The accuracy on 200 rows of which the corrected 120 were judged by themselves as well."""
    right_before = 200 * accuracy(before)
    right_now = 120 * accuracy(own)
    return (right_before - (120 - right_now) + right_now) / 200


def test_a_corrected_window_is_read_again_as_another_revision(keyed):
    told = batch(13, first=0)
    before = keyed.seen(told)
    assert (before.revision, before.labelled_rows) == (1, 200)
    corrections = told.iloc[FIRST].assign(y=lambda frame: 1 - frame["y"])
    keyed.add(corrections)
    own, again = keyed.read()
    assert (own.rows, own.revision) == (120, 1)
    assert (again.window, again.revision) == (before.window, 2)
    assert (again.rows, again.labelled_rows) == (200, 200)
    # What was right about a corrected row is wrong now, and the other way round.
    assert accuracy(again) == pytest.approx(expected(before, own), abs=1e-9)
    assert keyed.due() == []


def test_labels_that_come_later_fill_a_window(keyed):
    told = batch(13, first=0)
    without = told.assign(y=told["y"].astype("float64").where(told.index >= 150))
    keyed.types = {"y": "float64"}
    before = keyed.seen(without)
    assert before.labelled_rows == 50
    keyed.add(told.iloc[FIRST].assign(y=lambda frame: frame["y"].astype("float64")))
    again = keyed.read()[-1]
    assert (again.revision, again.labelled_rows) == (2, 170)


def test_other_rows_and_the_same_labels_again_change_nothing(keyed):
    told = batch(13, first=0)
    keyed.seen(told)
    keyed.seen(batch(14, first=1_000))
    same = keyed.seen(told.iloc[FIRST].assign(a=0.5))
    assert same.rows == 120
    assert keyed.due() == []


def test_where_corrections_are_refused_nothing_is_read_again(keyed):
    keyed.watch(data={"on_correction": "reject"})
    told = batch(13, first=0)
    before = keyed.seen(told)
    assert before.labels == ""
    keyed.seen(told.iloc[FIRST].assign(y=lambda frame: 1 - frame["y"]))
    assert keyed.due() == []


def test_what_is_remembered_of_labels_may_be_lost(keyed):
    keyed.seen(batch(13, first=0))
    assert keyed.due() == []
    for file in (keyed.workspace.state / "labels").iterdir():
        file.unlink()
    assert keyed.due() == []
