"""From which score on does a column drift, where the owner does not say?

Evidently's own defaults alarm on data that does not change. Here a threshold comes from the
training rows themselves: from windows of them held out one at a time, where there are at least ten
(a jackknife, and the conformal rank of the most unusual column: Vovk et al., 2005), which holds for
rows that resemble their neighbours; else from rows drawn at the effective size, which holds for
independent rows only, and says so. It is fixed for the reference's life.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tenure.monitoring.scores import CATEGORY, NUMBER, P_VALUES, from_shares, score, wasserstein

FLOORS = {"wasserstein": 0.05, "jensenshannon": 0.02}
"""Less than this matters to nobody, however certain it is."""

LEAST_WINDOWS, MOST_WINDOWS = 10, 60
DRAWS, SLOW_DRAWS = 1_000, 200
_BINS = 500
_SMALLEST_P = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """From which score on a column drifts; p-values drift below it."""

    column: str
    method: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How thresholds came about. `rate` is the share of stable windows that any column crosses."""

    how: str
    windows: int
    window_rows: int
    rate: float
    per_year: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A column to calibrate: its comparable values, missing ones left out, and their windows."""

    name: str
    kind: str
    method: str
    values: np.ndarray
    window: np.ndarray


def rate_of(
    false_alarms_per_year: float, windows_per_year: float, wanted: int, among: int
) -> float:
    """Return how often a stable window may cross so that the rule fires so often a year.

    The rule fires when `wanted` of the last `among` windows cross, the last one among them:
    r * P(at least wanted - 1 of among - 1) fires a window.
    """
    target = min(false_alarms_per_year / windows_per_year, 1.0)
    low, high = 0.0, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        others = sum(
            math.comb(among - 1, k) * rate**k * (1 - rate) ** (among - 1 - k)
            for k in range(wanted - 1, among)
        )
        low, high = (rate, high) if rate * others < target else (low, rate)
    return min(max(low, 1e-4), 0.5)


def from_windows(
    asked: Sequence[Asked], count: int, rate: float, *, reference_rows: int, seed: int
) -> list[Threshold]:
    """Return thresholds from windows held out of the reference one at a time.

    Args:
        asked: columns, with the number of each row's window, 0 to count - 1.
        count: of windows, at least LEAST_WINDOWS.
        rate: share of stable windows that any column may cross.
        reference_rows: at most so many rows are what a window is compared with.
        seed: of the rows that are drawn where there are more.
    """
    draw = np.random.default_rng(seed)
    held = np.array([_held_out(each, count, reference_rows, draw) for each in asked])
    known = np.isfinite(held).all(axis=1)
    values = np.full(len(asked), np.nan)
    if known.any():
        values[known] = conformal(held[known], rate)
    return [_threshold(each, value) for each, value in zip(asked, values, strict=True)]


def conformal(held: np.ndarray, rate: float) -> np.ndarray:
    """Return a threshold a column, so that the share of windows with any column above is `rate`.

    Args:
        held: (columns, windows), the score of each window against the reference without it.
        rate: 0..1; below 1 / (windows + 1) it is that.
    """
    count = held.shape[1]
    mean = (held.sum(1, keepdims=True) - held) / (count - 1)
    square = ((held**2).sum(1, keepdims=True) - held**2) / (count - 1)
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    apart = np.divide(held - mean, deviation, out=np.zeros_like(held), where=deviation > 0)
    worst = np.sort(apart.max(axis=0))
    rank = min(count, math.ceil((count + 1) * (1 - rate)))
    return held.mean(axis=1) + worst[rank - 1] * held.std(axis=1)


def from_draws(
    asked: Sequence[Asked], rows: int, rate: float, *, reference_rows: int, seed: int
) -> list[Threshold]:
    """Return thresholds from rows drawn at the size that window and reference amount to.

    Args:
        asked: columns.
        rows: of a window.
        rate: share of stable windows that any column may cross; shared out among the columns.
        reference_rows: how many rows a window will be compared with.
        seed: of the draws.
    """
    each_rate = rate / max(len(asked), 1)
    draw = np.random.default_rng(seed)
    found = []
    for each in asked:
        against = min(reference_rows, len(each.values))
        size = max(round(rows * against / max(rows + against, 1)), 2)
        if each.method == "ks":
            found.append(Threshold(column=each.name, method=each.method, value=each_rate))
        elif len(each.values) < 2:
            found.append(_threshold(each, math.nan))
        else:
            scores = _badness(each.method, _drawn(each, size, draw))
            found.append(_threshold(each, float(np.quantile(scores, 1 - each_rate))))
    return found


def _held_out(each: Asked, count: int, most: int, draw: np.random.Generator) -> np.ndarray:
    """Return the score of each window of one column against the others' rows, larger is worse."""
    n = len(each.values)
    kept = np.sort(draw.choice(n, most, replace=False)) if n > most else np.arange(n)
    kept = kept[np.argsort(each.values[kept], kind="stable")]
    values, window = each.values[kept], each.window[kept]
    scores = np.empty(count)
    for place in range(count):
        inside, others = each.values[each.window == place], values[window != place]
        if len(inside) > most:
            inside = draw.choice(inside, most, replace=False)
        if each.method == "wasserstein" and len(inside) and len(others):
            scores[place] = wasserstein(others, inside)
        else:
            scores[place] = score(each.method, each.kind, others, inside)
    return _badness(each.method, scores)


def _badness(method: str, scores: np.ndarray) -> np.ndarray:
    return -np.log(np.maximum(scores, _SMALLEST_P)) if method in P_VALUES else scores


def _threshold(each: Asked, value: float) -> Threshold:
    if each.method in P_VALUES:
        value = math.exp(-value) if math.isfinite(value) else math.nan
    else:
        value = max(value, FLOORS.get(each.method, 0.0)) if math.isfinite(value) else math.nan
    return Threshold(column=each.name, method=each.method, value=float(value))


def _drawn(each: Asked, size: int, draw: np.random.Generator) -> np.ndarray:
    """Return scores of samples of `size` rows against the rows that they were drawn from."""
    if each.kind == CATEGORY:
        _, counts = np.unique(each.values, return_counts=True)
        shares = counts / counts.sum()
        drawn = draw.multinomial(size, shares, size=DRAWS) / size
        return np.array([from_shares(each.method, shares, after, size) for after in drawn])
    if each.method == "wasserstein":
        return _wasserstein_drawn(each.values, size, draw)
    return np.array(
        [
            score(each.method, NUMBER, each.values, draw.choice(each.values, size))
            for _ in range(SLOW_DRAWS)
        ]
    )


def _wasserstein_drawn(values: np.ndarray, size: int, draw: np.random.Generator) -> np.ndarray:
    """The same from counts in narrow bins at their own means: a thousand draws at once."""
    ordered = np.sort(values)
    deviation = float(np.std(ordered))
    parts = np.array_split(ordered, min(_BINS, len(ordered)))
    tails = [np.array_split(part, min(20, len(part))) for part in (parts[0], parts[-1])]
    parts = [*tails[0], *parts[1:-1], *(tails[1] if len(parts) > 1 else [])]
    middles = np.array([part.mean() for part in parts])
    shares = np.array([len(part) for part in parts]) / len(ordered)
    drawn = draw.multinomial(size, shares / shares.sum(), size=DRAWS) / size
    apart = np.abs(np.cumsum(drawn - shares, axis=1)[:, :-1])
    return apart @ np.diff(middles) / deviation


def calibrated(
    asked: Sequence[Asked],
    *,
    count: int,
    rows: int,
    per_year: float,
    false_alarms_per_year: float,
    rule: tuple[int, int],
    reference_rows: int,
    seed: int,
) -> tuple[list[Threshold], Calibration]:
    """Return a threshold a column, and how they came about.

    Args:
        asked: columns; NaN stands for a threshold that could not be found.
        count: how many windows the reference holds.
        rows: of a usual window.
        per_year: windows a year.
        false_alarms_per_year: what the owner aims at.
        rule: how many of how many windows must cross.
        reference_rows: how many rows a window will be compared with, at most.
        seed: of all draws.
    """
    rate = rate_of(false_alarms_per_year, per_year, *rule)
    if count >= LEAST_WINDOWS:
        least = 1 / (count + 1)
        note = f"{count} windows of the training rows, each held out in turn"
        if rate < least:
            note += f"; so few cannot state less than {least:.3f} a window"
        thresholds = from_windows(asked, count, rate, reference_rows=reference_rows, seed=seed)
        how, rate = "held-out windows", max(rate, least)
    else:
        thresholds = from_draws(asked, rows, rate, reference_rows=reference_rows, seed=seed)
        how = "resampled rows"
        note = (
            f"rows assumed independent: the training rows hold {count} window(s), and "
            f"{LEAST_WINDOWS} are needed to hold them out in turn"
        )
    return thresholds, Calibration(
        how=how, windows=count, window_rows=rows, rate=rate, per_year=per_year, note=note
    )


def at_size(threshold: Threshold, rows: int, usual: int) -> float:
    """Return a threshold for a window that is much smaller than those it was calibrated for.

    A distance between samples of one source falls with the root of their size.
    """
    if threshold.method in P_VALUES or not usual or rows >= 0.7 * usual:
        return threshold.value
    return threshold.value * math.sqrt(usual / rows)


def by_column(thresholds: Sequence[Threshold]) -> Mapping[str, Threshold]:
    """Return thresholds by their column."""
    return {each.column: each for each in thresholds}
