"""Does a request hold what its version never saw, or an answer that it is not sure of?

A version's guards are made when it is loaded, from its spec and from its reference: what the
training rows held in each column. One row costs a few comparisons; a version without guards none.
Columns that are treated are not looked at: what arrives in them is not what was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from tenure.serving.asks import Ask
from tenure.serving.problems import Problem, pointer, retry_after
from tenure.serving.runtime import Predicted
from tenure.serving.standing import Reference
from tenure.spec.guarding import GuardsSpec

OUT_OF_RANGE, UNSEEN, MISSING = "out_of_range", "unseen_category", "missing"
LOW_CONFIDENCE = "low_confidence"
MOST_FLAGS = 1_000
"""An answer names so many; how many there were it says in any case."""

_RANK = ("flag", "fallback", "refuse")


@dataclass(frozen=True, slots=True)
class Flag:
    """One thing that a guard found."""

    row: int
    guard: str
    column: str | None
    did: str

    def said(self) -> dict[str, Any]:
        """Return it as answers say it."""
        found: dict[str, Any] = {"row": self.row, "guard": self.guard, "did": self.did}
        return found if self.column is None else found | {"column": self.column}


@dataclass(slots=True)
class Flags:
    """What guards found in one request."""

    found: list[Flag] = field(default_factory=list)

    @property
    def falls_back(self) -> bool:
        """Whether the fallback is to answer."""
        return any(each.did == "fallback" for each in self.found)

    def said(self) -> list[dict[str, Any]]:
        """Return the first of them as answers say them."""
        return [each.said() for each in islice(self.found, MOST_FLAGS)]

    def by_row(self, rows: int) -> list[str | None]:
        """Return a text a row, as the log keeps it: guards and columns, None where nothing is."""
        texts: list[list[str]] = [[] for _ in range(rows)]
        for each in self.found:
            name = each.guard if each.column is None else f"{each.guard}:{each.column}"
            texts[each.row].append(f"{name} {each.did}")
        return [", ".join(each) or None for each in texts]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Category:
    name: str
    known: frozenset[str | None]


class Guards:
    """The guards of one version.

    Args:
        model: the version's model.
        spec: which guards there are, and what they do.
        columns: the profiles of the reference's columns, by name, as its object holds them; only
            of those that arrive as they were trained on.
    """

    def __init__(
        self, model: str, spec: GuardsSpec, columns: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.model, self.spec = model, spec
        self.fallback: Reference | None = None
        self.count: Callable[..., None] = lambda *_, **__: None
        self.learn(columns)

    def learn(self, columns: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over what the training rows held; see the arguments of the class."""
        spec = self.spec
        self._numbers = _numbers(columns, spec) if spec.out_of_range != "off" else []
        self._categories = _categories(columns) if spec.unseen_category != "off" else []
        self._never_missing = (
            [name for name, each in columns.items() if each["missing_share"] == 0]
            if spec.missing != "off"
            else []
        )
        # One row is looked at in one pass; whatever is odd in it is then looked at with care.
        must = frozenset(self._never_missing)
        self._within = [(each.name, each.low, each.high) for each in self._numbers]
        self._among = [
            (each.name, each.known - {None} if each.name in must else each.known)
            for each in self._categories
        ]
        looked_at = {name for name, *_ in (*self._within, *self._among)}
        self._never_missing_else = [name for name in self._never_missing if name not in looked_at]

    def look(self, ask: Ask) -> Flags | None:
        """Return what is wrong with the rows, None if nothing is.

        Raises:
            Problem: 422 where the spec refuses such rows.
        """
        columns = ask.columns
        if ask.rows == 1:
            try:
                for name, low, high in self._within:
                    if not low <= columns[name][0] <= high:
                        return self._found(ask)
            except TypeError:  # one is missing
                return self._found(ask)
            for name, accepted in self._among:
                if columns[name][0] not in accepted:
                    return self._found(ask)
            for name in self._never_missing_else:
                value = columns[name][0]
                if value is None or value != value:
                    return self._found(ask)
            return None
        return self._found(ask)

    def instead(self) -> Reference:
        """Return the fallback, which answers what the spec gives to it.

        Raises:
            Problem: 503 where it is not in memory.
        """
        if self.fallback is None:
            detail = f"The fallback of '{self.model}' is to answer this, and it is not in memory."
            raise Problem(503, "no-fallback", detail, headers=[retry_after(30)])
        self.count("fell_back", model=self.model)
        return self.fallback

    def judge(self, ask: Ask, found: Predicted) -> Flags | None:
        """Return what is wrong with the answers, None if nothing is.

        Raises:
            Problem: 422 where the spec refuses such answers.
        """
        low = self.unsure(ask, found)
        if low is None:
            return None
        self.count("flagged", len(low.found), model=self.model, guard=LOW_CONFIDENCE)
        return self._refused(low)

    def unsure(self, ask: Ask, found: Predicted) -> Flags | None:
        """Return the rows whose answer is not sure enough; raises nothing and counts nothing."""
        rule, shares = self.spec.low_confidence, found.probabilities
        if rule is None or shares is None:
            return None
        if ask.rows == 1 and not isinstance(shares, np.ndarray):
            best = [_most(shares[0])]
        elif isinstance(shares, np.ndarray):
            best = shares.max(axis=1).tolist()
        else:
            best = [_most(row) for row in shares]
        low = [row for row, share in enumerate(best) if not share >= rule.below]
        if not low:
            return None
        return Flags([Flag(row, LOW_CONFIDENCE, None, rule.do) for row in low])

    def _found(self, ask: Ask) -> Flags | None:
        columns, flags = ask.columns, []
        for each in self._numbers:
            rows = _outside(columns[each.name], each.low, each.high)
            flags += [Flag(row, OUT_OF_RANGE, each.name, self.spec.out_of_range) for row in rows]
        for each in self._categories:
            rows = _unknown(columns[each.name], each.known)
            did = self.spec.unseen_category
            flags += [Flag(row, UNSEEN, each.name, did) for row in rows]
        for name in self._never_missing:
            rows = _absent(columns[name])
            flags += [Flag(row, MISSING, name, self.spec.missing) for row in rows]
        if not flags:
            return None
        for guard in {each.guard for each in flags}:
            count = sum(each.guard == guard for each in flags)
            self.count("flagged", count, model=self.model, guard=guard)
        return self._refused(Flags(flags))

    def _refused(self, flags: Flags) -> Flags:
        worst = max(flags.found, key=lambda each: _RANK.index(each.did))
        if worst.did != "refuse":
            return flags
        self.count("refused", model=self.model, guard=worst.guard)
        what = _SAID[worst.guard]
        if worst.column is None:
            detail = f"Row {worst.row}: {what}."
            raise Problem(422, "guarded", detail, guard=worst.guard, row=worst.row)
        detail = f"'{worst.column}' of instance {worst.row} {what}."
        raise Problem(
            422,
            "guarded",
            detail,
            field=pointer("instances", worst.row, worst.column),
            guard=worst.guard,
            row=worst.row,
            column=worst.column,
        )


_SAID = {
    OUT_OF_RANGE: "lies outside of what the version was trained on",
    UNSEEN: "is a category that the version was not trained on",
    MISSING: "is missing, which it never was when the version was trained",
    LOW_CONFIDENCE: "the version is not sure enough of its answer",
}


def joined(one: Flags | None, other: Flags | None) -> Flags | None:
    """Return what two guards found, None if both found nothing."""
    if one is None or other is None:
        return one or other
    return Flags([*one.found, *other.found])


def _numbers(columns: Mapping[str, Mapping[str, Any]], spec: GuardsSpec) -> list[_Number]:
    found = []
    for name, each in columns.items():
        low, high = each.get("low"), each.get("high")
        if low is not None and high is not None:
            room = spec.margin * (high - low)
            found.append(_Number(name=name, low=low - room, high=high + room))
    return found


def _categories(columns: Mapping[str, Mapping[str, Any]]) -> list[_Category]:
    return [
        _Category(name=name, known=frozenset([*each["categories"], None]))
        for name, each in columns.items()
        if each.get("categories") is not None and each["type"] != "bool"
    ]


def _outside(values: Sequence[Any], low: float, high: float) -> list[int]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return np.flatnonzero((values < low) | (values > high)).tolist()
    try:
        if low <= min(values) and max(values) <= high:
            return []
    except TypeError:
        pass  # some are missing
    return [
        row
        for row, value in enumerate(values)
        if value is not None and (value < low or value > high)
    ]


def _unknown(values: Sequence[Any], known: frozenset[str | None]) -> list[int]:
    if known.issuperset(values):
        return []
    return [row for row, value in enumerate(values) if value not in known]


def _absent(values: Sequence[Any]) -> list[int]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return np.flatnonzero(np.isnan(values)).tolist()
    if isinstance(values, np.ndarray) and values.dtype.kind in "iub":
        return []
    return [row for row, value in enumerate(values) if value is None or value != value]


def _most(shares: Sequence[float | None]) -> float:
    try:
        return max(shares)  # type: ignore[type-var, return-value]
    except TypeError:
        return math.nan  # one of them overflowed: nothing is sure
