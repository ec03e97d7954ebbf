"""Many rows are answered by the version's plan, as its estimator would answer them."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from tenure.plans.columns import Coded
from tenure.registry import open_ledger
from tenure.serving.batch.answering import Bulk, load_bulk
from tenure.workspace import Workspace
from tests.unit.serving import lives


def answering(workspace: Workspace, model: str, number: int = 1) -> Bulk:
    return load_bulk(open_ledger(workspace).version(model, number), workspace)


@pytest.mark.parametrize("model", ["fraud", "price"])
def test_a_plan_answers_as_the_estimator_does(living: Workspace, model: str) -> None:
    version = answering(living, model)
    assert version.plan is not None
    rows = lives.frame(500)
    rows.loc[3, "country"] = None
    found = version.predict(rows)
    sure = version.runtime.predict(rows, probabilities=True)
    if model == "fraud":
        assert list(found.values) == list(sure.values)
        np.testing.assert_allclose(found.probabilities, sure.probabilities, rtol=0, atol=1e-9)
    else:
        np.testing.assert_allclose(found.values, sure.values, rtol=1e-9)


def test_where_a_plan_differs_the_estimator_answers(
    living: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    version = answering(living, "price")
    other = replace(version, plan=answering(living, "price", 2).plan)
    rows = lives.frame(500)
    sure = version.runtime.predict(rows, probabilities=True)
    with caplog.at_level(logging.WARNING):
        assert list(other.predict(rows).values) == list(sure.values)
    assert "the estimator answers a chunk" in caplog.text


def test_a_number_that_a_plan_is_not_sure_of_is_the_estimators(living: Workspace) -> None:
    version = answering(living, "price")
    rows = lives.frame(50)
    rows.loc[40, "amount"] = 1e308
    with np.errstate(over="ignore"):
        sure = version.runtime.predict(rows, probabilities=True)
        found = version.predict(rows)
    assert [each is None for each in found.values] == [each is None for each in sure.values]
    assert list(found.values) == pytest.approx(list(sure.values))


def test_codes_are_looked_up_as_their_texts_are(living: Workspace) -> None:
    plan = answering(living, "fraud").plan
    assert plan is not None
    texts = ["de", None, "at", "xx", "ng", "de"]
    columns = {"amount": [1.0] * 6, "items": [2] * 6, "is_new": [True] * 6}
    codes = Coded(["ng", "xx", "at", "de"], np.array([3, -1, 2, 1, 0, 3]))
    by_text = plan.answer_many({**columns, "country": texts}, 6, probabilities=True)
    by_code = plan.answer_many({**columns, "country": codes}, 6, probabilities=True)
    assert by_code[0] == by_text[0]
    assert (by_code[1] == by_text[1]).all()
