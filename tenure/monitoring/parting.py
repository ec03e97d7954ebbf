"""Into which windows do training rows fall, how large is one, and how many does a year have?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tenure.monitoring.calibration import MOST_WINDOWS
from tenure.records import Snapshot
from tenure.registry import open_ledger
from tenure.registry.rows import Rows
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

DAYS_PER_YEAR = 365.25
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """Windows of training rows.

    `window` is each used row's window, 0 to count - 1, or -1 for rows of none (a window that is
    too small, or not closed). `usual_rows` is the median of a whole window's rows, also of small
    ones; None where the rows cannot be parted as windows will be.
    """

    window: np.ndarray
    count: int
    usual_rows: int | None
    per_year: float


def part(
    spec: ModelSpec,
    rows: Rows,
    used: np.ndarray,
    snapshots: Sequence[Snapshot],
    workspace: Workspace,
) -> Parted:
    """Part the used rows of a training set into windows of the length that will be judged.

    Args:
        spec: of the model.
        rows: of the training set's snapshots.
        used: (n,) bool, those that count.
        snapshots: of the training set, in order.
        workspace: whose ledger says when they arrived.
    """
    found = _places(spec, rows, used)
    per_year = _per_year(spec, rows, used, found, snapshots, workspace)
    if found is None:
        none = np.full(int(used.sum()), -1)
        return Parted(window=none, count=0, usual_rows=None, per_year=per_year)
    places, sizes = np.unique(found[found >= 0], return_counts=True)
    usual = int(np.median(sizes)) if len(sizes) else None
    whole = places[sizes >= spec.monitoring.min_rows]
    if len(whole) > MOST_WINDOWS:
        whole = whole[np.linspace(0, len(whole) - 1, MOST_WINDOWS).round().astype(int)]
    names = np.full(int(found.max(initial=-1)) + 2, -1)
    names[whole] = np.arange(len(whole))
    return Parted(window=names[found], count=len(whole), usual_rows=usual, per_year=per_year)


def _places(spec: ModelSpec, rows: Rows, used: np.ndarray) -> np.ndarray | None:
    """Return the place of each used row's window in order, -1 for rows of a window that is open."""
    window = spec.monitoring.window
    match window.kind:
        case "batches":
            places = rows.batch[used] // int(window.size)
            batches = int(rows.batch.max(initial=-1)) + 1
            return np.where(places < batches // int(window.size), places, -1)
        case "rows":
            n = int(used.sum())
            places = np.arange(n) // int(window.size)
            return np.where(places < n // int(window.size), places, -1)
        case _:
            if rows.times is None:
                return None
            times = rows.times[used]
            there = ~np.isnat(times)
            if not there.any():
                return None
            length = np.timedelta64(int(window.size * 86_400), "s")
            since = times - times[there].min()
            places = np.where(there, since, np.timedelta64(0, "s")) // length
            last = int(places.max())
            return np.where(there & (places < last), places, -1).astype(np.int64)


def _per_year(
    spec: ModelSpec,
    rows: Rows,
    used: np.ndarray,
    places: np.ndarray | None,
    snapshots: Sequence[Snapshot],
    workspace: Workspace,
) -> float:
    """Return windows a year: by their length, by the data's times, by arrival; else one a day."""
    window = spec.monitoring.window
    if window.kind == "days":
        return DAYS_PER_YEAR / window.size
    count = int(places.max(initial=-1)) + 1 if places is not None else 0
    days = 0.0
    if rows.times is not None and used.any():
        times = rows.times[used]
        times = times[~np.isnat(times)]
        days = float((times.max() - times.min()) / _DAY) if len(times) else 0.0
    elif len(snapshots) > 1:
        days = _days_of_arrival(spec.name, snapshots, workspace)
    if count < 1 or days < count / 24:
        return DAYS_PER_YEAR
    return DAYS_PER_YEAR * count / days


def _days_of_arrival(model: str, snapshots: Sequence[Snapshot], workspace: Workspace) -> float:
    ledger = open_ledger(workspace)
    ends = [ledger.batch(model, each.batch) for each in (snapshots[0], snapshots[-1])]
    if ends[0] is None or ends[1] is None:
        return 0.0
    return (ends[1].arrived_at - ends[0].arrived_at).total_seconds() / 86_400
