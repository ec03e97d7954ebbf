"""Is the target an exact weighted sum of some numeric features?"""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS = 5_000
EXACT = 1e-9
"""Largest residual, as a share of the target's spread, that counts as exact."""
MOST_PARTS = 10
MOST_COLUMNS = 200


def exact_parts(frame: Any, target: np.ndarray) -> list[tuple[str, float]]:
    """Return the columns of which the target is a sum, with their weights; [] if it is none.

    By least squares on standardised columns; then columns that the fit stays exact without are
    dropped one by one. Rows must outnumber columns well, else any target would be "explained".
    A sum of more than ten parts is a formula that a model may well learn, not a leak of parts.

    Args:
        frame: numeric columns; rows with a missing value are left out.
        target: (n,) numbers.
    """
    numbers = frame.to_numpy(dtype=np.float64)
    names = [str(name) for name in frame.columns]
    filled = np.isfinite(numbers).mean(axis=0) > 0.5
    numbers, names = numbers[:, filled], [n for n, keep in zip(names, filled, strict=True) if keep]
    whole = np.isfinite(numbers).all(axis=1)
    numbers, target = numbers[whole][:ROWS], target[whole][:ROWS]
    n, p = numbers.shape
    if not 0 < p <= MOST_COLUMNS or n < 3 * (p + 1) + 30 or np.ptp(target) == 0:
        return []
    with np.errstate(over="ignore", invalid="ignore"):  # values near 1e300 have no spread
        spread = numbers.std(axis=0)
    kept = [place for place in range(p) if spread[place] > 0 and np.isfinite(spread[place])]
    centred = np.zeros_like(numbers)
    centred[:, kept] = (numbers[:, kept] - numbers[:, kept].mean(axis=0)) / spread[kept]
    goal = (target - target.mean()) / target.std()
    if not kept or _solve(centred[:, kept], goal) is None:
        return []
    for place in list(kept):
        rest = [each for each in kept if each != place]
        if rest and _solve(centred[:, rest], goal) is not None:
            kept = rest
    weights = _solve(centred[:, kept], goal)
    if weights is None or len(kept) > MOST_PARTS:
        return []
    scale = target.std() / spread[kept]
    return [(names[place], float(w)) for place, w in zip(kept, weights * scale, strict=True)]


def _solve(columns: np.ndarray, goal: np.ndarray) -> np.ndarray | None:
    """Return weights that make the goal exactly, or None."""
    weights = np.linalg.lstsq(columns, goal, rcond=1e-10)[0]
    rest = goal - columns @ weights
    return weights if np.abs(rest).max() < EXACT * len(goal) ** 0.5 else None
