"""Does the evidence say that a candidate should take office? Pure: numbers in, a verdict out.

Several recipes compete on the same rows, and the best of them is tested: the largest of several
noisy differences is too large by its choice alone. So the threshold is not the rule's z but the
point that the largest of that many standardised differences passes, where nothing differs, exactly
as often as the rule promises for one (`critical_value`; Dunnett, 1955, with the correlation as
observed).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tenure.records import GateVerdict

DRAWS = 10_000
FEWEST_CLUSTERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How K recipes did against one champion on the same rows.

    Attributes:
        differences: (K,) in the primary metric's unit; positive favours the recipe.
        covariance: (K, K) of those differences, clustered.
        clusters: how many rows, groups or blocks the covariance rests on.
    """

    differences: np.ndarray
    covariance: np.ndarray
    clusters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which recipe was chosen, and what the rule says of it.

    Attributes:
        chosen: its place.
        verdict: wins, ties, loses, or unknown.
        threshold: what its difference had to exceed.
        critical: how many standard errors that is, with the correction for choosing.
    """

    chosen: int
    verdict: GateVerdict
    threshold: float
    critical: float


def promised_chance(rule: str, z: float) -> float:
    """Return how often a rule may promote, a night, where nothing differs and margin is 0.

    >>> round(promised_chance("better", 1.64), 3), round(promised_chance("not_worse", 1.64), 3)
    (0.051, 0.949)
    """
    from scipy.stats import norm

    return float(norm.sf(z) if rule == "better" else norm.cdf(z))


def decide(evidence: Evidence, *, rule: str, z: float, margin: float) -> Decision:
    """Choose the best recipe and judge it.

    `better` promotes what exceeds the champion by more than the margin and its uncertainty;
    `not_worse` what does not fall short by more than both.

    Args:
        evidence: what was measured.
        rule: "better" or "not_worse".
        z: standard errors.
        margin: in the metric's unit.
    """
    chosen = int(np.argmax(evidence.differences))
    difference = float(evidence.differences[chosen])
    error = float(np.sqrt(max(evidence.covariance[chosen, chosen], 0.0)))
    if evidence.clusters < FEWEST_CLUSTERS or not np.isfinite([difference, error]).all():
        unknown = float("nan")
        return Decision(
            chosen=chosen, verdict=GateVerdict.UNKNOWN, threshold=unknown, critical=unknown
        )
    critical = critical_value(promised_chance(rule, z), evidence.covariance, evidence.clusters)
    signed = margin if rule == "better" else -margin
    threshold = signed + critical * error
    promotes = difference > threshold or (
        rule == "not_worse" and difference == threshold and error == 0
    )
    if promotes:
        verdict = GateVerdict.WINS
    else:
        verdict = GateVerdict.LOSES if difference < -abs(critical) * error else GateVerdict.TIES
    return Decision(chosen=chosen, verdict=verdict, threshold=threshold, critical=critical)


def critical_value(chance: float, covariance: np.ndarray, clusters: int) -> float:
    """Return what the largest of K standardised differences exceeds with a given chance.

    Few clusters make the standard error itself uncertain: Student's t takes the normal's place.

    Args:
        chance: 0..1, where nothing differs.
        covariance: (K, K).
        clusters: behind the covariance.
    """
    from scipy.stats import norm, t

    spread = np.sqrt(np.clip(np.diag(covariance), 0.0, None))
    moving = spread > 0
    if int(moving.sum()) <= 1:
        single = float(norm.isf(chance))
    else:
        kept = covariance[np.ix_(moving, moving)] / np.outer(spread[moving], spread[moving])
        single = _largest(chance, tuple(map(tuple, np.round(kept, 3))))
    return float(t.isf(norm.sf(single), max(clusters - 1, 1)))


@lru_cache(maxsize=256)
def _largest(chance: float, correlation: tuple[tuple[float, ...], ...]) -> float:
    """Return the upper quantile of the largest of correlated standard normals, by simulation."""
    matrix = np.array(correlation)
    values, vectors = np.linalg.eigh(matrix)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    largest = (_draws(len(matrix)) @ root.T).max(axis=1)
    place = min(int((1 - chance) * DRAWS), DRAWS - 1)
    return float(np.partition(largest, place)[place])


@lru_cache(maxsize=8)
def _draws(count: int) -> np.ndarray:
    return np.random.default_rng(20_240_229).standard_normal((DRAWS, count))
