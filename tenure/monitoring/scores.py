"""How far apart are two samples, by the method that Evidently will judge them with?

The same numbers as Evidently's tests of these names (0.7.23), so that thresholds can be calibrated
at registration without its import of several seconds; verdicts are Evidently's own. Samples hold no
missing value.
"""

from __future__ import annotations

import numpy as np

NUMBER, CATEGORY = "number", "category"
P_VALUES = frozenset({"ks", "chisquare"})
"""Methods whose score falls as samples part."""

_BY_VALUE = 20
"""Up to so many different values in the reference Evidently counts a number by value."""


def score(method: str, kind: str, reference: np.ndarray, current: np.ndarray) -> float:
    """Return a method's score; NaN where it is undefined.

    Args:
        method: a name of Evidently's.
        kind: NUMBER or CATEGORY.
        reference: (n,) float64, or codes of categories (integers from 0).
        current: (m,) alike.
    """
    if not len(reference) or not len(current):
        return float("nan")
    match method:
        case "wasserstein":
            return wasserstein(np.sort(reference), current)
        case "ks":
            from scipy.stats import ks_2samp

            return float(ks_2samp(reference, current)[1])  # type: ignore[arg-type]
    before, after = _shares(method, kind, reference, current)
    return from_shares(method, before, after, len(current))


def wasserstein(ordered: np.ndarray, current: np.ndarray) -> float:
    """Return Wasserstein's first distance over the reference's deviation.

    Args:
        ordered: the reference, ascending.
        current: in any order.
    """
    deviation = float(np.std(ordered))
    if not deviation or not np.isfinite(deviation):
        return float("nan")
    n, m = len(ordered), len(current)
    both = np.concatenate([ordered, np.sort(current)])
    order = np.argsort(both, kind="stable")
    is_before = order < n
    # Between equal values there is no step, so the order among them is of no account.
    apart = np.cumsum(np.where(is_before, 1 / n, -1 / m))[:-1]
    return float(np.abs(apart) @ np.diff(both[order])) / deviation


def from_shares(method: str, before: np.ndarray, after: np.ndarray, rows: int) -> float:
    """Return a method's score from shares of the same bins or categories.

    Args:
        method: one that compares shares.
        before: the reference's, (bins,).
        after: the current rows', (bins,).
        rows: how many current rows there are.
    """
    match method:
        case "jensenshannon":
            return float(jensen_shannon(before, after))
        case "psi":
            before, after = _filled(before), _filled(after)
            return float(np.sum((before - after) * np.log(before / after)))
        case "kl_div":
            from scipy.stats import entropy

            return float(entropy(_filled(before), _filled(after)))
        case "hellinger":
            return float(np.sqrt(1 - np.clip(np.sqrt(before * after).sum(), 0, 1)))
        case "chisquare":
            return _chi_square(before, after, rows)
    raise ValueError(f"no method {method!r}")


def jensen_shannon(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon distance (natural logarithm) over the last axis."""
    middle = (before + after) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(before > 0, before * np.log(before / middle), 0.0)
        right = np.where(after > 0, after * np.log(after / middle), 0.0)
    return np.sqrt(np.maximum(left.sum(-1) + right.sum(-1), 0.0) / 2)


def _chi_square(before: np.ndarray, after: np.ndarray, rows: int) -> float:
    """Evidently takes the reference as exact: one row of a new category gives p = 0."""
    from scipy.stats import chi2

    expected, seen = before * rows, after * rows
    if ((expected == 0) & (seen > 0)).any():
        return 0.0
    there = expected > 0
    statistic = float(((seen - expected)[there] ** 2 / expected[there]).sum())
    return float(chi2.sf(statistic, max(int(there.sum()) - 1, 0)))


def _filled(shares: np.ndarray) -> np.ndarray:
    least = shares[shares > 0].min()
    return np.where(shares > 0, shares, least / 10**6 if least <= 0.0001 else 0.0001)


def _shares(
    method: str, kind: str, reference: np.ndarray, current: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if kind == NUMBER and method == "hellinger":
        values = np.unique(np.concatenate([reference, current]))
        return _binned(np.histogram_bin_edges(values, bins="sturges"), reference, current)
    if kind == NUMBER and len(np.unique(reference)) > _BY_VALUE:
        edges = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
        return _binned(edges, reference, current)
    _, codes = np.unique(np.concatenate([reference, current]), return_inverse=True)
    size = int(codes.max()) + 1
    before = np.bincount(codes[: len(reference)], minlength=size) / len(reference)
    after = np.bincount(codes[len(reference) :], minlength=size) / len(current)
    return before, after


def _binned(
    edges: np.ndarray, reference: np.ndarray, current: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    before = np.histogram(reference, edges)[0] / len(reference)
    return before, np.histogram(current, edges)[0] / len(current)
