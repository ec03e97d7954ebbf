"""What is a request for predictions, once its protocol is forgotten?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request for predictions, checked: values by column, each of its column's type.

    Attributes:
        columns: for each column that the version asks for, one value a row: a list in which a
            missing value is None, or a NumPy array of the column's type (NaN where a float is
            missing).
        ids: one text a row, the client's or made here.
        probabilities: whether the answer shall hold them, where the model has any.
        flags: what guards found in the rows, None for nothing.
    """

    columns: Mapping[str, Sequence[Any]]
    ids: list[str]
    probabilities: bool
    flags: Any = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.ids)
