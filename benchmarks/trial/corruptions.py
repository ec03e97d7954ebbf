"""What can go wrong with a feed without its form changing?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

HALF_THE_RANGE = 0.5
"""Of a column that is scaled to 0..1."""


class Corruption(Protocol):
    """Something that happens to every batch from some week on."""

    @property
    def name(self) -> str:
        """Which, in a few words."""
        ...

    def apply(self, rows: list[list[str]]) -> list[list[str]]:
        """Return a header row and its rows of texts, changed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """A column is larger by half of its range."""

    column: str

    @property
    def name(self) -> str:
        """Which, in a few words."""
        return f"{self.column} shifted"

    def apply(self, rows: list[list[str]]) -> list[list[str]]:
        """Return rows with the column shifted."""
        place = rows[0].index(self.column)
        moved = [_with(row, {place: repr(float(row[place]) + HALF_THE_RANGE)}) for row in rows[1:]]
        return [rows[0], *moved]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A column repeats the first value of the week."""

    column: str

    @property
    def name(self) -> str:
        """Which, in a few words."""
        return f"{self.column} stuck"

    def apply(self, rows: list[list[str]]) -> list[list[str]]:
        """Return rows with the column standing still."""
        place = rows[0].index(self.column)
        return [rows[0], *(_with(row, {place: rows[1][place]}) for row in rows[1:])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """Two columns hold each other's values."""

    column: str
    other: str

    @property
    def name(self) -> str:
        """Which, in a few words."""
        return f"{self.column} and {self.other} swapped"

    def apply(self, rows: list[list[str]]) -> list[list[str]]:
        """Return rows with the two columns' values exchanged."""
        one, two = rows[0].index(self.column), rows[0].index(self.other)
        return [rows[0], *(_with(row, {one: row[two], two: row[one]}) for row in rows[1:])]


def _with(row: list[str], changed: dict[int, str]) -> list[str]:
    return [changed.get(place, value) for place, value in enumerate(row)]
