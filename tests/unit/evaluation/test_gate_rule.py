"""Does the gate promise what it keeps? Arrays of losses, no fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tenure.evaluation import promotions_a_year
from tenure.evaluation.compare import compare
from tenure.evaluation.gate import Evidence, critical_value, decide, promised_chance
from tenure.evaluation.metrics import KNOWN
from tenure.evaluation.outputs import Outputs, truth_of
from tenure.records import GateVerdict

NIGHTS = 1000
ROWS = 120


def evidence(differences, errors, clusters=500):
    differences, errors = np.atleast_1d(differences), np.atleast_1d(errors)
    return Evidence(
        differences=differences.astype(float),
        covariance=np.diag(errors.astype(float) ** 2),
        clusters=clusters,
    )


def verdict(difference, error, *, rule="better", z=1.64, margin=0.0, clusters=500):
    return decide(evidence(difference, error, clusters), rule=rule, z=z, margin=margin).verdict


def test_a_clear_gain_wins_and_a_small_one_ties():
    assert verdict(0.02, 0.01) is GateVerdict.WINS
    assert verdict(0.016, 0.01) is GateVerdict.TIES
    assert verdict(-0.01, 0.01) is GateVerdict.TIES
    assert verdict(-0.02, 0.01) is GateVerdict.LOSES


def test_a_gain_must_exceed_the_margin_too():
    assert verdict(0.02, 0.01, margin=0.003) is GateVerdict.WINS
    assert verdict(0.02, 0.01, margin=0.005) is GateVerdict.TIES


def test_not_worse_replaces_what_is_not_clearly_better():
    assert verdict(0.0, 0.01, rule="not_worse") is GateVerdict.WINS
    assert verdict(-0.016, 0.01, rule="not_worse") is GateVerdict.WINS
    assert verdict(-0.02, 0.01, rule="not_worse") is GateVerdict.LOSES
    assert verdict(-0.02, 0.01, rule="not_worse", margin=0.01) is GateVerdict.WINS
    assert verdict(0.0, 0.0, rule="not_worse") is GateVerdict.WINS


def test_the_same_answers_never_win():
    assert verdict(0.0, 0.0) is GateVerdict.TIES


@pytest.mark.parametrize("difference", [np.nan, np.inf])
def test_what_is_no_number_is_unknown(difference):
    assert verdict(difference, 0.01) is GateVerdict.UNKNOWN


def test_too_few_clusters_are_unknown_and_few_ones_want_more():
    assert verdict(0.02, 0.01, clusters=4) is GateVerdict.UNKNOWN
    assert verdict(0.0172, 0.01, clusters=8) is GateVerdict.TIES
    assert verdict(0.0172, 0.01, clusters=500) is GateVerdict.WINS


def test_the_best_of_several_has_a_higher_bar():
    alone = critical_value(0.05, np.eye(1), 10_000)
    four = critical_value(0.05, np.eye(4), 10_000)
    alike = critical_value(0.05, np.full((4, 4), 0.999) + 0.001 * np.eye(4), 10_000)
    assert alone == pytest.approx(1.645, abs=0.001)
    assert four == pytest.approx(2.23, abs=0.04)  # 1 - 0.95 ** (1 / 4)
    assert alike == pytest.approx(1.66, abs=0.05)
    chosen = decide(evidence([0.0, 0.02, 0.01], [0.01] * 3), rule="better", z=1.64, margin=0)
    assert chosen.chosen == 1
    assert chosen.verdict is GateVerdict.TIES


def test_a_recipe_that_is_the_champion_itself_costs_nothing():
    both = decide(evidence([0.018, 0.0], [0.01, 0.0]), rule="better", z=1.64, margin=0)
    assert both.verdict is GateVerdict.WINS


def history(rule, z, *, recipes, batches, seed, metric="mean_absolute_error", nights=NIGHTS):
    """Play nights on which nobody is better; return how many of them promoted, and were judged.

    Each night every recipe has a new fit, whose errors on the next batch are its own; the champion
    keeps its own. The last `batches` batches that the champion had not seen judge.
    """
    draw = np.random.default_rng(seed)
    kept: list[tuple] = []
    promoted, judged = 0, 0
    for night in range(nights):
        target = draw.normal(size=ROWS)
        hard = draw.normal(size=ROWS)
        if metric == "average_precision":
            happened = (draw.random(ROWS) < 0.3).astype(int)
            base = (happened + 1.5 * hard)[:, None]
            said = base + 0.7 * draw.normal(size=(ROWS, recipes + 1))
        else:
            happened = target
            said = target[:, None] + hard[:, None] + 0.7 * draw.normal(size=(ROWS, recipes + 1))
        kept = [*kept, (happened, said)][-batches:]
        happened = np.concatenate([each[0] for each in kept])
        said = np.concatenate([each[1] for each in kept])
        if metric == "average_precision":
            truth = truth_of(pd.Series(happened), (0, 1))
            outputs = [Outputs(score=column) for column in said.T]
        else:
            truth = truth_of(pd.Series(happened), ())
            outputs = [Outputs(values=column) for column in said.T]
        paired = compare(
            KNOWN[metric], truth, outputs[:-1], outputs[-1], cluster=None, resamples=100, seed=night
        )
        assert paired is not None
        judged += 1
        if decide(paired.evidence, rule=rule, z=z, margin=0).verdict is GateVerdict.WINS:
            promoted += 1
            kept = []
    return promoted, judged


def most(rule, z, nights):
    """Return what a fair count exceeds once in a thousand times."""
    chance = promised_chance(rule, z)
    return nights * chance + 3.1 * (nights * chance * (1 - chance)) ** 0.5


@pytest.mark.parametrize(
    ("rule", "z", "recipes"),
    [("better", 1.64, 1), ("better", 1.64, 3), ("better", 0.5, 3), ("not_worse", 1.64, 3)],
)
def test_a_thousand_nights_without_a_difference_keep_the_promise(rule, z, recipes):
    promoted, nights = history(rule, z, recipes=recipes, batches=1, seed=11)
    assert promoted <= most(rule, z, nights)
    assert promoted >= nights * promised_chance(rule, z) / 2


def test_batches_that_are_judged_again_break_no_promise():
    promoted, nights = history("better", 1.64, recipes=3, batches=4, seed=5)
    assert promoted <= most("better", 1.64, nights)


def test_a_ranking_metric_keeps_the_promise():
    promoted, nights = history(
        "better", 1.64, recipes=2, batches=2, seed=3, metric="average_precision"
    )
    assert promoted <= most("better", 1.64, nights)


def test_without_the_correction_the_best_of_three_would_break_it():
    draw = np.random.default_rng(1)
    largest = draw.normal(size=(NIGHTS, 3)).max(axis=1)
    assert (largest > 1.64).sum() > most("better", 1.64, NIGHTS)


def test_promotions_a_year_are_told_before_the_first_night():
    told = promotions_a_year("better", 1.64)
    assert told["promised"] == pytest.approx(18.4, abs=0.1)
    assert told["simulated"] == pytest.approx(told["promised"], rel=0.25)
    assert promotions_a_year("not_worse", 1.64)["promised"] == pytest.approx(346.6, abs=0.1)
    assert promotions_a_year("better", 1.64, recipes=4)["simulated"] < 24
