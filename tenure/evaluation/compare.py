"""How much better or worse are several models than one, on the same rows, and how sure is that?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tenure.evaluation import bootstrap
from tenure.evaluation.gate import Evidence
from tenure.evaluation.metrics import Z95, Metric, ends, estimate
from tenure.evaluation.outputs import Outputs, Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Several models and one other on the same rows, by one metric.

    Attributes:
        values: (K,) of the models.
        other: of the one that they are compared with.
        evidence: differences and their covariance, for the gate.
        low, high: (K,) 95 % interval of each difference.
    """

    values: np.ndarray
    other: float
    evidence: Evidence
    low: np.ndarray
    high: np.ndarray


def compare(
    metric: Metric,
    truth: Truth,
    models: Sequence[Outputs],
    other: Outputs,
    *,
    cluster: np.ndarray | None,
    resamples: int,
    seed: int,
) -> Paired | None:
    """Compare models with another one on the same rows; None if the metric cannot be computed.

    Metrics that are means are compared analytically, ranking metrics by a paired Poisson bootstrap.

    Args:
        metric: that decides.
        truth: n rows.
        models: outputs of each model on these rows.
        other: outputs of the one that they are compared with.
        cluster: (n,) rows that count as one, or None.
        resamples: of the bootstrap.
        seed: of its weights.
    """
    if metric.area is not None:
        return _by_bootstrap(metric, truth, models, other, cluster, resamples, seed)
    estimates = [estimate(metric, truth, each) for each in [*models, other]]
    if any(each is None for each in estimates):
        return None
    found = [each for each in estimates if each is not None]
    values = np.array([each.value for each in found])
    advantage = np.stack([each.influence for each in found[:-1]], axis=1)
    advantage = metric.sign * (advantage - found[-1].influence[:, None])
    if not np.isfinite(values).all() or not np.isfinite(advantage).all():
        return None
    covariance, clusters = clustered_covariance(advantage, cluster)
    differences = metric.sign * (values[:-1] - values[-1])
    half = Z95 * np.sqrt(np.diag(covariance))
    return Paired(
        values=values[:-1],
        other=float(values[-1]),
        evidence=Evidence(differences=differences, covariance=covariance, clusters=clusters),
        low=differences - half,
        high=differences + half,
    )


def clustered_covariance(
    influence: np.ndarray, cluster: np.ndarray | None
) -> tuple[np.ndarray, int]:
    """Return the covariance of means of per-row influences (n, K), and the number of clusters."""
    n = len(influence)
    sums = influence
    if cluster is not None:
        sums = np.stack([np.bincount(cluster, weights=column) for column in influence.T], axis=1)
    count = len(sums)
    correction = count / (count - 1) if count > 1 else np.nan
    return (sums.T @ sums) * correction / n**2, count


def _by_bootstrap(
    metric: Metric,
    truth: Truth,
    models: Sequence[Outputs],
    other: Outputs,
    cluster: np.ndarray | None,
    resamples: int,
    seed: int,
) -> Paired | None:
    scores = [each.score for each in [*models, other]]
    if any(score is None or not np.isfinite(score).all() for score in scores):
        return None
    positive = truth.positive
    if not positive.any() or positive.all():
        return None
    given = [score for score in scores if score is not None]
    values = np.array([bootstrap.exact_areas(score, positive)[metric.area or 0] for score in given])
    count = len(truth) if cluster is None else int(cluster.max()) + 1
    drawn = bootstrap.resample_scores(given, positive, cluster, resamples=resamples, seed=seed)
    areas = drawn[:, :, metric.area or 0]
    moved = (areas[:, :-1] - areas[:, -1:])[np.isfinite(areas).all(axis=1)]
    if len(moved) < resamples // 2:
        return None
    low, high = np.quantile(moved, [0.025, 0.975], axis=0)
    evidence = Evidence(
        differences=values[:-1] - values[-1],
        covariance=np.atleast_2d(np.cov(moved, rowvar=False)),
        clusters=count,
    )
    return Paired(
        values=values[:-1], other=float(values[-1]), evidence=evidence, low=low, high=high
    )


def intervals(
    metrics: Sequence[Metric],
    truth: Truth,
    outputs: Outputs,
    *,
    cluster: np.ndarray | None,
    resamples: int,
    seed: int,
) -> dict[str, tuple[float | None, float | None, float | None]]:
    """Return value, low and high end (95 %) of each metric of one model."""
    found: dict[str, tuple[float | None, float | None, float | None]] = {}
    ranking = [metric for metric in metrics if metric.area is not None]
    if ranking:
        found |= _areas_with_ends(ranking, truth, outputs, cluster, resamples, seed)
    for metric in metrics:
        if metric.area is not None:
            continue
        known = estimate(metric, truth, outputs)
        if known is None:
            found[metric.name] = (None, None, None)
            continue
        interval = ends(metric, known, cluster)
        found[metric.name] = (known.value, *interval) if interval else (known.value, None, None)
    return found


def _areas_with_ends(
    metrics: Sequence[Metric],
    truth: Truth,
    outputs: Outputs,
    cluster: np.ndarray | None,
    resamples: int,
    seed: int,
) -> dict[str, tuple[float | None, float | None, float | None]]:
    score, positive = outputs.score, truth.positive
    if score is None or not np.isfinite(score).all() or not positive.any() or positive.all():
        return {metric.name: (None, None, None) for metric in metrics}
    exact = bootstrap.exact_areas(score, positive)
    drawn = bootstrap.resample_scores([score], positive, cluster, resamples=resamples, seed=seed)
    tails = np.nanquantile(drawn[:, 0], [0.025, 0.975], axis=0)
    return {
        metric.name: (
            exact[metric.area or 0],
            float(tails[0, metric.area or 0]),
            float(tails[1, metric.area or 0]),
        )
        for metric in metrics
    }
