"""How does a plan answer a few rows in microseconds?

One line a number, one dictionary a category, in plain Python: NumPy costs more to call than the
whole of it. Only trees are asked once a call.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.plans.agreement import Declined
from tenure.plans.arithmetic import folded, run_one
from tenure.plans.columns import LARGEST_FLOAT32, Columns, LookedUp, numbers
from tenure.plans.shapes import Linear, Number, Op, Shape, Trees

if TYPE_CHECKING:
    from tenure.plans.trees import Interpreter

Few = Callable[[Columns, int, bool], tuple[list[Any], Any]]
Scores = Callable[[Columns, int], list[Any]]
"""A score a row, or a list of them."""


def few_of(shape: Shape, interpreter: Interpreter | None) -> Few | None:
    """Return what answers a few rows, or None where only NumPy does."""
    if shape.head.link == "ovr":
        return None
    if interpreter is not None:
        scores: Scores | None = _RowsOfTrees(shape, interpreter)
        width = interpreter.scores_a_row
    else:
        scores = _sums(shape)
        width = len(shape.scores.intercept) if isinstance(shape.scores, Linear) else 0
    if scores is None:
        return None
    if not shape.classes:
        return _Numbers(scores, is_exp=shape.head.link == "exp")
    return _Two(scores, shape) if width == 1 else _Several(scores, shape)


def _sums(shape: Shape) -> Scores | None:
    assert isinstance(shape.scores, Linear)
    sums = [_sum(shape, shape.scores, score) for score in range(len(shape.scores.intercept))]
    ready = [each for each in sums if each is not None]
    if len(ready) < len(sums):
        return None
    if len(ready) == 1:
        (total,) = ready

        def by_row(columns: Columns, rows: int) -> list[float]:
            if rows == 1:
                return [total(columns, 0)]
            return [total(columns, row) for row in range(rows)]

        return by_row
    return lambda columns, rows: [[total(columns, row) for total in ready] for row in range(rows)]


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


class _RowsOfTrees:
    """Scores of an ensemble: rows are filled in plain Python, and treelite is called once."""

    def __init__(self, shape: Shape, interpreter: Interpreter) -> None:
        assert isinstance(shape.scores, Trees)
        kinds = {name: (kind, labels) for name, kind, labels in shape.columns}
        self._slots: list[tuple[str, tuple[Op, ...] | None, Any]] = []
        for slot in shape.slots:
            if isinstance(slot, Number):
                self._slots.append((slot.column, slot.ops, None))
            else:
                self._slots.append((slot.column, None, _Row(LookedUp(slot, *kinds[slot.column]))))
        self._unused = shape.unused
        self._most = LARGEST_FLOAT32 if shape.scores.float32 else float("inf")
        self._takes_missing = shape.scores.takes_missing
        self._scores = interpreter.scores
        self._is_one = interpreter.scores_a_row == 1

    def __call__(self, columns: Columns, rows: int) -> list[Any]:
        for name in self._unused:
            numbers(columns[name])
        matrix = np.array([self._row(columns, row) for row in range(rows)], dtype=np.float64)
        found = self._scores(matrix)
        if not np.isfinite(found).all():
            raise Declined("a number that is not finite")
        return found[:, 0].tolist() if self._is_one else found.tolist()

    def _row(self, columns: Columns, row: int) -> list[float]:
        made: list[float] = []
        most = self._most
        for name, ops, table in self._slots:
            value = columns[name][row]
            if ops is None:
                made += table(value)
                continue
            if value is None or value != value:
                value = _NAN
            elif value - value != 0:
                raise Declined("an infinite number")
            made.append(run_one(value, ops) if ops else value)
        for value in made:
            if value != value:
                if not self._takes_missing:
                    raise Declined("a missing value")
            elif not -most <= value <= most:
                raise Declined("a number above float32")
        return made


_NAN = float("nan")


class _Row:
    """The numbers of one value."""

    __slots__ = ("_known", "_rows", "_table")

    def __init__(self, table: LookedUp) -> None:
        self._table = table
        self._rows = table.rows.tolist()
        self._known = {
            value: self._rows[place]
            for value, place in table.places.items()
            if table.answers(place) and value is not None
        }.get

    def __call__(self, value: Any) -> list[float]:
        found = self._known(value)
        if found is None:
            place = self._table.place(value)
            if not self._table.answers(place) or (self._table.is_number and value in _INFINITE):
                raise Declined("a value that the estimator was not fitted for")
            found = self._rows[place]
        return found


class _Numbers:
    """A regression."""

    def __init__(self, scores: Scores, *, is_exp: bool) -> None:
        self._scores = scores
        self._is_exp = is_exp

    def __call__(self, columns: Columns, rows: int, probabilities: bool) -> tuple[list[Any], Any]:
        found = self._scores(columns, rows)
        if not self._is_exp:
            return found, None
        try:
            return [exp(score) for score in found], None
        except OverflowError:
            raise Declined("a number that is not finite") from None


class _Two:
    """A classifier of two classes with one score."""

    def __init__(self, scores: Scores, shape: Shape) -> None:
        self._scores = scores
        self._below, self._above = shape.classes
        self._has_shares = shape.head.link == "expit"
        self._scale = shape.head.scale
        # A score of zero is the second class in the one and the first in the other.
        self._least = 0.0 if shape.head.label == "from" else 5e-324

    def __call__(self, columns: Columns, rows: int, probabilities: bool) -> tuple[list[Any], Any]:
        scores = self._scores(columns, rows)
        values = [self._above if score >= self._least else self._below for score in scores]
        if not probabilities or not self._has_shares:
            return values, None
        return values, [self._shares(score * self._scale) for score in scores]

    def _shares(self, score: float) -> list[float]:
        if score >= 0:
            above = 1 / (1 + exp(-score))
        else:
            small = exp(score)
            above = small / (1 + small)
        return [1 - above, above]


class _Several:
    """A classifier with a score a class."""

    def __init__(self, scores: Scores, shape: Shape) -> None:
        self._scores = scores
        self._classes = shape.classes
        self._link = shape.head.link

    def __call__(self, columns: Columns, rows: int, probabilities: bool) -> tuple[list[Any], Any]:
        values: list[Any] = []
        shares: list[list[float]] = []
        for scores in self._scores(columns, rows):
            most = max(scores)
            values.append(self._classes[scores.index(most)])
            if self._link == "shares":
                shares.append(scores)
            elif self._link == "softmax":
                raised = [exp(score - most) for score in scores]
                whole = sum(raised)
                shares.append([each / whole for each in raised])
        return values, shares if probabilities and shares else None
