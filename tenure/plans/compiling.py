"""Is a plan made of this estimator worth keeping, and for how many rows is it the quicker one?

Runs where the artifact is in memory and can do no harm. Whatever happens here, the estimator
serves: what comes back is a plan with what was measured, or why there is none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tenure.plans.agreement import Agreement, Declined, Refused
from tenure.plans.columns import Columns
from tenure.plans.edges import edge_rows, plain
from tenure.plans.judging import judge, spread
from tenure.plans.making import make_plan
from tenure.plans.packing import pack, unpack
from tenure.plans.plan import Plan
from tenure.plans.shapes import Trees
from tenure.records import Column

MOST_ROWS = 20_000
LEAST_ROWS = 500
_NODE_ROWS = 25_000_000
"""Trees answer some 10 million nodes' worth of rows a second: so much is spent on them at most."""
_TIMED_ROWS = (32, 128, 512)
_MOST_BYTES = 10 << 20
"""A larger plan does not fit through the pipe that it comes back through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A plan that agrees, as bytes, with what was measured."""

    content: bytes
    kind: str
    agreement: Agreement
    most_rows: int | None


def compiled(
    estimator: Any,
    reference: Any,
    features: Sequence[Column],
    classes: Sequence[Any],
    task: str,
    ready: Callable[[Columns], Any],
    *,
    tolerance: float,
) -> Kept | None:
    """Return a plan that agrees with its estimator, or None where none is known.

    Args:
        estimator: what was fitted.
        reference: a frame of rows as the estimator takes them.
        features: its columns.
        classes: the labels on record.
        task: the task on record.
        ready: makes such a frame of rows by column.
        tolerance: how far a number may be off.

    Raises:
        Refused: there is a plan, and it does not agree.
    """
    made = make_plan(estimator, features, classes, task)
    if made is None:
        return None
    content = pack(made)
    if len(content) > _MOST_BYTES:
        raise Refused(f"it has {len(content) >> 20} MB")
    # What is judged is what was read back.
    plan = unpack(content)
    thresholds: dict[int, list[float]] = {}
    if isinstance(plan.shape.scores, Trees):
        from tenure.plans.trees import nodes_of, thresholds_of

        last = last_step(estimator)
        thresholds = thresholds_of(last)
        most = _NODE_ROWS // max(1, nodes_of(last))
    else:
        most = MOST_ROWS
    rows = spread(len(reference), min(MOST_ROWS, max(LEAST_ROWS, most)))
    if len(rows) < len(reference):
        reference = reference.iloc[list(rows)].reset_index(drop=True)
    seen = {name: reference[name].to_numpy() for name in reference.columns}
    edges = edge_rows(plan, seen, thresholds)
    agreement = judge(plan, estimator, reference, edges, ready, tolerance=tolerance)
    return Kept(
        content=content,
        kind=plan.kind,
        agreement=agreement,
        most_rows=_most_rows(plan, estimator, reference),
    )


def last_step(estimator: Any) -> Any:
    """Return what predicts at the end of pipelines and searches."""
    while True:
        inner = getattr(estimator, "best_estimator_", None)
        if inner is None and hasattr(estimator, "steps"):
            inner = estimator.steps[-1][1]
        if inner is None:
            return estimator
        estimator = inner


def _most_rows(plan: Plan, estimator: Any, reference: Any) -> int | None:
    """Return from more than how many rows on the estimator is quicker, by CPU time."""
    counts = [1, *_TIMED_ROWS]
    leads: list[float] = []
    for count in counts:
        rows = reference.iloc[np.arange(count) % len(reference)].reset_index(drop=True)
        ours, theirs = _timed(plan, estimator, rows)
        leads.append(theirs - ours)
        if leads[-1] < 0:
            break
    if leads[-1] < 0 and len(leads) == 1:
        return 0
    if leads[-1] < 0:
        # The lead is lost about evenly, a row, from the last size that was won.
        (won, lost), (lead, lag) = counts[len(leads) - 2 : len(leads)], leads[-2:]
        return int(won + (lost - won) * lead / (lead - lag))
    # Beyond what was timed a matrix product stays the quicker one; trees may not.
    return None if plan.kind == "linear" else counts[-1]


def _timed(plan: Plan, estimator: Any, frame: Any) -> tuple[float, float]:
    columns = {name: [plain(value) for value in frame[name].to_numpy()] for name in frame.columns}
    repeats = 3 if len(frame) == 1 else 2
    try:
        ours = _cpu_s(partial(plan.answer, columns, len(frame), probabilities=True), repeats)
    except Declined:
        return 1.0, 0.0
    return ours, _cpu_s(partial(_whole, estimator, frame), repeats)


def _whole(estimator: Any, frame: Any) -> None:
    if hasattr(estimator, "predict_proba"):
        estimator.predict_proba(frame)
    else:
        estimator.predict(frame)


def _cpu_s(work: Callable[[], Any], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


def ready_by(
    features: Sequence[Column], cast: Callable[[Any, Any], Any]
) -> Callable[[Columns], Any]:
    """Return what makes an estimator's input of rows by column, as a request's rows are made."""
    import pandas as pd

    def ready(columns: Columns) -> Any:
        kinds = {column.name: column.type for column in features}
        made = {
            name: np.array([np.nan if v is None else v for v in columns[name]], dtype=np.float64)
            if kind == "float64"
            else pd.Series(list(columns[name]), dtype=object)
            for name, kind in kinds.items()
        }
        return cast(pd.DataFrame(made), tuple(features))

    return ready
