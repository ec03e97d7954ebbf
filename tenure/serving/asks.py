"""What is a request for predictions, once its protocol is forgotten?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_STEM = 8


@dataclass(slots=True)
class Ask:
    """A request for predictions, checked: values by column, each of its column's type.

    It is never changed.

    Attributes:
        columns: for each column that the version asks for, one value a row: a list in which a
            missing value is None, or a NumPy array of the column's type (NaN where a float is
            missing).
        ids: one text a row, the client's or made here.
        probabilities: whether the answer shall hold them, where the model has any.
        flags: what guards found in the rows, None for nothing.
    """

    columns: Mapping[str, Sequence[Any]]
    ids: Sequence[str]
    probabilities: bool
    flags: Any = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.ids)


class _Random:
    """Random texts; the system is asked for many at once, since asking it costs more than they."""

    def __init__(self) -> None:
        self._text, self._at = "", 0
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._text, self._at = "", 0

    def take(self) -> str:
        at = self._at
        stem = self._text[at : at + 2 * _STEM]
        if not stem:
            self._text, at = os.urandom(256 * _STEM).hex(), 0
            stem = self._text[: 2 * _STEM]
        self._at = at + 2 * _STEM
        return stem


_random = _Random()


def fresh_id() -> str:
    """Return a text that nobody can guess, for one request; called on the event loop only."""
    return _random.take()


def fresh_ids(rows: int) -> list[str]:
    """Return one such text a row."""
    stem = _random.take()
    return [f"{stem}-{row}" for row in range(rows)]
