"""How much does a model lean on each feature?

Permutation importances (Breiman, 2001): what the primary metric loses when one feature is shuffled
among the rows. All repeats of a feature are asked in one call, over stacked copies of the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tenure.evaluation.details import Importance, Importances
from tenure.evaluation.metrics import Metric, value_of
from tenure.evaluation.outputs import Outputs, Truth, predict

REPEATS = 4
ROWS = 800
CALL_ROWS = 100_000
"""Rows of one call to the model: fewer calls cost less, more rows more memory."""


def sample(truth: Truth, seed: int) -> np.ndarray:
    """Return positions of at most ROWS rows, spread evenly; of two classes, up to a third positive.

    Without that share a rare class would leave a ranking metric nothing to lose.
    """
    n = len(truth)
    if n <= ROWS:
        return np.arange(n)
    draw = np.random.default_rng(seed)
    if truth.kind != "binary":
        return np.sort(draw.choice(n, ROWS, replace=False))
    positive, negative = np.flatnonzero(truth.positive), np.flatnonzero(~truth.positive)
    share = len(positive) / n
    wanted = min(len(positive), max(round(ROWS * share), ROWS // 3 if share < 1 / 3 else 0))
    chosen = [
        draw.choice(positive, wanted, replace=False),
        draw.choice(negative, min(len(negative), ROWS - wanted), replace=False),
    ]
    return np.sort(np.concatenate(chosen))


def importances(
    estimator: Any, frame: Any, truth: Truth, metric: Metric, *, rows_of: int, seed: int
) -> Importances | None:
    """Return each feature's importance, the most important first.

    Args:
        estimator: fitted.
        frame: its features, typed, on the sampled rows.
        truth: of these rows.
        metric: what is lost.
        rows_of: how many rows there were before sampling.
        seed: of the shuffles.
    """
    labels = metric.area is None
    whole = value_of(metric, truth, predict(estimator, frame, truth.classes, labels=labels))
    if whole is None:
        return None
    names = [str(name) for name in frame.columns]
    draw = np.random.default_rng(seed)
    width = max(1, CALL_ROWS // (len(truth) * REPEATS))
    found: list[tuple[str, np.ndarray]] = []
    for begin in range(0, len(names), width):
        some = names[begin : begin + width]
        said = predict(estimator, _shuffled(frame, some, draw), truth.classes, labels=labels)
        found += _losses(some, said, truth, metric, whole)
    if any(not len(lost) for _, lost in found):
        return None
    total = sum(max(float(lost.mean()), 0.0) for _, lost in found) or 1.0
    found.sort(key=lambda each: -each[1].mean())
    return Importances(
        metric=metric.name,
        repeats=REPEATS,
        rows=len(truth),
        rows_of=rows_of,
        features=[
            Importance(
                feature=name,
                mean=float(lost.mean()),
                deviation=float(lost.std(ddof=1)) if len(lost) > 1 else 0.0,
                share=max(float(lost.mean()), 0.0) / total,
            )
            for name, lost in found
        ],
    )


def _shuffled(frame: Any, names: list[str], draw: np.random.Generator) -> Any:
    """Return copies of the rows, REPEATS for each of some features, in which it is shuffled."""
    import pandas as pd

    n = len(frame)
    base = np.tile(np.arange(n), REPEATS * len(names))
    made = {}
    for name in frame.columns:
        rows = base
        if name in names:
            first = names.index(name) * REPEATS * n
            rows = base.copy()
            rows[first : first + REPEATS * n] = np.concatenate(
                [draw.permutation(n) for _ in range(REPEATS)]
            )
        made[name] = frame[name].array.take(rows)
    return pd.DataFrame(made)


def _losses(
    names: list[str], said: Outputs, truth: Truth, metric: Metric, whole: float
) -> list[tuple[str, np.ndarray]]:
    n = len(truth)
    found = []
    for place, name in enumerate(names):
        starts = [(place * REPEATS + turn) * n for turn in range(REPEATS)]
        values = [value_of(metric, truth, said.take(slice(at, at + n))) for at in starts]
        lost = [metric.sign * (whole - value) for value in values if value is not None]
        found.append((name, np.array(lost)))
    return found
