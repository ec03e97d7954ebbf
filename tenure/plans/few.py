"""How does a linear plan answer a few rows in microseconds?

One line a number, one dictionary a category, in plain Python: NumPy costs more to call than this
whole sum.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Any

from tenure.plans.agreement import Declined
from tenure.plans.arithmetic import folded
from tenure.plans.columns import Columns, LookedUp
from tenure.plans.shapes import Linear, Number, Shape

Few = Callable[[Columns, int, bool], tuple[list[Any], Any]]


def few_of(shape: Shape) -> Few | None:
    """Return what answers a few rows, or None where only NumPy does."""
    if not isinstance(shape.scores, Linear) or shape.head.link == "ovr":
        return None
    sums = [_sum(shape, shape.scores, score) for score in range(len(shape.scores.intercept))]
    ready = [each for each in sums if each is not None]
    if len(ready) < len(sums):
        return None
    if not shape.classes:
        return _Numbers(ready[0], is_exp=shape.head.link == "exp")
    if len(ready) == 1:
        return _Two(ready[0], shape)
    return _Several(ready, shape)


class _Sum:
    """One score of one row."""

    __slots__ = ("base", "lines", "lookups")

    def __init__(self) -> None:
        self.base = 0.0
        self.lines: list[tuple[str, float, float, float | None]] = []
        self.lookups: list[tuple[str, Callable[[Any], float | None], Callable[[Any], float]]] = []

    def __call__(self, columns: Columns, row: int) -> float:
        total = self.base
        for name, offset, factor, missing in self.lines:
            value = columns[name][row]
            if value is None or value != value:
                if missing is None:
                    raise Declined("a missing value")
                total += missing
            else:
                total += (value - offset) * factor
        for name, known, odd in self.lookups:
            value = columns[name][row]
            weight = known(value)
            total += odd(value) if weight is None else weight
        if total - total != 0:
            raise Declined("a number that is not finite")
        return float(total)


def _sum(shape: Shape, linear: Linear, score: int) -> _Sum | None:
    kinds = {name: (kind, labels) for name, kind, labels in shape.columns}
    made = _Sum()
    made.base = float(linear.intercept[score])
    weights = iter(linear.weights[:, score].tolist())
    for slot in shape.slots:
        if not isinstance(slot, Number):
            table = LookedUp(slot, *kinds[slot.column])
            made.lookups.append((slot.column, *_lookup(table, score)))
            continue
        line = folded(slot.ops, next(weights))
        if line is None:
            return None
        offset, factor, constant, missing = line
        made.base += constant
        made.lines.append(
            (slot.column, offset, factor, None if missing is None else missing - constant)
        )
    # Nothing but an infinite number makes these anything else than zero.
    made.lines += [(name, 0.0, 0.0, 0.0) for name in shape.unused]
    return made


def _lookup(
    table: LookedUp, score: int
) -> tuple[Callable[[Any], float | None], Callable[[Any], float]]:
    weights = table.rows[:, score].tolist()
    known = {
        value: weights[place]
        for value, place in table.places.items()
        if table.answers(place) and value is not None
    }

    def odd(value: Any) -> float:
        place = table.place(value)
        if not table.answers(place) or (table.is_number and value in _INFINITE):
            raise Declined("a value that the estimator was not fitted for")
        return weights[place]

    return known.get, odd


_INFINITE = (float("inf"), float("-inf"))


class _Numbers:
    """A regression."""

    def __init__(self, total: _Sum, *, is_exp: bool) -> None:
        self._total = total
        self._is_exp = is_exp

    def __call__(self, columns: Columns, rows: int, probabilities: bool) -> tuple[list[Any], Any]:
        found = [self._total(columns, row) for row in range(rows)]
        if not self._is_exp:
            return found, None
        try:
            return [exp(score) for score in found], None
        except OverflowError:
            raise Declined("a number that is not finite") from None


class _Two:
    """A classifier of two classes."""

    def __init__(self, total: _Sum, shape: Shape) -> None:
        self._total = total
        self._below, self._above = shape.classes
        self._has_shares = shape.head.link == "expit"

    def __call__(self, columns: Columns, rows: int, probabilities: bool) -> tuple[list[Any], Any]:
        values: list[Any] = []
        shares: list[list[float]] = []
        for row in range(rows):
            score = self._total(columns, row)
            if score > 0:
                values.append(self._above)
                above = 1 / (1 + exp(-score))
            else:
                values.append(self._below)
                small = exp(score)
                above = small / (1 + small)
            shares.append([1 - above, above])
        return values, shares if probabilities and self._has_shares else None


class _Several:
    """A classifier of more classes."""

    def __init__(self, totals: list[_Sum], shape: Shape) -> None:
        self._totals = totals
        self._classes = shape.classes
        self._link = shape.head.link

    def __call__(self, columns: Columns, rows: int, probabilities: bool) -> tuple[list[Any], Any]:
        values: list[Any] = []
        shares: list[list[float]] = []
        for row in range(rows):
            scores = [total(columns, row) for total in self._totals]
            most = max(scores)
            values.append(self._classes[scores.index(most)])
            if self._link == "shares":
                shares.append(scores)
            elif self._link == "softmax":
                raised = [exp(score - most) for score in scores]
                whole = sum(raised)
                shares.append([each / whole for each in raised])
        return values, shares if probabilities and shares else None
