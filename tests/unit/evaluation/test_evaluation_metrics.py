"""Are our metrics scikit-learn's, with weights and with ties, and their intervals honest?"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from tenure.evaluation import bootstrap
from tenure.evaluation.compare import compare, intervals
from tenure.evaluation.metrics import KNOWN, PRIMARY, estimate, metrics_for, value_of
from tenure.evaluation.outputs import Outputs, encode, predict, truth_of


def binary(seed, n=200, ties=False, share=0.3):
    draw = np.random.default_rng(seed)
    truth = truth_of(pd.Series((draw.random(n) < share).astype(int)), (0, 1))
    proba = np.clip(0.25 + 0.4 * truth.positive + draw.normal(0, 0.2, n), 0.001, 0.999)
    if ties:
        proba = np.round(proba, 1).clip(0.05, 0.95)
    both = np.stack([1 - proba, proba], axis=1)
    return truth, Outputs(codes=both.argmax(axis=1), score=proba, proba=both)


SKLEARN_BINARY = {
    "average_precision": lambda t, o, w: sk.average_precision_score(t, o.score, sample_weight=w),
    "roc_auc": lambda t, o, w: sk.roc_auc_score(t, o.score, sample_weight=w),
    "log_loss": lambda t, o, w: sk.log_loss(t, o.proba, sample_weight=w),
    "brier": lambda t, o, w: sk.brier_score_loss(t, o.score, sample_weight=w),
    "accuracy": lambda t, o, w: sk.accuracy_score(t, o.codes, sample_weight=w),
    "balanced_accuracy": lambda t, o, w: sk.balanced_accuracy_score(t, o.codes, sample_weight=w),
    "f1": lambda t, o, w: sk.f1_score(t, o.codes, sample_weight=w),
    "precision": lambda t, o, w: sk.precision_score(t, o.codes, sample_weight=w),
    "recall": lambda t, o, w: sk.recall_score(t, o.codes, sample_weight=w),
    "f1_macro": lambda t, o, w: sk.f1_score(t, o.codes, average="macro", sample_weight=w),
}


@pytest.mark.parametrize("name", SKLEARN_BINARY)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
@settings(max_examples=15, deadline=None)
def test_two_classes_agree_with_scikit_learn(name, seed, ties):
    truth, outputs = binary(seed, ties=ties)
    ours = value_of(KNOWN[name], truth, outputs)
    assert ours == pytest.approx(SKLEARN_BINARY[name](truth.codes, outputs, None), abs=1e-9)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_many_classes_agree_with_scikit_learn(seed):
    draw = np.random.default_rng(seed)
    names = ("high", "low", "mid")
    labels = draw.choice(names, 90)
    truth = truth_of(pd.Series(labels), names)
    proba = draw.dirichlet(np.ones(3), 90)
    outputs = Outputs(codes=proba.argmax(axis=1), proba=proba)
    said = np.array(names)[outputs.codes]
    theirs = {
        "accuracy": sk.accuracy_score(labels, said),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, said),
        "f1_macro": sk.f1_score(labels, said, average="macro"),
        "log_loss": sk.log_loss(labels, proba, labels=list(names)),
    }
    ours = {name: value_of(KNOWN[name], truth, outputs) for name in theirs}
    assert ours == pytest.approx(theirs)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_regression_agrees_with_scikit_learn(seed):
    draw = np.random.default_rng(seed)
    values = draw.normal(50, 10, 80)
    said = values + draw.normal(0, 3, 80)
    truth, outputs = truth_of(pd.Series(values), ()), Outputs(values=said)
    theirs = {
        "mean_absolute_error": sk.mean_absolute_error(values, said),
        "root_mean_squared_error": sk.root_mean_squared_error(values, said),
        "mean_squared_error": sk.mean_squared_error(values, said),
        "mean_absolute_percentage_error": sk.mean_absolute_percentage_error(values, said),
        "r2": sk.r2_score(values, said),
    }
    assert {name: value_of(KNOWN[name], truth, outputs) for name in theirs} == pytest.approx(theirs)


@given(seed=st.integers(0, 10_000), ties=st.booleans(), clustered=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_resample_is_scikit_learns_weighted_metric(seed, ties, clustered):
    truth, outputs = binary(seed, n=120, ties=ties)
    cluster = np.random.default_rng(seed).integers(0, 25, 120) if clustered else None
    if cluster is not None:
        cluster = np.unique(cluster, return_inverse=True)[1]
    count = 120 if cluster is None else int(cluster.max()) + 1
    ranking = bootstrap.rank(outputs.score, truth.positive, cluster)
    weights = next(bootstrap.draw_weights(count, 6, seed))
    for place, (auc, precision) in enumerate(bootstrap.areas(ranking, weights)):
        given_ = weights[:, place] if cluster is None else weights[cluster, place]
        if len(set(truth.codes[given_ > 0])) < 2:
            continue
        theirs = sk.roc_auc_score(truth.codes, outputs.score, sample_weight=given_)
        assert auc == pytest.approx(theirs, abs=1e-5)
        theirs = sk.average_precision_score(truth.codes, outputs.score, sample_weight=given_)
        assert precision == pytest.approx(theirs, abs=1e-5)


def test_poisson_weights_have_mean_and_variance_one():
    weights = np.concatenate(list(bootstrap.draw_weights(1000, 400, 3)), axis=1)
    assert weights.shape == (1000, 400)
    assert weights.mean() == pytest.approx(1.0, abs=0.01)
    assert weights.var() == pytest.approx(1.0, abs=0.01)


def test_the_same_seed_gives_the_same_weights_however_they_are_cut(monkeypatch):
    truth, outputs = binary(1)
    ranking = bootstrap.rank(outputs.score, truth.positive)
    whole = bootstrap.resample([ranking], clusters=200, resamples=50, seed=9)
    again = bootstrap.resample([ranking], clusters=200, resamples=50, seed=9)
    np.testing.assert_array_equal(whole, again)


@pytest.mark.parametrize("name", ["f1", "precision", "recall", "balanced_accuracy", "log_loss"])
def test_analytic_errors_are_those_of_a_bootstrap(name):
    truth, outputs = binary(5, n=2000)
    metric = KNOWN[name]
    found = intervals([metric], truth, outputs, cluster=None, resamples=100, seed=1)[name]
    draw = np.random.default_rng(0)
    values = []
    for _ in range(400):
        rows = draw.integers(0, 2000, 2000)
        values.append(value_of(metric, truth.take(rows), outputs.take(rows)))
    assert (found[2] - found[1]) / 3.92 == pytest.approx(np.std(values), rel=0.15)


def test_clusters_widen_an_interval_when_rows_come_in_copies():
    truth, outputs = binary(5, n=300)
    many = np.repeat(np.arange(300), 10)
    group = np.repeat(np.arange(300), 10)
    for metric in (KNOWN["accuracy"], KNOWN["roc_auc"]):
        ends = {}
        for name, cluster in (("rows", None), ("groups", group)):
            found = intervals(
                [metric],
                truth.take(many),
                outputs.take(many),
                cluster=cluster,
                resamples=300,
                seed=1,
            )[metric.name]
            ends[name] = found[2] - found[1]
        assert ends["groups"] > 2.5 * ends["rows"]


def test_a_difference_is_surer_in_pairs():
    truth, outputs = binary(8, n=1000)
    nudged = Outputs(score=outputs.score + np.random.default_rng(0).normal(0, 0.01, 1000))
    metric = KNOWN["average_precision"]
    paired = compare(metric, truth, [nudged], outputs, cluster=None, resamples=300, seed=1)
    alone = intervals([metric], truth, outputs, cluster=None, resamples=300, seed=1)
    width = alone[metric.name][2] - alone[metric.name][1]
    assert paired is not None
    assert paired.high[0] - paired.low[0] < width / 4


def test_what_cannot_be_computed_is_none():
    truth, outputs = binary(1)
    labels_only = Outputs(codes=outputs.codes)
    assert value_of(KNOWN["roc_auc"], truth, labels_only) is None
    assert value_of(KNOWN["log_loss"], truth, labels_only) is None
    one_class = truth.take(truth.positive)
    assert value_of(KNOWN["roc_auc"], one_class, outputs.take(truth.positive)) is None
    broken = Outputs(codes=outputs.codes, score=np.where(truth.positive, np.nan, outputs.score))
    assert value_of(KNOWN["average_precision"], truth, broken) is None
    nothing = truth.take(np.zeros(200, dtype=bool))
    assert value_of(KNOWN["accuracy"], nothing, outputs.take(np.zeros(200, dtype=bool))) is None
    flat = truth_of(pd.Series(np.ones(50)), ())
    assert estimate(KNOWN["r2"], flat, Outputs(values=np.ones(50))) is None


def test_every_kind_of_task_has_its_primary_metric():
    for kind, name in PRIMARY.items():
        assert KNOWN[name] in metrics_for(kind)


def test_labels_are_found_whatever_their_type():
    assert encode(np.array([True, False, None], dtype=object), (False, True)).tolist() == [1, 0, -1]
    assert encode(np.array(["b", "x"], dtype=object), ("a", "b")).tolist() == [1, -1]
    assert encode(np.array([1.0, 0.0]), (0, 1)).tolist() == [1, 0]


class Tuned:
    """A classifier that says yes from 0.2 on."""

    classes_ = np.array([0, 1])

    def predict_proba(self, frame):
        p = frame["p"].to_numpy()
        return np.stack([1 - p, p], axis=1)

    def predict(self, frame):
        return (frame["p"].to_numpy() > 0.2).astype(int)


def test_a_threshold_of_ones_own_is_respected():
    frame = pd.DataFrame({"p": np.linspace(0, 1, 501)})
    said = predict(Tuned(), frame, (0, 1))
    assert (said.codes == (frame["p"] > 0.2)).all()


def test_probabilities_are_ordered_as_the_truth_has_its_classes():
    frame = pd.DataFrame({"p": [0.1, 0.9]})
    said = predict(Tuned(), frame, (1, 0))
    assert said.score is not None
    np.testing.assert_allclose(said.score, [0.9, 0.1])
    said = predict(Tuned(), frame, (0, 1, 2))
    assert said.proba is not None
    np.testing.assert_allclose(said.proba[:, 2], 0)


def test_no_warning_leaves_a_metric_of_a_model_that_never_says_yes():
    truth, outputs = binary(3)
    never = Outputs(codes=np.zeros(200, dtype=int), score=outputs.score, proba=outputs.proba)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value_of(KNOWN["precision"], truth, never) == 0
        assert value_of(KNOWN["f1"], truth, never) == 0


def test_a_perfect_score_on_few_rows_is_not_called_certain():
    truth = truth_of(pd.Series([0, 1] * 20), (0, 1))
    right = Outputs(codes=truth.codes.copy())
    value, low, high = intervals(
        [KNOWN["accuracy"]], truth, right, cluster=None, resamples=100, seed=1
    )["accuracy"]
    assert (value, high) == (1.0, 1.0)
    assert low == pytest.approx(0.912, abs=0.001)  # Wilson, 40 of 40


def test_intervals_stay_within_what_there_can_be():
    truth, outputs = binary(2, n=40)
    for name, (_, low, high) in intervals(
        list(metrics_for("binary")), truth, outputs, cluster=None, resamples=100, seed=1
    ).items():
        assert low >= 0
        assert high <= 1 or name == "log_loss"


def test_what_is_remembered_of_a_model_is_what_is_drawn_anew():
    draw = np.random.default_rng(5)
    positive = draw.random(120) < 0.4
    first, second = draw.random(120), draw.random(120)
    how = {"resamples": 40, "seed": 3}

    alone = bootstrap.resample_scores([first], positive, None, **how)
    both = bootstrap.resample_scores([second, first], positive, None, **how)

    anew = [bootstrap.rank(each, positive) for each in (second, first)]
    expected = bootstrap.resample(anew, clusters=120, **how)
    assert np.array_equal(both, expected)
    assert np.array_equal(alone[:, 0], expected[:, 1])
    other_rows = bootstrap.resample_scores([first], ~positive, None, **how)
    assert not np.array_equal(other_rows[:, 0], expected[:, 1])
