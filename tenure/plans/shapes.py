"""What is a model made of, once it is nothing but numbers?

Each slot makes one or more numbers of one column: a `Number` by arithmetic, a `Table` by looking
the value up. Slots in their order make the row that the estimator's last step sees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

TEXTS = frozenset({"string", "category"})
NUMBERS = frozenset({"int64", "float64", "bool"})

Op = tuple[Any, ...]
"""("fill", v), ("sub", v), ("div", v), ("mul", v), ("add", v), ("clip", low, high), ("missing",)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number made of a column's number; a missing one is NaN until it is filled."""

    column: str
    ops: tuple[Op, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers it makes."""
        return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Some numbers looked up by a column's value.

    Attributes:
        keys: the values that are known: texts, or floats.
        rows: an array of keys by numbers.
        missing: the numbers of a missing value, None where the estimator takes none.
        unseen: the numbers of any other value, None where the estimator takes none.
    """

    column: str
    keys: tuple[Any, ...]
    rows: np.ndarray
    missing: np.ndarray | None
    unseen: np.ndarray | None

    @property
    def width(self) -> int:
        """How many numbers it makes."""
        return self.rows.shape[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A column as it comes, while a plan is made: a text cannot stay one.

    Attributes:
        fill: what stands for a missing text, None where nothing does.
    """

    column: str
    kind: str
    fill: str | None = None


Slot = Number | Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What becomes of the raw scores.

    Attributes:
        link: "identity", "exp", "expit", "softmax", "ovr", "shares" (they are probabilities
            already), or "none" where there are labels but no probabilities.
        label: "above" (above zero is the second class), "from" (zero is the second class too),
            "half" (a second share above the first) or "argmax"; "" for a number.
        scale: what the scores are multiplied by before the link.
    """

    link: str
    label: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Scores are sums.

    Each table's numbers as they are, each `Number` times its row of `weights`, and the intercept;
    there are as many columns as scores.
    """

    weights: np.ndarray
    intercept: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Scores come from treelite's trees.

    Attributes:
        model: treelite's serialised bytes.
        float32: whether the estimator rounds its input to float32 first.
        takes_missing: whether it takes NaN.
        release: the release of treelite that wrote the bytes.
    """

    model: bytes = field(repr=False)
    float32: bool
    takes_missing: bool
    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that a plan knows: columns with their types, slots, scores and what is made of them.

    Attributes:
        columns: name, type and, for a category, the labels that it knows. Beside those that the
            slots use, every column that may hold what no model takes: an infinite number.
        classes: the labels in the order of the probabilities; empty for a number.
    """

    columns: tuple[tuple[str, str, tuple[str, ...]], ...]
    classes: tuple[Any, ...]
    slots: tuple[Slot, ...]
    scores: Linear | Trees
    head: Head

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns that make no number, and must hold finite ones all the same."""
        used = {slot.column for slot in self.slots}
        return tuple(name for name, _, _ in self.columns if name not in used)

    @property
    def kind(self) -> str:
        """What computes: "linear" or "trees"."""
        return "linear" if isinstance(self.scores, Linear) else "trees"
