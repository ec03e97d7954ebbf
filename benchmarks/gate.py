"""How much CPU does a paired bootstrap of two models cost, against scikit-learn in a loop?

100,000 rows, 1,000 resamples, AUC and average precision of both models, as the gate does it. The
loop calls scikit-learn with the same weights for fewer resamples and is scaled; what both have is
compared number by number, and so are the intervals of the difference.

    python -m benchmarks.gate [--positives 0.1] [--loop 60]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from tenure.evaluation import bootstrap

ROWS = 100_000
RESAMPLES = 1_000
SEED = 42


def two_models(share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(SEED)
    positive = draw.random(ROWS) < share
    signal = draw.normal(size=ROWS) + positive
    first = signal + draw.normal(0, 0.5, ROWS)
    second = np.round(signal + draw.normal(0, 0.6, ROWS), 3)  # with ties
    return positive, first, second


def ours(positive: np.ndarray, scores: tuple[np.ndarray, ...]) -> np.ndarray:
    rankings = [bootstrap.rank(score, positive) for score in scores]
    return bootstrap.resample(rankings, clusters=ROWS, resamples=RESAMPLES, seed=SEED)


def in_a_loop(
    positive: np.ndarray, scores: tuple[np.ndarray, ...], weights: np.ndarray
) -> np.ndarray:
    found = np.empty((weights.shape[1], len(scores), 2))
    for place, given in enumerate(weights.T):
        for which, score in enumerate(scores):
            found[place, which, 0] = roc_auc_score(positive, score, sample_weight=given)
            found[place, which, 1] = average_precision_score(positive, score, sample_weight=given)
    return found


def cpu(work, *arguments):
    begin = time.process_time()
    made = work(*arguments)
    return made, time.process_time() - begin


def ends(areas: np.ndarray) -> np.ndarray:
    return np.quantile(areas[:, 0] - areas[:, 1], [0.025, 0.975], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--positives", type=float, default=0.1)
    parser.add_argument("--loop", type=int, default=60)
    wanted = parser.parse_args()
    positive, *scores = two_models(wanted.positives)
    scores = tuple(scores)
    weights = np.concatenate(list(bootstrap.draw_weights(ROWS, RESAMPLES, SEED)), axis=1)[
        :, : wanted.loop
    ].copy()
    made, spent = cpu(ours, positive, scores)
    looped, loop_spent = cpu(in_a_loop, positive, scores, weights)
    scaled = loop_spent * RESAMPLES / wanted.loop
    apart = float(np.abs(made[: wanted.loop] - looped).max())
    mine, theirs = ends(made[: wanted.loop]), ends(looped)
    width = (theirs[1] - theirs[0]).max()
    interval = float(np.abs(mine - theirs).max() / width)
    print(f"{ROWS:,} rows, {wanted.positives:.0%} positive, {RESAMPLES:,} resamples, two models")
    print(f"Tenure                    {spent:8.2f} CPU s")
    print(
        f"scikit-learn in a loop    {scaled:8.2f} CPU s  ({loop_spent:.2f} for {wanted.loop} of "
        f"{RESAMPLES:,} resamples, scaled)"
    )
    for place, name in enumerate(("AUC", "average precision")):
        low, high = ends(made)[:, place]
        print(f"difference of {name}: {low:+.5f} to {high:+.5f} (95 %)")
    print(f"largest difference of a resampled value: {apart:.1e}")
    aim("gate.times_less_cpu", scaled / spent, ">=", 10)
    aim("gate.largest_difference_of_a_value", apart, "<=", 1e-5)
    aim("gate.interval_ends_apart_in_widths", interval, "<=", 1e-3)


def aim(name: str, value: float, side: str, wanted: float) -> None:
    met = value >= wanted if side == ">=" else value <= wanted
    print(f"aim {name}: {value:.3g}, wanted {side} {wanted:g}: {'met' if met else 'short'}")


if __name__ == "__main__":
    main()
