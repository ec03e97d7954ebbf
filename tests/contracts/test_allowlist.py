"""What the frozen list of names promises, held against real fitted pipelines."""

from __future__ import annotations

import io
import warnings

import joblib
import numpy as np
import orjson
import pytest
import sklearn

from tenure.registry import pickles
from tests.contracts import families

KNOWN = orjson.loads(families.ALLOWLIST.read_bytes())
SAMPLE = [
    "LogisticRegression",
    "RandomForestClassifier",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "KNeighborsClassifier",
    "SVC",
    "MLPClassifier",
    "Ridge",
    "onehot",
    "pandas output",
    "category boosting",
    "calibrated isotonic",
    "tuned",
    "stacking",
    "transformed target",
    "TfidfVectorizer",
    "SplineTransformer",
    "random state",
    "DummyClassifier",
    "DummyRegressor",
]


def test_the_list_is_that_of_the_pinned_release() -> None:
    assert sklearn.__version__.startswith(KNOWN["scikit-learn"] + ".")
    assert KNOWN["transforms"] == families.our_transforms()


def test_the_list_holds_names_only_and_none_that_runs_code() -> None:
    assert sorted(set(KNOWN["names"])) == KNOWN["names"]
    roots = {name.partition(".")[0] for name in KNOWN["names"]}
    assert roots == {"builtins", "functools", "joblib", "numpy", "scipy", "sklearn"}
    assert [name for name in KNOWN["names"] if name.startswith("builtins.")] == ["builtins.slice"]
    assert not [name for name in KNOWN["names"] if "*" in name or name.endswith(".")]


@pytest.mark.parametrize("family", SAMPLE)
def test_a_fitted_family_comes_back_bit_for_bit(family: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = families.families()[family]()
        artifact = io.BytesIO()
        joblib.dump(made, artifact)
        size = artifact.tell()
        artifact.seek(0)
        again, names = pickles.read_estimator(artifact, promised=size, what=family)
        assert set(names) <= pickles.frozen_list()
        wanted = list(getattr(made, "feature_names_in_", "abcd"))
        rows = families.mixed()[wanted] if "kind" in wanted else families.numbers()[0]
        assert np.array_equal(made.predict(rows), again.predict(rows))


def test_every_family_is_covered_by_the_list() -> None:
    """All families are fitted by `python -m tests.contracts.families`, which writes the list."""
    assert set(SAMPLE) <= set(families.families())
    assert len(families.families()) > 120
