"""Does a plan answer as its estimator does, on every row that was asked?

It is kept only if labels are equal and numbers within the tolerance, on reference rows and on edge
rows, in both forms that it has. A row that the plan declines costs nothing but time; one that it
answers and scikit-learn refuses is a mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tenure.plans.agreement import Agreement, Declined, Refused
from tenure.plans.columns import Columns
from tenure.plans.edges import plain
from tenure.plans.plan import Found, Plan

SINGLES = 200
"""How many reference rows are asked one by one too."""


def judge(
    plan: Plan,
    estimator: Any,
    reference: Any,
    edges: Columns,
    ready: Callable[[Columns], Any],
    *,
    tolerance: float,
) -> Agreement:
    """Return how far a plan and its estimator agree.

    Args:
        plan: what is judged.
        estimator: the truth.
        reference: a frame of rows as they were seen, ready for the estimator.
        edges: rows where a plan is most likely to err.
        ready: makes the estimator's input of rows by column.
        tolerance: the largest difference of a number, relative where it is above one.

    Raises:
        Refused: they do not agree; it says where.
    """
    if not is_served_by(plan, estimator):
        raise Refused("the estimator has probabilities and the plan has none, or the other way")
    seen = {name: reference[name].to_numpy() for name in reference.columns}
    edges = taken(edges, _answered(plan, edges, range(_rows(edges))))
    compare = partial(_compared, plan, estimator, tolerance=tolerance)
    worst = max(
        compare(seen, lambda _: reference, spread(len(reference), SINGLES), "reference rows"),
        compare(edges, ready, range(_rows(edges) if plan.has_few else 0), "edge rows"),
    )
    rows = len(reference) + _rows(edges)
    return Agreement(exact=worst == 0.0, max_difference=worst, rows=rows)


def is_served_by(plan: Plan, estimator: Any) -> bool:
    """Return whether a plan has probabilities where the estimator has, and only there."""
    has = bool(plan.shape.classes) and hasattr(estimator, "predict_proba")
    return has == (bool(plan.shape.classes) and plan.shape.head.link != "none")


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.values()), ()))


def _asked(plan: Plan, columns: Columns, rows: int) -> Found | None:
    try:
        return plan.answer(columns, rows, probabilities=True)
    except Declined:
        return None


def _answered(plan: Plan, columns: Columns, rows: Sequence[int]) -> list[int]:
    """Return the rows that the plan answers; it declines all that are asked together, or none."""
    if not rows:
        return []
    try:
        plan.answer_many(taken(columns, rows), len(rows), probabilities=True)
    except Declined:
        half = len(rows) // 2
        if not half:
            return []
        return _answered(plan, columns, rows[:half]) + _answered(plan, columns, rows[half:])
    return list(rows)


def _compared(
    plan: Plan,
    estimator: Any,
    columns: Columns,
    ready: Callable[[Columns], Any],
    apart: Sequence[int],
    what: str,
    *,
    tolerance: float,
) -> float:
    rows = _rows(columns)
    if not rows:
        return 0.0
    try:
        together = plan.answer_many(columns, rows, probabilities=True)
    except Declined as declined:
        raise Refused(f"it declines {what}: {declined}") from None
    try:
        truth = predicted(estimator, ready(columns), with_shares=together[1] is not None)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the plan did not
        detail = f"it answers {what} on which the estimator raises {type(error).__name__}"
        raise Refused(detail) from None
    worst = difference(together, truth, what=what, tolerance=tolerance)
    for row in apart:
        found = _asked(plan, taken(columns, [row]), 1)
        if found is None:
            raise Refused(f"it declines alone what it answers among others, on {what}")
        mine = (truth[0][row : row + 1], None if truth[1] is None else truth[1][row : row + 1])
        worst = max(worst, difference(found, mine, what=what, tolerance=tolerance))
    return worst


def spread(rows: int, wanted: int) -> Sequence[int]:
    """Return so many positions, evenly over all rows."""
    if rows <= wanted:
        return range(rows)
    return sorted(set(np.linspace(0, rows - 1, wanted).round().astype(int).tolist()))


def taken(columns: Columns, rows: Sequence[int]) -> dict[str, list[Any]]:
    """Return some rows of some columns."""
    return {name: [plain(values[row]) for row in rows] for name, values in columns.items()}


def predicted(estimator: Any, frame: Any, *, with_shares: bool) -> tuple[np.ndarray, Any]:
    """Return what an estimator predicts, and its probabilities where they are wanted."""
    values = np.asarray(estimator.predict(frame))
    return values, np.asarray(estimator.predict_proba(frame)) if with_shares else None


def difference(
    found: Found, truth: tuple[np.ndarray, Any], *, what: str, tolerance: float
) -> float:
    """Return the largest difference of a number; labels must be equal.

    Raises:
        Refused: a label differs, or a number by more than the tolerance.
    """
    values, shares = found
    wanted = truth[0].tolist()
    if truth[0].dtype.kind == "f" and shares is None and truth[1] is None:
        worst = _apart(np.array(values, dtype=np.float64), truth[0])
    else:
        other = sum(one != two for one, two in zip(values, wanted, strict=True))
        if other:
            raise Refused(f"{other} of {len(wanted)} labels differ on {what}")
        worst = 0.0 if shares is None else _apart(np.asarray(shares), truth[1])
    if not worst <= tolerance:
        raise Refused(f"a number differs by {worst:.2g} on {what}; allowed is {tolerance:g}")
    return worst


def _apart(found: np.ndarray, truth: np.ndarray) -> float:
    if found.shape != truth.shape:
        return float("inf")
    by = np.abs(found - truth) / np.maximum(1.0, np.abs(truth))
    return float(by.max()) if np.isfinite(by).all() else float("inf")
