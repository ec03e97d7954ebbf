"""Which columns are watched, and what does each hold, whatever it came from?

Rows come from snapshots (typed) and from the prediction log (texts and numbers as JSON had them).
Both become one form here: a number is float64 with NaN for missing, anything else texts with None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenure.monitoring.scores import CATEGORY, NUMBER
from tenure.records import Column
from tenure.spec.loop import MonitoringSpec

Values = dict[str, np.ndarray]
"""Watched columns by name, each (n,): float64, or objects (text or None)."""

RARE_SHARE = 0.001
MOST_CATEGORIES = 1_000
NEW, RARE = "(new)", "(rare)"
_NUMBERS = {"int64", "float64"}
_TIMES = {"datetime", "date"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnReference:
    """What the training rows held in one column.

    `low` and `high` bound a number; `categories` are all that there were, None where there were
    too many to know a new one by; `pooled` those below a thousandth of the rows. `usual_share` is
    that of the commonest value among those that are there, 1 if the column stands still. `weight`
    is its share of the model's importances, None where none were measured.
    """

    name: str
    kind: str
    rows: int
    missing_share: float
    usual_share: float
    low: float | None = None
    high: float | None = None
    deviation: float | None = None
    categories: tuple[str, ...] | None = None
    pooled: tuple[str, ...] = ()
    weight: float | None = None

    @property
    def stands_still(self) -> bool:
        """Whether it held one value only."""
        return self.usual_share >= 1.0

    @property
    def can_drift(self) -> bool:
        """Whether its values can be compared as a whole: they vary, and repeat."""
        return self.usual_share < 1.0 and (self.kind == NUMBER or self.categories is not None)


def kind_of(column: Column) -> str | None:
    """Return NUMBER or CATEGORY, None for times: they move by themselves."""
    if column.type in _TIMES:
        return None
    return NUMBER if column.type in _NUMBERS else CATEGORY


def watched(features: Sequence[Column], monitoring: MonitoringSpec) -> tuple[Column, ...]:
    """Return the features that are judged: those named, or all, without those left out."""
    named = set(monitoring.columns) or {each.name for each in features}
    for rung in (monitoring.warn, monitoring.retrain, monitoring.retire):
        named |= set(rung.columns) if rung else set()
    return tuple(
        each
        for each in features
        if each.name in named and each.name not in monitoring.leave_out and kind_of(each)
    )


def method_of(column: ColumnReference, monitoring: MonitoringSpec) -> str:
    """Return Evidently's method for a column."""
    default = monitoring.numeric_method if column.kind == NUMBER else monitoring.categorical_method
    return monitoring.methods.get(column.name, default)


def values_of(frame: Any, columns: Sequence[Column]) -> Values:
    """Return the watched columns of a frame; one that it lacks is left out.

    Raises:
        TypeError, ValueError: a number's column holds something else.
    """
    return {
        each.name: _numbers(frame[each.name]) if kind_of(each) == NUMBER else _texts(frame, each)
        for each in columns
        if each.name in frame.columns
    }


def _numbers(series: Any) -> np.ndarray:
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(series.dtype):
        if not series.isna().all():
            raise TypeError("texts where numbers were")
        return np.full(len(series), np.nan)
    found = series.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isinf(found), np.nan, found)


def _texts(frame: Any, column: Column) -> np.ndarray:
    import pandas as pd

    series = frame[column.name]
    missing = series.isna().to_numpy()
    if column.type == "bool":
        truth = series.astype(object).where(~missing, 0).astype("float64").to_numpy() > 0
        texts = np.where(truth, "true", "false").astype(object)
    elif pd.api.types.is_numeric_dtype(series.dtype) and not missing.all():
        raise TypeError("numbers where texts were")
    else:
        texts = series.astype(object).to_numpy().astype(object)
    texts[missing] = None
    return texts


def present(values: np.ndarray) -> np.ndarray:
    """Return the values that are there."""
    return values[is_there(values)]


def is_there(values: np.ndarray) -> np.ndarray:
    """Return which values are not missing."""
    if values.dtype == object:
        return np.array([each is not None for each in values], dtype=bool)
    return ~np.isnan(values)


def profile(
    column: Column, values: np.ndarray, weights: Mapping[str, float] | None
) -> ColumnReference:
    """Return what training rows held in a column.

    Args:
        column: of the model's features.
        values: as `values_of` returns them.
        weights: importances by column, None where none were measured.
    """
    kind = kind_of(column)
    assert kind is not None
    held = present(values)
    seen, counts = np.unique(held.astype(str) if kind == CATEGORY else held, return_counts=True)
    n = len(held)
    about = {
        "name": column.name,
        "kind": kind,
        "rows": len(values),
        "missing_share": 1 - n / len(values) if len(values) else 1.0,
        "usual_share": float(counts.max() / n) if n else 1.0,
        "weight": None if weights is None else weights.get(column.name, 0.0),
    }
    if kind == NUMBER:
        return ColumnReference(
            **about,
            low=float(seen[0]) if n else None,
            high=float(seen[-1]) if n else None,
            deviation=_deviation(held) if n else None,
        )
    if len(seen) > MOST_CATEGORIES:
        return ColumnReference(**about)
    rare = tuple(str(name) for name in seen[counts < RARE_SHARE * n])
    return ColumnReference(
        **about, categories=tuple(map(str, seen)), pooled=rare if len(rare) > 1 else ()
    )


def _deviation(held: np.ndarray) -> float:
    """Return the standard deviation, also of numbers whose squares are no numbers any more."""
    largest = float(np.abs(held).max())
    return float(np.std(held / largest)) * largest if largest else 0.0


def comparable(values: np.ndarray, column: ColumnReference) -> np.ndarray:
    """Return values as they are compared: rare and new categories pooled, tiny spreads widened.

    Evidently divides by at least 0.001, so a column that varies less would never drift.
    """
    if column.kind == NUMBER:
        spread = column.deviation or 1.0
        return values / spread if spread < 0.01 or spread > 1e12 else values
    known = {name: name for name in column.categories or ()}
    known |= dict.fromkeys(column.pooled, RARE)
    return np.array(
        [None if each is None else known.get(each, NEW) for each in values], dtype=object
    )


def codes_of(values: np.ndarray) -> np.ndarray:
    """Return present values as numbers: texts by their place in order."""
    held = present(values)
    return np.unique(held.astype(str), return_inverse=True)[1] if held.dtype == object else held
