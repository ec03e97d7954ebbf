"""What do a model's answers look like when they are drawn?"""

from __future__ import annotations

import numpy as np

from tenure.evaluation.bootstrap import exact_areas
from tenure.evaluation.details import (
    POINTS,
    SCATTER_POINTS,
    Confusion,
    Curve,
    Curves,
    Residuals,
    Who,
)
from tenure.evaluation.outputs import Outputs, Truth

MOST_LABELS = 20
RESIDUAL_BINS = 30


def curves(truth: Truth, models: list[tuple[Who, Truth, Outputs]]) -> Curves | None:
    """Return ROC and precision-recall lines of some models (two classes), each on its own rows."""
    if truth.kind != "binary":
        return None
    roc, precision_recall = [], []
    for who, rows, outputs in models:
        if outputs.score is None or not np.isfinite(outputs.score).all():
            continue
        if not rows.positive.any() or rows.positive.all():
            continue
        first, second = _lines(who, outputs.score, rows.positive)
        roc.append(first)
        precision_recall.append(second)
    return Curves(roc=roc, precision_recall=precision_recall) if roc else None


def _lines(who: Who, score: np.ndarray, positive: np.ndarray) -> tuple[Curve, Curve]:
    auc, precision_area = exact_areas(score, positive)
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found = np.cumsum(positive[order])[ends]
    passed = ends + 1 - found
    recall = found / found[-1]
    precision = found / (found + passed)
    false = passed / max(passed[-1], 1)
    roc = _thinned(who, np.append(0.0, false), np.append(0.0, recall), auc)
    return roc, _thinned(
        who, np.append(0.0, recall), np.append(precision[0], precision), precision_area
    )


def _thinned(who: Who, x: np.ndarray, y: np.ndarray, area: float) -> Curve:
    """Keep points that are evenly spaced along the line's length."""
    along = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    places = np.searchsorted(along, np.linspace(0, along[-1], min(POINTS, len(x))))
    kept = np.unique(np.concatenate([[0], np.clip(places, 0, len(x) - 1), [len(x) - 1]]))[:POINTS]
    return Curve(
        who=who,
        x=[round(float(v), 6) for v in x[kept]],
        y=[round(float(v), 6) for v in y[kept]],
        area=float(area),
    )


def confusion(truth: Truth, outputs: Outputs) -> Confusion | None:
    """Return counts of true against predicted classes; the rarest beyond 20 are gathered."""
    if truth.kind == "regression" or outputs.codes is None:
        return None
    classes = len(truth.classes)
    rows = np.bincount(truth.codes[truth.codes >= 0], minlength=classes)
    shown = np.sort(np.argsort(-rows, kind="stable")[:MOST_LABELS])
    place = np.full(classes + 1, len(shown))
    place[shown] = np.arange(len(shown))
    is_whole = classes <= MOST_LABELS and (truth.codes >= 0).all() and (outputs.codes >= 0).all()
    size = len(shown) + (0 if is_whole else 1)
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (place[truth.codes], place[outputs.codes]), 1)
    labels = [str(truth.classes[each]) for each in shown] + ([] if is_whole else ["other"])
    return Confusion(labels=labels, counts=counts.tolist(), shown=len(shown))


def residuals(
    truth: Truth, outputs: Outputs, champion: Outputs | None, unseen: np.ndarray
) -> Residuals | None:
    """Return what a regression gets wrong; beside the champion, both on the compared rows."""
    if truth.kind != "regression" or outputs.values is None or not len(truth):
        return None
    if not np.isfinite(outputs.values).all():
        return None
    rest = truth.values - outputs.values
    of_champion, shown = None, rest
    if champion is not None and champion.values is not None and unseen.any():
        of_champion, shown = (truth.values - champion.values)[unseen], rest[unseen]
    low, high = np.quantile(rest, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1.0, RESIDUAL_BINS + 1)
    picks = np.unique(
        np.linspace(0, len(rest) - 1, min(len(rest), SCATTER_POINTS)).round().astype(int)
    )
    return Residuals(
        actual=truth.values[picks].tolist(),
        predicted=outputs.values[picks].tolist(),
        edges=edges.tolist(),
        counts=_counted(shown, edges),
        champion_counts=None if of_champion is None else _counted(of_champion, edges),
        mean=float(rest.mean()),
        deviation=float(rest.std()),
    )


def _counted(values: np.ndarray, edges: np.ndarray) -> list[int]:
    return np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)[0].tolist()
