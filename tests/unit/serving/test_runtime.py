"""A version is asked in the columns, types and treatment that it was trained with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from tenure.records import Column
from tenure.registry.frames import cast
from tenure.serving.rules import ServingRules
from tenure.serving.runtime import Runtime
from tenure.spec.model import DataSpec
from tenure.spec.treatment import stored_columns, treat_frame
from tenure.workspace import Workspace
from tests.unit.serving import lives


def runtime(workspace: Workspace, estimator: object, **changed: object) -> Runtime:
    classes = tuple(getattr(estimator, "classes_", ()))
    made = Runtime(
        model="m",
        version=1,
        task="classification" if classes else "regression",
        asked=lives.FEATURES,
        features=lives.FEATURES,
        classes=classes,
        rules=ServingRules(),
        estimator=estimator,
        workspace=workspace,
    )
    return replace(made, **changed)


@pytest.mark.parametrize("labels", [("fine", "fraud"), (0, 1), (False, True)])
def test_a_pipeline_split_in_two_answers_as_it_does_whole(
    workspace: Workspace, labels: tuple[object, object]
) -> None:
    whole = lives.classifier(labels=labels)
    rows = lives.frame(50)
    found = runtime(workspace, whole).predict(rows, probabilities=True)
    assert found.values == whole.predict(rows).tolist()
    assert found.probabilities == whole.predict_proba(rows).tolist()
    assert {type(each) for each in found.values} == {type(labels[0])}


def test_many_jobs_of_an_estimator_become_one_thread(workspace: Workspace) -> None:
    rows = lives.frame(50)
    high = lives.target(rows) > 200
    forest = make_pipeline(lives.encoded(), RandomForestClassifier(8, n_jobs=-1, random_state=1))
    forest.fit(rows, high)
    found = runtime(workspace, forest).predict(rows, probabilities=True)
    assert found.probabilities == forest.predict_proba(rows).tolist()


def test_what_is_not_finite_is_null_and_named(workspace: Workspace) -> None:
    class Overflows(DummyRegressor):
        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            return np.where(rows["amount"] > 1, np.inf, 2.0)

    model = Overflows().fit(lives.frame(), lives.target(lives.frame()))
    made = runtime(workspace, model)
    columns = {"amount": [0.5, 2.0], "items": [1, 1], "country": ["at"] * 2, "is_new": [True] * 2}
    found = made.predict(made.frame(columns), probabilities=True)
    assert (found.values, found.not_finite) == ([2.0, None], [1])


def test_a_request_is_treated_as_a_batch_is(workspace: Workspace) -> None:
    arriving = (
        Column(name="customer", type="int64"),
        Column(name="age", type="int64"),
        Column(name="born", type="date"),
        Column(name="amount", type="float64"),
    )
    data = DataSpec.model_validate(
        {
            "source": "in",
            "target": "y",
            "treat": {
                "customer": "pseudonymise",
                "age": {"coarsen": 10},
                "born": {"coarsen": "year"},
            },
        }
    )
    features = stored_columns(arriving, data)
    made = runtime(
        workspace,
        DummyRegressor(),
        asked=arriving,
        features=features,
        rules=ServingRules(data=data),
    )
    asked = {"customer": [4711], "age": [47], "born": ["1979-05-03"], "amount": [1.5]}
    found = made.frame(asked)
    batch = pd.DataFrame(asked)
    assert found.equals(cast(treat_frame(batch, data, workspace), features))
    assert found["age"].tolist() == [40]
    assert str(found["born"][0])[:10] == "1979-01-01"
    assert "4711" not in str(found["customer"][0])


@pytest.mark.parametrize("missing", [False, True])
def test_checked_values_become_the_frame_that_the_careful_way_makes(
    workspace: Workspace, missing: bool
) -> None:
    made = runtime(workspace, lives.classifier())
    columns = {
        "amount": [1.5, None if missing else 2.0, 3],
        "items": [1, None if missing else 2, -3],
        "country": ["de", None if missing else "at", "unseen"],
        "is_new": [True, False, True],
    }
    careful = cast(
        pd.DataFrame({name: pd.Series(values, dtype="object") for name, values in columns.items()}),
        lives.FEATURES,
    )
    pd.testing.assert_frame_equal(made.frame(columns), careful)


def test_two_classes_that_are_as_likely_are_left_to_the_estimator(workspace: Workspace) -> None:
    rows = lives.frame(40)
    high = lives.target(rows) > 200
    forest = make_pipeline(lives.encoded(), RandomForestClassifier(2, random_state=3))
    forest.fit(rows, high)
    shares = forest.predict_proba(rows)
    assert (shares[:, 0] == shares[:, 1]).any()
    found = runtime(workspace, forest).predict(rows, probabilities=True)
    assert found.values == forest.predict(rows).tolist()
