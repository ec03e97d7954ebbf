"""How much does a model lean on each feature?

Permutation importances (Breiman, 2001): what the primary metric loses when one feature is shuffled
among the rows. All repeats of a feature are asked in one call, over stacked copies of the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tenure.evaluation.details import Importance, Importances
from tenure.evaluation.metrics import Metric, value_of
from tenure.evaluation.outputs import Truth, predict

REPEATS = 5
ROWS = 2_000


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
    import pandas as pd

    whole = value_of(metric, truth, predict(estimator, frame, truth.classes))
    if whole is None:
        return None
    n = len(truth)
    draw = np.random.default_rng(seed)
    stacked = pd.concat([frame] * REPEATS, ignore_index=True)
    found = []
    for name in frame.columns:
        kept = stacked[name]
        shuffled = np.concatenate([draw.permutation(n) + n * turn for turn in range(REPEATS)])
        stacked[name] = kept.iloc[shuffled].reset_index(drop=True)
        said = predict(estimator, stacked, truth.classes)
        stacked[name] = kept
        values = [
            value_of(metric, truth, said.take(np.arange(n * turn, n * (turn + 1))))
            for turn in range(REPEATS)
        ]
        lost = np.array([metric.sign * (whole - value) for value in values if value is not None])
        if len(lost) == 0:
            return None
        found.append((str(name), float(lost.mean()), float(lost.std(ddof=min(1, len(lost) - 1)))))
    total = sum(max(mean, 0.0) for _, mean, _ in found) or 1.0
    found.sort(key=lambda each: -each[1])
    return Importances(
        metric=metric.name,
        repeats=REPEATS,
        rows=n,
        rows_of=rows_of,
        features=[
            Importance(feature=name, mean=mean, deviation=spread, share=max(mean, 0.0) / total)
            for name, mean, spread in found
        ],
    )
