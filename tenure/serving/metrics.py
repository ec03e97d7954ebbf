"""What does a server process count, and what does it cost to count it?

Plain numbers in plain dictionaries, about a microsecond a request; they become text only when
somebody asks. Each process puts its numbers into the spool, and whoever is asked adds them up.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SECONDS = (
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of the buckets of durations."""
LOADS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the buckets of the time that loading takes."""
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 10_000.0)
"""Upper bounds of the buckets of rows."""
MOST_SERIES = 20_000
_Key = tuple[str, str, str | int, str, int]
_OTHER: _Key = ("other", "other", "other", "other", 0)


class Histogram:
    """How many values lay in each bucket, and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass(slots=True)
class _Series:
    seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    rows: int = 0


class Metrics:
    """The numbers of one process; written by its event loop and its computing thread.

    Attributes:
        counters: by name and labels, what only grows, beside what has a method of its own.
        waiting: returns how many requests are being answered.
    """

    def __init__(self) -> None:
        self._answered: dict[_Key, _Series] = {}
        self._batches = Histogram(ROWS)
        self._loads: dict[str, Histogram] = {}
        self.counters: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
        self.waiting: Callable[[], int] = int

    def answered(
        self,
        door: str,
        model: str,
        version: str | int,
        slot: str,
        status: int,
        seconds: float,
        rows: int = 0,
    ) -> None:
        """Count one request that was answered or refused.

        Args:
            door: the protocol.
            model: what answered, never what a client asked for; empty where nothing did.
            version: likewise.
            slot: likewise.
            status: of the answer.
            seconds: from its head read to its answer sent.
            rows: how many were predicted.
        """
        key = (door, model, version, slot, status)
        series = self._answered.get(key)
        if series is None:
            series = self._begin(key)
        # Written out: a call more would cost as much as the rest.
        found = series.seconds
        found.counts[bisect_left(SECONDS, seconds)] += 1
        found.sum += seconds
        series.rows += rows

    def _begin(self, key: _Key) -> _Series:
        if len(self._answered) >= MOST_SERIES:
            key = _OTHER
        return self._answered.setdefault(key, _Series())

    def batch(self, rows: int) -> None:
        """Count one call of a model, over the rows of every request that was joined."""
        # Written out, as in `answered`.
        found = self._batches
        found.counts[bisect_left(ROWS, rows)] += 1
        found.sum += rows

    def loaded(self, model: str, version: int, seconds: float) -> None:
        """Count that a version came into memory."""
        self._loads.setdefault(model, Histogram(LOADS)).add(seconds)

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter of `speaking.COUNTERS`."""
        key = (name, tuple(sorted(labels.items())))
        if key in self.counters or len(self.counters) < MOST_SERIES:
            self.counters[key] = self.counters.get(key, 0) + by

    def snapshot(self) -> dict[str, Any]:
        """Return all numbers as plain JSON values; other threads may go on counting."""
        return {
            "answered": [
                [list(key), list(each.seconds.counts), each.seconds.sum, each.rows]
                for key, each in list(self._answered.items())
            ],
            "batches": [list(self._batches.counts), self._batches.sum],
            "loads": [
                [model, list(each.counts), each.sum] for model, each in list(self._loads.items())
            ],
            "counters": [
                [name, [list(pair) for pair in labels], value]
                for (name, labels), value in list(self.counters.items())
            ],
            "in_flight": self.waiting(),
        }


def added(snapshots: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum of what several processes counted, in the shape of one snapshot."""
    answered: dict[tuple[Any, ...], list[Any]] = {}
    loads: dict[str, list[Any]] = {}
    counters: dict[tuple[str, Any], int] = {}
    batches: list[Any] = [[0] * (len(ROWS) + 1), 0.0]
    for each in snapshots:
        for key, counts, total, rows in each["answered"]:
            kept = answered.setdefault(tuple(key), [[0] * len(counts), 0.0, 0])
            _add(kept, counts, total)
            kept[2] += rows
        for model, counts, total in each["loads"]:
            _add(loads.setdefault(model, [[0] * len(counts), 0.0]), counts, total)
        for name, labels, value in each["counters"]:
            place = name, tuple(tuple(pair) for pair in labels)
            counters[place] = counters.get(place, 0) + value
        _add(batches, *each["batches"])
    return {
        "answered": [[list(key), *kept] for key, kept in sorted(answered.items(), key=_order)],
        "batches": batches,
        "loads": [[model, *kept] for model, kept in sorted(loads.items())],
        "counters": [
            [name, [list(pair) for pair in labels], value]
            for (name, labels), value in sorted(counters.items())
        ],
        "in_flight": sum(each["in_flight"] for each in snapshots),
    }


def _order(item: tuple[tuple[Any, ...], Any]) -> list[str]:
    return [str(each) for each in item[0]]


def _add(kept: list[Any], counts: list[int], total: float) -> None:
    kept[0] = [mine + other for mine, other in zip(kept[0], counts, strict=True)]
    kept[1] += total
