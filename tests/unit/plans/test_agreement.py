"""A plan answers what its estimator answers, whatever it is made of and asked."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline

from tenure.plans import Declined, Refused
from tenure.plans.compiling import compiled
from tenure.plans.judging import judge
from tenure.plans.making import make_plan
from tenure.plans.packing import pack, unpack
from tenure.plans.plan import MOST_FEW, Plan
from tests.unit.plans import models

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
_MADE: dict[str, tuple[Any, Plan]] = {}


def made(estimator: Any, kind: str) -> tuple[Any, Plan]:
    """Fit once a test run; what answers was written and read back."""
    name = repr((estimator, kind))
    if name not in _MADE:
        fit, classes, task = models.fitted(clone(estimator), kind)
        plan = make_plan(fit, models.COLUMNS, classes, task)
        assert plan is not None, name
        assert pack(unpack(pack(plan))) == pack(plan)
        _MADE[name] = fit, unpack(pack(plan))
    return _MADE[name]


def asked() -> st.SearchStrategy[dict[str, list[Any]]]:
    floats = st.none() | st.floats(-1e4, 1e4) | st.sampled_from([0.0, -0.0, 1e-300, 3e38])
    texts = st.none() | st.sampled_from(["x", "yy", "z", "one only", "", "unseen", "é"])
    kinds = {
        "a": floats,
        "b": floats,
        "n": st.none() | st.integers(-(2**40), 2**40),
        "t": texts,
        "c": st.none() | st.sampled_from(["q", "r", "s", "u", "unseen", ""]),
        # Nothing fills this column in: few models take a row that lacks it.
        "f": st.sampled_from([False, True, False, True, False, True, None]),
    }
    row = st.tuples(*kinds.values())
    return st.lists(row, min_size=1, max_size=6).map(
        lambda many: {name: [one[at] for one in many] for at, name in enumerate(kinds)}
    )


def agree(estimator: Any, plan: Plan, columns: dict[str, list[Any]]) -> bool:
    """Hold what a plan answers, for few rows and for many, against its estimator.

    Returns:
        Whether it answered at all; it may decline, and then the estimator is asked.
    """
    found = []
    for ask in (plan.answer, plan.answer_many):
        with suppress(Declined):
            found.append(ask(columns, len(columns["a"]), probabilities=True))
    if not found:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = models.ready(columns)
        values = estimator.predict(frame)
        shares = estimator.predict_proba(frame) if found[0][1] is not None else None
    for got in found:
        if not plan.shape.classes:
            np.testing.assert_allclose(got[0], values, rtol=1e-9, atol=1e-9)
            continue
        if shares is not None:
            np.testing.assert_allclose(np.asarray(got[1]), shares, rtol=0, atol=1e-9)
        assert got[0] == values.tolist()
    return True


def always_agree(estimator: Any, plan: Plan, examples: int, least: float = 0.25) -> None:
    """Ask what was seen in training, which must be answered, and whatever else can be asked.

    Of the latter at least a share is to be answered: a plan that declines everything agrees with
    anything.
    """
    assert agree(estimator, plan, models.rows(MOST_FEW, seed=4))
    assert agree(estimator, plan, models.rows(60, seed=4))
    answered: list[bool] = []

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=_SLOW,
    )
    @given(columns=asked())
    def holds(columns: dict[str, list[Any]]) -> None:
        answered.append(agree(estimator, plan, columns))

    holds()
    assert sum(answered) >= least * len(answered), f"{sum(answered)} of {len(answered)} answered"


@pytest.mark.parametrize("scaler", models.scalers().items(), ids=lambda each: each[0])
def test_numbers_are_prepared_as_the_steps_do(scaler: tuple[str, Any]) -> None:
    last, kind = models.linear()["logistic"]
    model = make_pipeline(models.prepared(scaler[1], models.encoders()["ignore"]), last)
    estimator, plan = made(model, kind)
    assert agree(estimator, plan, models.rows(60, seed=4))


@pytest.mark.parametrize("encoder", models.encoders().items(), ids=lambda each: each[0])
def test_categories_are_encoded_as_the_encoders_do(encoder: tuple[str, Any]) -> None:
    last, kind = models.linear()["logistic"]
    model = make_pipeline(models.prepared(models.scalers()["standard"], encoder[1]), last)
    # What was never seen is an error to this one, which the estimator is left to raise.
    least = 0.05 if encoder[0] == "error" else 0.25
    always_agree(*made(model, kind), 10, least)


@pytest.mark.parametrize("last", models.linear().items(), ids=lambda each: each[0])
def test_linear_models_answer_as_scikit_learn_does(last: tuple[str, tuple[Any, str]]) -> None:
    estimator, kind = last[1]
    prepared = models.prepared(
        models.scalers()["standard"], models.encoders()["ignore"], add_indicator=True
    )
    always_agree(*made(make_pipeline(prepared, estimator), kind), 6)


@pytest.mark.parametrize("last", models.trees().items(), ids=lambda each: each[0])
def test_trees_answer_as_scikit_learn_does(last: tuple[str, tuple[Any, str]]) -> None:
    estimator, kind = last[1]
    fill = last[0].startswith("boost")
    prepared = models.prepared(models.scalers()["none"], models.encoders()["ordinal"], fill=fill)
    always_agree(*made(make_pipeline(prepared, estimator), kind), 6)


def test_boosting_that_takes_categories_as_they_are_answers_the_same() -> None:
    model = HistGradientBoostingClassifier(max_iter=12, min_samples_leaf=3)
    from sklearn.compose import make_column_transformer

    dropped = make_column_transformer(("drop", ["t"]), remainder="passthrough")
    dropped.set_output(transform="pandas")
    estimator, plan = made(make_pipeline(dropped, model), "two")
    assert plan.kind == "trees"
    always_agree(estimator, plan, 10)


@pytest.mark.parametrize("name", ["logistic", "logistic three", "least squares"])
def test_the_gate_keeps_a_good_linear_plan(name: str) -> None:
    last, kind = models.linear()[name]
    prepared = models.prepared(models.scalers()["standard"], models.encoders()["ignore"])
    fit, classes, task = models.fitted(make_pipeline(prepared, last), kind)
    kept = compiled(
        fit, models.frame(), models.COLUMNS, classes, task, models.ready, tolerance=1e-9
    )
    assert kept is not None
    assert kept.agreement.rows > 240
    assert kept.agreement.max_difference <= 1e-9


@pytest.mark.parametrize("name", sorted(models.trees()))
def test_the_gate_keeps_good_trees(name: str) -> None:
    last, kind = models.trees()[name]
    prepared = models.prepared(
        models.scalers()["none"], models.encoders()["ordinal"], fill=name.startswith("boost")
    )
    fit, classes, task = models.fitted(make_pipeline(prepared, last), kind)
    kept = compiled(
        fit, models.frame(), models.COLUMNS, classes, task, models.ready, tolerance=1e-9
    )
    assert kept is not None
    assert kept.kind == "trees"


def test_equal_estimators_have_equal_bytes() -> None:
    last, kind = models.trees()["forest"]
    packed = []
    for _ in range(2):
        prepared = models.prepared(models.scalers()["none"], models.encoders()["ignore"])
        fit, classes, task = models.fitted(make_pipeline(prepared, clone(last)), kind)
        plan = make_plan(fit, models.COLUMNS, classes, task)
        assert plan is not None
        packed.append(pack(plan))
    assert packed[0] == packed[1]


def test_few_rows_and_many_are_two_forms() -> None:
    last, kind = models.linear()["logistic"]
    prepared = models.prepared(models.scalers()["standard"], models.encoders()["ignore"])
    _, plan = made(make_pipeline(prepared, last), kind)
    assert plan.has_few
    columns = models.rows(MOST_FEW + 1)
    few = {name: values[:MOST_FEW] for name, values in columns.items()}
    assert isinstance(plan.answer(few, MOST_FEW, probabilities=True)[1], list)
    assert isinstance(plan.answer(columns, MOST_FEW + 1, probabilities=True)[1], np.ndarray)


def test_a_plan_judged_against_another_estimator_is_refused() -> None:
    last, kind = models.linear()["logistic"]
    prepared = models.prepared(models.scalers()["standard"], models.encoders()["ignore"])
    _, plan = made(make_pipeline(prepared, last), kind)
    other, _, _ = models.fitted(make_pipeline(clone(prepared), clone(last).set_params(C=0.5)), kind)
    with pytest.raises(Refused, match="differ"):
        judge(plan, other, models.frame(), models.rows(9), models.ready, tolerance=1e-9)
