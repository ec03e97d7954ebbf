"""How do the values of many rows become the row of numbers that scores are made of?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenure.plans.agreement import Declined
from tenure.plans.arithmetic import run
from tenure.plans.shapes import NUMBERS, Linear, Number, Shape, Table

Columns = Mapping[str, Sequence[Any]]
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


def numbers(values: Sequence[Any]) -> np.ndarray:
    """Return a column's numbers as float64, NaN where one is missing.

    Raises:
        Declined: a value is no finite number.
    """
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise Declined("a value that is no number") from None
    if np.isinf(found).any():
        raise Declined("an infinite number")
    return found


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of texts as Arrow and pandas hold one: distinct labels, and a number a row.

    Attributes:
        codes: the place of each row's label, -1 where it is missing.
    """

    labels: Sequence[Any]
    codes: np.ndarray


def list_of(values: Sequence[Any]) -> Sequence[Any]:
    """Return a column as Python's own values."""
    return values.tolist() if isinstance(values, np.ndarray) else values


class LookedUp:
    """A table in the form in which values are looked up.

    Attributes:
        places: the row of `rows` of each known value, and of None.
        rows: a row a known value, then one for a missing value and one for any other.
    """

    def __init__(self, table: Table, kind: str, labels: Sequence[str]) -> None:
        known = {key: place for place, key in enumerate(table.keys)}
        self.missing, other = len(known), len(known) + 1
        self.is_number = kind in NUMBERS
        if kind == "category":
            # The column's own type comes first: a text that it does not know is missing.
            known = {label: known.get(label, other) for label in labels}
        self.others = self.missing if kind == "category" else other
        self.places: dict[Any, int] = {**known, None: self.missing}
        ends = ((self.missing, table.missing), (other, table.unseen))
        self._lacks = {place for place, row in ends if row is None}
        nothing = np.full(table.width, np.nan)
        self.rows = np.vstack([table.rows, *(nothing if row is None else row for _, row in ends)])

    def place(self, value: Any) -> int:
        """Return the row of `rows` for one value, whatever it is."""
        found = self.places.get(value)
        if found is not None:
            return found
        return self.missing if value != value else self.others

    def answers(self, place: int) -> bool:
        """Return whether the estimator takes the value that has this row."""
        return place not in self._lacks

    def of(self, values: Sequence[Any]) -> np.ndarray:
        """Return the numbers of some values, rows by width.

        Raises:
            Declined: the estimator takes no such value.
        """
        if isinstance(values, Coded):
            return self._of_coded(values)
        given: Any = numbers(values) if self.is_number else values
        listed = list_of(given)
        found = list(map(self.places.get, listed))
        if None in found:
            found = [self.place(value) for value in listed]
        if self._lacks and not self._lacks.isdisjoint(found):  # type: ignore[arg-type]
            raise Declined("a value that the estimator was not fitted for")
        return self.rows[np.array(found, dtype=np.intp)]

    def _of_coded(self, values: Coded) -> np.ndarray:
        places = [*(self.place(label) for label in values.labels), self.missing]
        found = np.array(places, dtype=np.intp)[values.codes]
        if self._lacks and np.isin(found, list(self._lacks)).any():
            raise Declined("a value that the estimator was not fitted for")
        return self.rows[found]


class Preparation:
    """The slots of a plan in the form in which they are filled."""

    def __init__(self, shape: Shape) -> None:
        kinds = {name: (kind, labels) for name, kind, labels in shape.columns}
        self.slots: list[tuple[str, Number | LookedUp]] = [
            (slot.column, slot)
            if isinstance(slot, Number)
            else (slot.column, LookedUp(slot, *kinds[slot.column]))
            for slot in shape.slots
        ]
        self.unused = shape.unused
        self.width = sum(slot.width for slot in shape.slots)

    def matrix(self, columns: Columns, rows: int) -> np.ndarray:
        """Return rows by numbers, as the last step of the estimator sees them.

        Raises:
            Declined: a value that the estimator takes otherwise, or not at all.
        """
        self._look_at_unused(columns)
        ready = np.empty((rows, self.width), dtype=np.float64)
        at = 0
        for name, slot in self.slots:
            if isinstance(slot, Number):
                ready[:, at] = run(numbers(columns[name]), slot.ops)
                at += 1
            else:
                width = slot.rows.shape[1]
                ready[:, at : at + width] = slot.of(columns[name])
                at += width
        return ready

    def sums(self, columns: Columns, rows: int, linear: Linear) -> np.ndarray:
        """Return a linear plan's scores, rows by scores.

        Raises:
            Declined: a value that the estimator takes otherwise, or not at all.
        """
        self._look_at_unused(columns)
        total = np.tile(linear.intercept, (rows, 1))
        weights = iter(linear.weights)
        for name, slot in self.slots:
            if isinstance(slot, Number):
                made = run(numbers(columns[name]), slot.ops)
                total += made[:, None] * next(weights)
            else:
                total += slot.of(columns[name])
        return total

    def _look_at_unused(self, columns: Columns) -> None:
        for name in self.unused:
            numbers(columns[name])
