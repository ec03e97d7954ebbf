"""Columns that Evidently stumbles over, or does not see, through a whole reading."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
import pytest

from tests.unit.monitoring.watching import MODEL, Watched, drifted, measure, rows

RECIPE = textwrap.dedent(
    """
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler


    def make():
        return make_pipeline(
            make_column_transformer((StandardScaler(), ["a", "b", "c"])), LogisticRegression()
        )
    """
)
BATCH = 300


def odd(seed: int, day: int) -> pd.DataFrame:
    frame = rows(BATCH, seed, day=day).drop(columns=["kind", "still", "at"])
    draw = np.random.default_rng(seed + 500)
    frame["tiny"] = 5.0 + 1e-5 * draw.normal(size=BATCH)
    frame["huge"] = 1e120 * draw.normal(size=BATCH)
    frame["flag"] = draw.random(BATCH) < 0.4
    frame["many"] = pd.Series([f"{seed}-{place}" for place in range(BATCH)], dtype="str")
    frame["city"] = pd.Series(draw.choice(["Ulm", "Köln", "</b>"], BATCH), dtype="str")
    frame["when"] = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(
        day * 86_400 + np.arange(BATCH), unit="s"
    )
    frame["gone"] = np.nan
    frame["half"] = np.where(draw.random(BATCH) < 0.5, np.nan, draw.normal(size=BATCH))
    return frame


@pytest.fixture
def odd_model(workspace):
    made = Watched(workspace, MODEL)
    made.types = {"many": "string", "city": "string", "when": "datetime", "gone": "float64"}
    (workspace.root / "odd_recipe.py").write_text(RECIPE)
    made.write(
        "logistic",
        training={"pipeline": "odd_recipe:make", "split": {"by": "random"}},
        evaluation={"primary": "accuracy", "leakage": {"accept": ["many"]}},
    )
    made.watch(monitoring={"min_rows": 100})
    for place in range(10):
        made.add(odd(place, place))
    _, version = made.full_night()
    assert version == 1
    return made


def test_odd_columns_are_judged_or_unknown_and_break_nothing(odd_model):
    calm = odd_model.seen(odd(50, 11))
    assert calm.reason == ""
    judged = {one.column for one in calm.measures if one.name == "drift"}
    assert judged == {"a", "b", "c", "tiny", "huge", "flag", "city", "half"}
    assert all(one.value is not None for one in calm.measures if one.name == "drift")
    assert measure(calm, "missing_share", "half").value < 0.1
    assert measure(calm, "missing_share", "gone").value == 0
    assert not any(one.name == "new_category_share" and one.column == "many" for one in
                   calm.measures)  # fmt: skip

    moved = odd(51, 12)
    moved["tiny"] += 5e-5
    moved["huge"] *= 3
    moved["flag"] = True
    moved["city"] = "Ulm"
    moved["half"] = moved["half"].fillna(0.0)
    moved["gone"] = 1.0
    seen = odd_model.seen(moved)
    assert drifted(seen) >= {"tiny", "huge", "flag", "city", "half"}
    assert drifted(seen).isdisjoint({"a", "b", "c"})
    assert measure(seen, "constant", "flag").value == 1
    assert measure(seen, "constant", "gone").value == 1


def test_a_column_that_cannot_drift_is_unknown_where_its_owner_asks_for_it(odd_model):
    odd_model.watch(monitoring={"columns": ["a", "many", "gone", "when"], "retire": {
        "columns": {"y": 0.3}}})  # fmt: skip
    seen = odd_model.seen(odd(52, 11))
    assert "move by themselves" in measure(seen, "drift", "when").reason
    assert "no such feature" in measure(seen, "drift", "y").reason
    assert "too many different values" in measure(seen, "drift", "many").reason
    assert "one value only" in measure(seen, "drift", "gone").reason
    assert measure(seen, "drift_share").value is None
    assert measure(seen, "drift", "a").value is not None


def test_infinities_count_as_missing():
    from tenure.monitoring.columns import values_of
    from tenure.records import Column

    frame = pd.DataFrame({"x": [1.0, np.inf, -np.inf, np.nan]})
    found = values_of(frame, [Column(name="x", type="float64")])["x"]
    assert np.isnan(found).tolist() == [False, True, True, True]


def test_numbers_whose_squares_overflow_are_still_compared():
    from tenure.monitoring.columns import comparable, profile
    from tenure.records import Column

    values = 1e300 * np.random.default_rng(0).normal(size=500)
    column = profile(Column(name="x", type="float64"), values, None)
    assert column.deviation == pytest.approx(1e300, rel=0.2)
    assert np.std(comparable(values, column)) == pytest.approx(1)
