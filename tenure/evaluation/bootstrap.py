"""How much would two ranking metrics move if the judged rows had been drawn again?

A paired Poisson bootstrap: every resample gives each row (or cluster of rows) a weight drawn from
Poisson(1), the same for all models, which makes differences between models sharp. Scores are
sorted once a model; a resample is then a weighted cumulative sum over that order. Rows of equal
score count together, at the last of them, as `sklearn.metrics` has it.

The sums over stretches of rows between two positives, for all resamples at once, are one sparse
product, which also takes care of the order and of clusters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import exp, factorial
from typing import Any

import numpy as np
from scipy import sparse

CELLS = 12_000_000
"""Weights held at once, 4 bytes each."""


def _poisson_table() -> np.ndarray:
    """Return weights by 16-bit random numbers: the inverse of Poisson(1)'s distribution."""
    reached = np.cumsum([exp(-1) / factorial(k) for k in range(12)])
    return np.searchsorted(reached, (np.arange(65536) + 0.5) / 65536).astype(np.float32)


POISSON = _poisson_table()

REMEMBERED = 8
"""Models whose resamples are kept: 16 kB each at 1,000 resamples."""

_remembered: dict[tuple[bytes, bytes, int, int], np.ndarray] = {}


def draw_weights(clusters: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield weights in pieces of shape (clusters, some resamples), float32, `resamples` in all."""
    source = np.random.SFC64(np.random.SeedSequence(seed))
    step = max(1, min(resamples, CELLS // max(clusters, 1)))
    for begin in range(0, resamples, step):
        width = min(step, resamples - begin)
        numbers = np.asarray(source.random_raw((clusters * width + 3) // 4))
        yield POISSON[numbers.view(np.uint16)[: clusters * width]].reshape(clusters, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Rows of one model, sorted by falling score, as sums that a weight vector fills in.

    A group is a set of rows of equal score that holds a positive. `sums` maps weights of clusters
    to (a) positives of each group, (b) negatives from the end of the group before it to its own
    end, with those after the last group as one more row, (c) negatives tied with positives, for
    the groups in `tied`.
    """

    groups: int
    tied: np.ndarray
    sums: Any


def rank(score: np.ndarray, positive: np.ndarray, cluster: np.ndarray | None = None) -> Ranking:
    """Sort rows once.

    Args:
        score: (n,) finite; higher means more likely positive.
        positive: (n,) bool.
        cluster: (n,) which weight a row takes, 0..; each row its own if None.
    """
    n = len(score)
    order = np.argsort(-score, kind="stable")
    ordered, is_positive = score[order], positive[order]
    block = (
        np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])]) if n else np.array([], int)
    )
    holds = np.unique(block[is_positive])
    groups = len(holds)
    place = np.searchsorted(holds, block)
    negatives = ~is_positive
    inside = negatives & (place < groups)
    inside[inside] = holds[place[inside]] == block[inside]
    tied = np.unique(place[inside])
    rows = np.concatenate(
        [
            place[is_positive],
            groups + place[negatives],
            2 * groups + 1 + np.searchsorted(tied, place[inside]),
        ]
    )
    members = np.concatenate([order[is_positive], order[negatives], order[inside]])
    columns = members if cluster is None else cluster[members]
    width = n if cluster is None else int(cluster.max(initial=-1)) + 1
    ones = np.ones(len(rows), dtype=np.float32)
    shape = (2 * groups + 1 + len(tied), width)
    sums = sparse.csr_matrix((ones, (rows.astype(np.int32), columns.astype(np.int32))), shape=shape)
    return Ranking(groups=groups, tied=tied, sums=sums)


def areas(ranking: Ranking, weights: np.ndarray) -> np.ndarray:
    """Return weighted AUC and average precision, shape (resamples, 2), NaN where undefined.

    Args:
        ranking: from `rank`.
        weights: (clusters, resamples), not negative.
    """
    totals = np.ascontiguousarray((ranking.sums @ weights).T)
    groups = ranking.groups
    gained, passed = totals[:, :groups], totals[:, groups : 2 * groups + 1]
    found = np.cumsum(gained, axis=1)
    false = np.cumsum(passed, axis=1)
    none = np.zeros(len(totals), dtype=totals.dtype)
    positives = found[:, -1] if groups else none
    negatives = false[:, -1]
    false = false[:, :-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = found / np.maximum(found + false, 1e-30)
        precision = np.einsum("ij,ij->i", gained, share, dtype=np.float64) / positives
        above = np.einsum("ij,ij->i", gained, negatives[:, None] - false, dtype=np.float64)
        half = totals[:, 2 * groups + 1 :]
        above += 0.5 * np.einsum("ij,ij->i", gained[:, ranking.tied], half, dtype=np.float64)
        auc = above / (positives.astype(np.float64) * negatives)
    return np.stack([auc, precision], axis=1)


def resample(
    rankings: Sequence[Ranking], *, clusters: int, resamples: int, seed: int
) -> np.ndarray:
    """Return AUC and average precision of each model in each resample.

    All models get the same weights.

    Args:
        rankings: one a model, over the same rows and clusters.
        clusters: how many weights a resample draws (rows, if rows are not clustered).
        resamples: how many.
        seed: of the weights.

    Returns:
        Shape (resamples, models, 2); NaN where a resample holds a single class.
    """
    pieces = [
        np.stack([areas(ranking, weights) for ranking in rankings], axis=1)
        for weights in draw_weights(clusters, resamples, seed)
    ]
    return np.concatenate(pieces)


def resample_scores(
    scores: Sequence[np.ndarray],
    positive: np.ndarray,
    cluster: np.ndarray | None,
    *,
    resamples: int,
    seed: int,
) -> np.ndarray:
    """Return AUC and average precision of each model in each resample.

    The same rows and seed draw the same weights, so what a model got is remembered: an evaluation
    asks about its candidate beside the champion and once more alone.

    Args:
        scores: (n,) of each model; higher means more likely positive.
        positive: (n,) bool.
        cluster: (n,) which weight a row takes, 0..; each row its own if None.
        resamples: how many.
        seed: of the weights.

    Returns:
        Shape (resamples, models, 2); NaN where a resample holds a single class.
    """
    count = len(positive) if cluster is None else int(cluster.max()) + 1
    rows = _digest(positive, cluster)
    keys = [(_digest(score), rows, resamples, seed) for score in scores]
    fresh = [place for place, key in enumerate(keys) if key not in _remembered]
    found = {}
    if fresh:
        rankings = [rank(scores[place], positive, cluster) for place in fresh]
        drawn = resample(rankings, clusters=count, resamples=resamples, seed=seed)
        found = {keys[place]: drawn[:, column] for column, place in enumerate(fresh)}
    result = np.stack([found[key] if key in found else _remembered[key] for key in keys], axis=1)
    _remembered.update(found)
    while len(_remembered) > REMEMBERED:
        _remembered.pop(next(iter(_remembered)))
    return result


def _digest(*arrays: np.ndarray | None) -> bytes:
    whole = blake2b(digest_size=16)
    for array in arrays:
        whole.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    return whole.digest()


def exact_areas(score: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Return AUC and average precision of the rows as they are (NaN where undefined)."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives:
        return float("nan"), float("nan")
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found = np.cumsum(positive[order])[ends].astype(np.float64)
    gained = np.diff(found, prepend=0.0)
    precision = float(gained @ (found / (ends + 1)) / positives)
    if not negatives:
        return float("nan"), precision
    passed = ends + 1 - found
    tied = np.diff(passed, prepend=0.0)
    auc = float(gained @ (negatives - passed + tied / 2) / (positives * negatives))
    return auc, precision
