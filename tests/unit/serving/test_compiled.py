"""A version that is loaded answers by its plan, as its estimator does, and says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tenure.errors import BadRows
from tenure.plans import Agreement, Compiled
from tenure.plans.making import make_plan
from tenure.registry import open_ledger, open_store
from tenure.registry.artifacts import check_manifest
from tenure.registry.manifests import put_manifest
from tenure.serving import compiled
from tenure.serving.compiled import Answering
from tenure.serving.loading import load_runtime
from tenure.serving.planning import one_thread
from tenure.serving.runtime import Runtime
from tenure.workspace import Workspace
from tests.unit.serving import lives
from tests.unit.serving.test_runtime import runtime as bare_runtime


def forest() -> Any:
    rows = lives.frame()
    made = make_pipeline(lives.encoded(), RandomForestClassifier(12, random_state=1))
    return made.fit(rows, np.where(lives.target(rows) > 200, "fraud", "fine"))


def boosting() -> Any:
    rows = lives.frame()
    made = HistGradientBoostingClassifier(max_iter=12, min_samples_leaf=4)
    return made.fit(rows, np.where(lives.target(rows) > 200, "fraud", "fine"))


def columns(rows: int) -> dict[str, list[Any]]:
    frame = lives.frame(rows)
    found = {name: frame[name].astype(object).tolist() for name in frame}
    found["country"][0] = "not yet seen"
    return found


def registered(workspace: Workspace, estimator: Any) -> Runtime:
    number = lives.register_version(workspace, "m", estimator=estimator)
    version = open_ledger(workspace).version("m", number)
    return load_runtime(version, workspace, isolated=False)


@pytest.mark.parametrize(
    ("make", "kind"), [(lives.classifier, "linear"), (forest, "trees"), (boosting, "trees")]
)
def test_a_registered_version_answers_by_its_plan_as_the_estimator_does(
    workspace: Workspace, make: Any, kind: str
) -> None:
    runtime = registered(workspace, make())
    assert runtime.plan_kind == kind
    assert runtime.agreement is not None
    assert runtime.agreement.rows > 20
    assert runtime.agreement.max_difference <= 1e-9
    for rows in (1, 40):
        asked = columns(rows)
        runtime_answers = runtime.answer(asked, rows, probabilities=True)
        frame = runtime.frame(asked)
        assert runtime_answers.values == runtime.estimator.predict(frame).tolist()
        np.testing.assert_allclose(
            np.asarray(runtime_answers.probabilities),
            runtime.estimator.predict_proba(frame),
            rtol=0,
            atol=1e-9,
        )
        assert runtime.answer(asked, rows, probabilities=False).probabilities is None
    compiled.settle()
    assert runtime.trouble is None


def test_a_spec_can_forbid_plans(workspace: Workspace) -> None:
    def loaded(serving: dict[str, Any], seed: int) -> Runtime:
        spec = open_store(workspace).put_json(
            {"data": {"source": "in", "target": "y"}, "deployment": {"serving": serving}}
        )
        number = lives.register_version(workspace, "m", seed, spec=spec)
        version = open_ledger(workspace).version("m", number)
        return load_runtime(version, workspace, isolated=False)

    assert loaded({"compiled": False}, 1).plan_kind == "sklearn"
    assert loaded({"compiled": {"tolerance": 1e-9}}, 2).plan_kind == "linear"
    assert loaded({"compiled": {"tolerance": 0.0}}, 3).plan_kind == "sklearn"


def test_a_plan_that_is_gone_or_damaged_leaves_the_estimator_serving(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    number = lives.register_version(workspace, "m")
    version = open_ledger(workspace).version("m", number)
    store = open_store(workspace)
    signed = check_manifest(version, store, workspace).plan
    assert signed is not None
    store.shelf.remove(signed.object)
    with caplog.at_level(logging.WARNING):
        runtime = load_runtime(version, workspace, isolated=False)
    assert runtime.plan_kind == "sklearn"
    assert runtime.agreement is None
    assert "does not answer" in caplog.text
    assert runtime.answer(columns(2), 2, probabilities=True).values


def test_a_plan_of_another_model_is_found_out_by_the_golden_rows(workspace: Workspace) -> None:
    store = open_store(workspace)
    manifests = []
    for seed in (0, 3):
        number = lives.register_version(workspace, "m", seed)
        version = open_ledger(workspace).version("m", number)
        manifests.append(check_manifest(version, store, workspace))
    forged = replace(manifests[0], plan=manifests[1].plan)
    assert put_manifest(forged, store, workspace)
    from tenure.serving.planning import answering
    from tenure.serving.rules import ServingRules

    assert answering(manifests[0], ServingRules(), store, "m") is not None
    assert answering(forged, ServingRules(), store, "m") is None


@pytest.fixture
def serving(workspace: Workspace) -> Iterator[Runtime]:
    """A logistic pipeline with a plan, each of whose answers is compared."""
    estimator = lives.classifier()
    yield planned(bare_runtime(workspace, estimator), estimator)
    compiled.settle()


def planned(runtime: Runtime, made_of: Any) -> Runtime:
    plan = make_plan(made_of, lives.FEATURES, runtime.classes, runtime.task)
    assert plan is not None
    signed = Compiled(
        object="0" * 64,
        kind=plan.kind,
        agreement=Agreement(exact=False, max_difference=0.0, rows=1),
        tolerance=1e-9,
        most_rows=None,
    )
    answers = Answering("version 1 of 'm'", plan, signed, every=1)
    answers.measure(columns(4))
    return replace(runtime, compiled=answers)


def test_live_answers_that_agree_are_compared_and_go_on(serving: Runtime) -> None:
    assert serving.is_quick(1)
    assert not serving.is_quick(10_000_000)
    for rows in (1, 2, 30):
        serving.answer(columns(rows), rows, probabilities=rows > 1)
        compiled.settle()
    assert serving.compiled is not None
    assert serving.compiled.compared == 3
    assert serving.trouble is None


def test_the_first_live_difference_ends_a_plan_for_good(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    other = lives.classifier(seed=1)
    runtime = planned(bare_runtime(workspace, lives.classifier()), other)
    with caplog.at_level(logging.ERROR):
        runtime.answer(columns(5), 5, probabilities=True)
        compiled.settle()
    assert runtime.compiled is not None
    assert (runtime.compiled.compared, runtime.compiled.differed) == (1, 1)
    assert runtime.plan_kind == "sklearn"
    assert runtime.agreement is None
    assert not runtime.is_quick(1)
    assert "scikit-learn alone" in (runtime.trouble or "")
    assert "scikit-learn alone" in caplog.text
    found = runtime.answer(columns(5), 5, probabilities=True)
    truth = runtime.estimator.predict_proba(runtime.frame(columns(5)))
    assert found.probabilities == truth.tolist()


def test_one_answer_in_many_is_compared_the_first_more_often(workspace: Workspace) -> None:
    estimator = lives.classifier()
    runtime = planned(bare_runtime(workspace, estimator), estimator)
    assert runtime.compiled is not None
    answers = replace(
        runtime, compiled=Answering("m", runtime.compiled.plan, runtime.compiled.signed, every=10)
    )
    asked = columns(1)
    for _ in range(60):
        answers.answer(asked, 1, probabilities=True)
        compiled.settle()
    assert answers.compiled is not None
    assert answers.compiled.compared == len([1, 2, 4, 8, 16, 26, 36, 46, 56])


def test_an_infinite_number_is_refused_as_the_frame_path_does(serving: Runtime) -> None:
    asked = {**columns(2), "amount": np.array([1.0, np.inf])}
    with pytest.raises(BadRows, match="infinite"):
        serving.answer(asked, 2, probabilities=True)


def test_a_swap_leaves_no_version_in_memory(workspace: Workspace) -> None:
    import weakref

    estimator = lives.classifier()
    runtime = planned(bare_runtime(workspace, estimator), estimator)
    runtime.answer(columns(1), 1, probabilities=True)
    compiled.settle()
    left = weakref.ref(runtime)
    del runtime
    assert left() is None


def test_estimators_in_estimators_compute_on_one_thread() -> None:
    inner = RandomForestClassifier(3, n_jobs=4)
    outer = make_pipeline(lives.encoded(), inner)
    one_thread([{"a": outer}])
    assert inner.n_jobs == 1
    alone = LogisticRegression()
    one_thread(alone)
    assert getattr(alone, "n_jobs", None) in (None, 1)
