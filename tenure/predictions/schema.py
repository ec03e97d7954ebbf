"""What does the prediction log keep of an answered request?

One entry a request; one line a version that says of which types its entries are. Inputs are what
the model was given: treated, without the columns that the spec leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tenure.records import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedVersion:
    """Of which types the entries of one version are.

    Attributes:
        inputs: the columns that are logged, with their types; empty if the spec logs none.
        classes: the labels in the order of probabilities; empty for regression.
        names: of the logged columns.
        known: by place among the logged columns, the categories of one that has any; the log holds
            no other ones, which may be anything that a client wrote.
    """

    model: str
    version: int
    inputs: tuple[Column, ...]
    classes: tuple[Any, ...]
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    known: tuple[tuple[int, frozenset[str | None]], ...] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Note names and categories, which each entry needs."""
        known = tuple(
            (place, frozenset((*each.categories, None)))
            for place, each in enumerate(self.inputs)
            if each.categories
        )
        object.__setattr__(self, "names", tuple(each.name for each in self.inputs))
        object.__setattr__(self, "known", known)


class RowIds(Sequence[str]):
    """The ids of many rows of one request, made when one is looked at: the request's and a number.

    Args:
        stem: the request's id.
        rows: how many there are.
    """

    __slots__ = ("rows", "stem")

    def __init__(self, stem: str, rows: int) -> None:
        self.stem, self.rows = stem, rows

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self.rows

    def __getitem__(self, place: Any) -> Any:
        """Return the id of a row, or those of several."""
        found = range(self.rows)[place]
        if isinstance(found, range):
            return [f"{self.stem}-{row}" for row in found]
        return f"{self.stem}-{found}"


@dataclass(slots=True)
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


def lines_of(entries: Sequence[Answered]) -> list[dict[str, Any]]:
    """Return the lines of some answered requests in the order they came.

    An entry is a list without names: one a request is written thousands of times a second, and by
    whom requests wait for. Of one row the values stand by themselves, of others in lists. Columns
    that came as arrays of many rows stay bytes (`line["raw"]`), with a mark where they belong. What
    is torn off the end of a file is then what came last: a line ends where another version begins.
    """
    lines: list[dict[str, Any]] = []
    last, line = None, {}
    for each in entries:
        if each.of is not last:
            last = of = each.of
            line = {"kind": "many", "model": of.model, "version": of.version, "entries": []}
            lines.append(line)
        if len(each.ids) == 1:
            line["entries"].append(_one_row(each))
        else:
            line["entries"].append(_rows(each, line.setdefault("raw", [])))
    return lines


def _one_row(answered: Answered) -> list[Any]:
    given, of = answered.inputs, answered.of
    row = None
    if given is not None:
        row = [given[name][0] for name in of.names]
        for place, categories in of.known:
            if row[place] not in categories:
                row[place] = None
    shares, flags = answered.probabilities, answered.flags
    return [
        answered.epoch,
        answered.slot,
        answered.at_us,
        answered.latency_us,
        answered.ids[0],
        row,
        answered.predictions[0],
        None if shares is None else shares[0],
        None if flags is None else flags[0],
    ]


def _rows(answered: Answered, raw: list[bytes]) -> list[Any]:
    given, of = answered.inputs, answered.of
    columns: list[Any] | None = None
    if given is not None:
        columns = [given[name] for name in of.names]
        for place, categories in of.known:
            if not categories.issuperset(columns[place]):
                columns[place] = [each if each in categories else None for each in columns[place]]
        columns = [_kept(column, raw) for column in columns]
    ids: Any = answered.ids
    if isinstance(ids, RowIds):
        ids = {"stem": ids.stem, "rows": ids.rows}
    return [
        answered.epoch,
        answered.slot,
        answered.at_us,
        answered.latency_us,
        ids,
        columns,
        _kept(answered.predictions, raw),
        _kept(answered.probabilities, raw),
        answered.flags,
    ]


def _kept(values: Any, raw: list[bytes]) -> Any:
    """Return values as they stand in a line: an array of numbers is a mark, and bytes beside it."""
    if type(values) is not np.ndarray or values.dtype.str not in _AS_BYTES:
        return values
    raw.append(values.tobytes())
    return {"raw": len(raw) - 1, "dtype": values.dtype.str, "shape": values.shape}


_AS_BYTES = frozenset({"<f8", "<i8", "|b1"})


def entries_of(line: Mapping[str, Any], described: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of a line by name, a list over its rows each; the inverse of `lines_of`.

    Args:
        line: as it was written.
        described: the line of its version.
    """
    if line["kind"] == "answered":  # one a line, as it was written before
        return [dict(line)]
    names = [name for name, _ in described["inputs"]]
    raw = line.get("raw", [])
    return [_named(_unpacked(entry, raw), names, line) for entry in line["entries"]]


def _unpacked(entry: list[Any], raw: Sequence[bytes]) -> list[Any]:
    ids, inputs = entry[4:6]
    if isinstance(ids, str):
        return entry
    if isinstance(ids, dict):
        ids = list(RowIds(**ids))
    if inputs is not None:
        inputs = [_values(column, raw) for column in inputs]
    predictions, shares, flags = entry[6:]
    return [*entry[:4], ids, inputs, _values(predictions, raw), _values(shares, raw), flags]


def _values(kept: Any, raw: Sequence[bytes]) -> Any:
    if not isinstance(kept, dict):
        return kept
    found = np.frombuffer(raw[kept["raw"]], kept["dtype"]).reshape(kept["shape"])
    if found.dtype.kind != "f" or np.isfinite(found).all():
        return found.tolist()
    # What is no finite number is null, as it is in JSON.
    plain = found.astype(object)
    plain[~np.isfinite(found)] = None
    return plain.tolist()


def _named(entry: Sequence[Any], names: Sequence[str], line: Mapping[str, Any]) -> dict[str, Any]:
    epoch, slot, at_us, latency_us, ids, inputs, predictions, shares, flags = entry
    if isinstance(ids, str):
        ids, predictions = [ids], [predictions]
        inputs = None if inputs is None else [[value] for value in inputs]
        shares = None if shares is None else [shares]
        flags = None if flags is None else [flags]
    found = {
        "model": line["model"],
        "version": line["version"],
        "epoch": epoch,
        "slot": slot,
        "at_us": at_us,
        "latency_us": latency_us,
        "ids": ids,
        "inputs": None if inputs is None else dict(zip(names, inputs, strict=True)),
        "predictions": predictions,
        "probabilities": shares,
    }
    return found if flags is None else {**found, "flags": flags}
