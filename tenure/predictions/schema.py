"""What does the prediction log keep of an answered request?

One entry a request, with a list over its rows; one line a version that says of which types the
lists are. Inputs are what the model was given: treated, without the columns that the spec leaves
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenure.records import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedVersion:
    """Of which types the entries of one version are.

    Attributes:
        inputs: the columns that are logged, with their types; empty if the spec logs none.
        classes: the labels in the order of probabilities; empty for regression.
        known: by logged column that has them, its categories; the log holds no other ones, which
            may be anything that a client wrote.
    """

    model: str
    version: int
    inputs: tuple[Column, ...]
    classes: tuple[Any, ...]
    known: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note the categories."""
        known = {each.name: frozenset(each.categories) for each in self.inputs if each.categories}
        object.__setattr__(self, "known", known)


@dataclass(slots=True, kw_only=True)
class Answered:
    """One request that was answered: when, by what, with what; never changed.

    Attributes:
        at_us: microseconds since 1970, UTC, when the answer was made.
        ids: one a row.
        inputs: by column, one value a row, at least those that the version logs; None if the spec
            logs no inputs.
        predictions: one a row.
        probabilities: a list over the classes a row, or None.
        latency_us: from the whole request read to the answer made.
        flags: what guards found in a row, as a text; None where nothing is to be said of any.
    """

    of: LoggedVersion
    epoch: int
    slot: str
    at_us: int
    ids: Sequence[str]
    inputs: Mapping[str, Sequence[Any]] | None
    predictions: Sequence[Any]
    probabilities: Sequence[Sequence[float | None]] | None
    latency_us: int
    flags: Sequence[str | None] | None = None

    @property
    def rows(self) -> int:
        """How many predictions this is."""
        return len(self.ids)


def version_line(of: LoggedVersion) -> dict[str, Any]:
    """Return the line that stands in a file before a version's first entry."""
    return {
        "kind": "version",
        "model": of.model,
        "version": of.version,
        "inputs": [[column.name, column.type] for column in of.inputs],
        "classes": list(of.classes),
    }


def entry_line(answered: Answered) -> dict[str, Any]:
    """Return the line of one answered request."""
    line = {
        "kind": "answered",
        "model": answered.of.model,
        "version": answered.of.version,
        "epoch": answered.epoch,
        "slot": answered.slot,
        "at_us": answered.at_us,
        "ids": answered.ids,
        "inputs": None if answered.inputs is None else _inputs(answered.of, answered.inputs),
        "predictions": answered.predictions,
        "probabilities": answered.probabilities,
        "latency_us": answered.latency_us,
    }
    if answered.flags is not None:
        line["flags"] = answered.flags
    return line


def _inputs(of: LoggedVersion, given: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    inputs = {column.name: given[column.name] for column in of.inputs}
    for name, categories in of.known.items():
        inputs[name] = [value if value in categories else None for value in inputs[name]]
    return inputs
