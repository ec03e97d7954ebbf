"""How does a plan answer: a few rows, and many?

A few rows of a linear plan are answered in plain Python over what was looked up beforehand, which
takes microseconds; many rows, and trees, by NumPy. Whatever a plan is not sure of it declines, and
the estimator is asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tenure.plans.agreement import Declined
from tenure.plans.columns import LARGEST_FLOAT32, Columns, Preparation, list_of
from tenure.plans.few import Few, few_of
from tenure.plans.links import labels_of, shares_of
from tenure.plans.shapes import Linear, Shape

Found = tuple[list[Any], Any]

MOST_FEW = 16


class Plan:
    """A plan in memory, ready to answer.

    Args:
        shape: what it knows.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.kind = shape.kind
        self._preparation = Preparation(shape)
        self._trees: Any = None
        if not isinstance(shape.scores, Linear):
            from tenure.plans.trees import Interpreter

            self._trees = Interpreter(shape.scores)
        self._few: Few | None = few_of(shape, self._trees)
        self._labels = np.array(shape.classes, dtype=object)

    @property
    def has_few(self) -> bool:
        """Whether a few rows are answered in a form of their own."""
        return self._few is not None

    def answer(self, columns: Columns, rows: int, *, probabilities: bool) -> Found:
        """Return labels or numbers, a list; and probabilities, rows by classes, or None.

        Args:
            columns: by name, a value a row; a missing one is None or NaN.
            rows: how many.
            probabilities: whether they are wanted, where there are any.

        Raises:
            Declined: the estimator must be asked.
        """
        if self._few is not None and rows <= MOST_FEW:
            if np.ndarray in map(type, columns.values()):
                columns = {name: list_of(each) for name, each in columns.items()}
            return self._few(columns, rows, probabilities)
        return self.answer_many(columns, rows, probabilities=probabilities)

    def answer_many(self, columns: Columns, rows: int, *, probabilities: bool) -> Found:
        """Return what `answer` does, by NumPy whatever the number of rows."""
        # What overflows is not finite, and is declined.
        with np.errstate(over="ignore", invalid="ignore"):
            return self._answer_many(columns, rows, probabilities)

    def _answer_many(self, columns: Columns, rows: int, probabilities: bool) -> Found:
        scores = self._scores(columns, rows)
        if not np.isfinite(scores).all():
            raise Declined("a number that is not finite")
        head = self.shape.head
        if not head.label:
            values = np.exp(scores[:, 0]) if head.link == "exp" else scores[:, 0]
            if not np.isfinite(values).all():
                raise Declined("a number that is not finite")
            return values.tolist(), None
        values = self._labels[labels_of(scores, head.label)].tolist()
        if not probabilities or head.link == "none":
            return values, None
        return values, shares_of(scores, head)

    def _scores(self, columns: Columns, rows: int) -> np.ndarray:
        scores = self.shape.scores
        if isinstance(scores, Linear):
            return self._preparation.sums(columns, rows, scores)
        ready = self._preparation.matrix(columns, rows)
        if not scores.takes_missing and np.isnan(ready).any():
            raise Declined("a missing value")
        if scores.float32 and (np.abs(ready) > LARGEST_FLOAT32).any():
            raise Declined("a number above float32")
        return self._trees.scores(ready)
