"""A plan that is wrong by a little is refused, and what cannot be known is no plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, StandardScaler

from tenure.plans import Refused, columns
from tenure.plans import plan as planning
from tenure.plans.compiling import compiled, last_step
from tenure.plans.edges import edge_rows
from tenure.plans.judging import judge
from tenure.plans.making import make_plan
from tenure.plans.plan import Plan
from tenure.plans.shapes import Linear, Number, Shape, Table, Trees
from tenure.plans.trees import import_trees, thresholds_of
from tests.unit.plans import models


def planned(name: str, **how: Any) -> tuple[Any, Plan]:
    last, kind = {**models.linear(), **models.trees()}[name]
    how = {"scaler": "standard", "encoder": "ignore", **how}
    prepared = models.prepared(models.scalers()[how["scaler"]], models.encoders()[how["encoder"]])
    fit, classes, task = models.fitted(make_pipeline(prepared, last), kind)
    plan = make_plan(fit, models.COLUMNS, classes, task)
    assert plan is not None
    return fit, plan


def judged(fit: Any, plan: Plan) -> None:
    reference = models.frame()
    seen = {name: reference[name].to_numpy() for name in reference.columns}
    edges = edge_rows(plan, seen, thresholds_of(last_step(fit)))
    judge(plan, fit, reference, edges, models.ready, tolerance=1e-9)


def with_slot(shape: Shape, change: Callable[[Any], Any], kind: type) -> Plan:
    slots = list(shape.slots)
    place = next(at for at, slot in enumerate(slots) if isinstance(slot, kind))
    slots[place] = change(slots[place])
    return Plan(replace(shape, slots=tuple(slots)))


def test_a_weight_that_is_off_by_a_millionth_is_refused() -> None:
    fit, plan = planned("logistic")
    judged(fit, plan)
    scores = plan.shape.scores
    assert isinstance(scores, Linear)
    weights = scores.weights.copy()
    weights[0, 0] *= 1 + 1e-6
    wrong = Plan(replace(plan.shape, scores=replace(scores, weights=weights)))
    with pytest.raises(Refused, match="differs by"):
        judged(fit, wrong)


def test_what_only_edge_rows_reach_is_refused_too() -> None:
    fit, plan = planned("logistic")

    def filled(number: Number) -> Number:
        return replace(number, ops=(("fill", 0.0), *number.ops[1:]))

    # `a` is never missing in what was seen.
    assert plan.shape.slots[0].column == "a"
    with pytest.raises(Refused, match="edge rows"):
        judged(fit, with_slot(plan.shape, filled, Number))

    def unseen(table: Table) -> Table:
        return replace(table, unseen=table.rows[0])

    with pytest.raises(Refused, match="edge rows"):
        judged(fit, with_slot(plan.shape, unseen, Table))


def test_a_forest_that_is_not_rounded_to_float32_is_refused() -> None:
    fit, plan = planned("forest", scaler="none")
    judged(fit, plan)
    scores = plan.shape.scores
    assert isinstance(scores, Trees)
    with pytest.raises(Refused):
        judged(fit, Plan(replace(plan.shape, scores=replace(scores, float32=False))))


def test_three_classes_by_a_softmax_in_float32_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit, plan = planned("histogram three", encoder="ordinal")
    judged(fit, plan)

    def coarse(scores: np.ndarray, head: Any) -> np.ndarray:
        raised = np.exp((scores - scores.max(axis=1, keepdims=True)).astype(np.float32))
        return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float64)

    monkeypatch.setattr(planning, "shares_of", coarse)
    with pytest.raises(Refused, match="differs by"):
        judged(fit, plan)


def test_boosting_that_takes_an_unseen_category_for_another_is_refused() -> None:
    dropped = make_column_transformer(("drop", ["t"]), remainder="passthrough")
    dropped.set_output(transform="pandas")
    model = make_pipeline(dropped, HistGradientBoostingClassifier(max_iter=9, min_samples_leaf=3))
    fit, classes, task = models.fitted(model, "two")
    plan = make_plan(fit, models.COLUMNS, classes, task)
    assert plan is not None
    judged(fit, plan)

    def unknown(table: Table) -> Table:
        return replace(table, missing=np.array([40.0]), unseen=np.array([40.0]))

    with pytest.raises(Refused):
        judged(fit, with_slot(plan.shape, unknown, Table))


def test_an_isolation_forest_means_something_else_and_is_refused() -> None:
    rows = models.frame()[["a", "n"]].dropna()
    fit = IsolationForest(n_estimators=5, random_state=0).fit(rows)
    assert make_plan(fit, models.COLUMNS[:1], (), "regression") is None
    shape = planned("extra", scaler="none", encoder="ordinal")[1].shape
    slots = tuple(Number(column=name) for name in ("a", "n"))
    trees = import_trees(fit, float32=True, takes_missing=True, most_nodes=10**6)
    seen = tuple(column for column in shape.columns if column[0] in rows)
    plan = Plan(replace(shape, columns=seen, slots=slots, scores=trees))
    with pytest.raises(Refused):
        judge(plan, fit, rows, {"a": [], "n": []}, lambda _: rows, tolerance=1e-9)


def test_a_plan_that_answers_where_the_estimator_raises_is_refused() -> None:
    fit, plan = planned("logistic", encoder="error")
    judged(fit, plan)

    def everything(table: Table) -> Table:
        return replace(table, unseen=table.rows[0])

    with pytest.raises(Refused, match="raises ValueError"):
        judged(fit, with_slot(plan.shape, everything, Table))


def test_a_few_rows_that_are_answered_otherwise_than_many_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit, plan = planned("logistic")
    answers = plan.answer

    def wrong(asked: columns.Columns, rows: int, *, probabilities: bool) -> Any:
        values, shares = answers(asked, rows, probabilities=probabilities)
        return values, [[below - 1e-8, above + 1e-8] for below, above in shares]

    monkeypatch.setattr(plan, "answer", wrong)
    with pytest.raises(Refused, match="differs by"):
        judged(fit, plan)


class StandardScalerOfMine(StandardScaler):
    def transform(self, X: Any, copy: Any = None) -> Any:
        return super().transform(X, copy) + 1


class Doubling(BaseEstimator, TransformerMixin):
    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def transform(self, X: Any) -> Any:
        return X * 2


StandardScalerOfMine.__name__ = "StandardScaler"


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScalerOfMine(), LogisticRegression()),
        make_pipeline(Doubling(), LogisticRegression()),
        make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression()),
        make_pipeline(
            KBinsDiscretizer(quantile_method="averaged_inverted_cdf"), LogisticRegression()
        ),
        KNeighborsClassifier(),
    ],
    ids=["same name", "own step", "function", "bins", "neighbours"],
)
def test_what_is_not_known_has_no_plan(model: Any) -> None:
    rows = models.frame()[["a", "n"]].dropna()
    model.fit(rows, rows["a"] > 1000)
    assert make_plan(model, models.COLUMNS[:1] + models.COLUMNS[2:3], (False, True), "c") is None


def test_classes_that_are_not_on_record_have_no_plan() -> None:
    rows = models.frame()[["a"]]
    model = LogisticRegression().fit(rows, rows["a"] > 1000)
    assert make_plan(model, models.COLUMNS[:1], (False, True), "classification") is not None
    assert make_plan(model, models.COLUMNS[:1], (True, False), "classification") is None


def test_a_forest_with_too_many_nodes_has_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    from tenure.plans import making

    rows = models.frame()[["a"]]
    model = RandomForestClassifier(5, random_state=0).fit(rows, rows["a"] > 1000)
    asked = (model, models.COLUMNS[:1], (False, True), "classification")
    assert make_plan(*asked) is not None
    monkeypatch.setattr(making, "MOST_NODES", 3)
    assert make_plan(*asked) is None


def test_a_column_that_no_step_uses_must_be_finite_all_the_same() -> None:
    from tenure.plans import Declined

    first = make_column_transformer((StandardScaler(), ["a"]))
    fit, classes, task = models.fitted(make_pipeline(first, LogisticRegression()), "two")
    plan = make_plan(fit, models.COLUMNS, classes, task)
    assert plan is not None
    row = {"a": [1.0], "b": [None], "n": [1], "t": ["x"], "c": ["q"], "f": [True]}
    assert plan.answer(row, 1, probabilities=True)[0]
    for ask in (plan.answer, plan.answer_many):
        with pytest.raises(Declined):
            ask({**row, "b": [float("inf")]}, 1, probabilities=True)


def test_nothing_is_compiled_where_there_is_no_plan() -> None:
    rows = models.frame()[["a"]]
    model = KNeighborsClassifier().fit(rows, rows["a"] > 1000)
    found = compiled(
        model, rows, models.COLUMNS[:1], (False, True), "c", models.ready, tolerance=1e-9
    )
    assert found is None
