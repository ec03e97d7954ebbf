"""Small fitted models of many kinds, on columns of every type, for the tests of plans."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from tenure.plans.compiling import ready_by
from tenure.records import Column
from tenure.registry.frames import cast

COLUMNS = (
    Column(name="a", type="float64"),
    Column(name="b", type="float64"),
    Column(name="n", type="int64"),
    Column(name="t", type="string"),
    Column(name="c", type="category", categories=("q", "r", "s", "u")),
    Column(name="f", type="bool"),
)
ready = ready_by(COLUMNS, cast)


def rows(count: int = 240, seed: int = 0) -> dict[str, list[Any]]:
    draw = np.random.default_rng(seed)
    found = {
        "a": (1e3 + draw.normal(size=count) * 40).tolist(),
        "b": draw.normal(size=count).tolist(),
        "n": draw.integers(0, 50, count).tolist(),
        "t": draw.choice(["x", "yy", "z", "one only"], count, p=[0.5, 0.3, 0.19, 0.01]).tolist(),
        "c": draw.choice(["q", "r", "s"], count).tolist(),
        "f": (draw.random(count) < 0.5).tolist(),
    }
    for name, step in (("b", 7), ("n", 11), ("t", 13), ("c", 5)):
        found[name] = [None if row % step == 3 else v for row, v in enumerate(found[name])]
    return found


def target(columns: dict[str, list[Any]], kind: str) -> np.ndarray:
    draw = np.random.default_rng(3)
    score = np.array(columns["a"]) / 40 - 25 + np.array([v in ("q", None) for v in columns["c"]])
    score = score + np.array([v == "x" for v in columns["t"]]) + draw.normal(size=len(score)) / 2
    match kind:
        case "two":
            return np.where(score > 0.5, "yes", "no")
        case "three":
            return np.digitize(score, [0.0, 1.0])
        case "count":
            return np.exp(np.clip(score, -2, 2)).round()
        case _:
            return score * 100


def numbers(scaler: Any, *, fill: bool = True, **how: Any) -> Any:
    return make_pipeline(SimpleImputer(**how), scaler) if fill else scaler


def prepared(scaler: Any, encoder: Any, **how: Any) -> Any:
    return make_column_transformer(
        (numbers(scaler, **how), ["a", "b", "n"]), (encoder, ["t", "c"]), remainder="passthrough"
    )


def encoders() -> dict[str, Any]:
    return {
        "ignore": OneHotEncoder(handle_unknown="ignore"),
        "infrequent": OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=0.05, sparse_output=False
        ),
        "most": OneHotEncoder(handle_unknown="ignore", max_categories=3, drop="if_binary"),
        "error": OneHotEncoder(handle_unknown="error", drop="first"),
        "ordinal": OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
        ),
        "filled": make_pipeline(
            SimpleImputer(strategy="constant", fill_value="none"),
            OneHotEncoder(handle_unknown="ignore"),
        ),
        "frequent": make_pipeline(
            SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
        ),
    }


def scalers() -> dict[str, Any]:
    return {
        "standard": StandardScaler(),
        "no mean": StandardScaler(with_mean=False),
        "robust": RobustScaler(),
        "least most": MinMaxScaler(),
        "clipped": MinMaxScaler(clip=True),
        "most": MaxAbsScaler(),
        "none": FunctionTransformer(),
        "two": FeatureUnion([("a", StandardScaler()), ("b", MaxAbsScaler())]),
        "chosen": make_pipeline(StandardScaler(), VarianceThreshold(0.1)),
    }


def linear() -> dict[str, tuple[Any, str]]:
    return {
        "logistic": (LogisticRegression(), "two"),
        "logistic three": (LogisticRegression(), "three"),
        "sgd log": (SGDClassifier(loss="log_loss", random_state=0), "two"),
        "sgd three": (SGDClassifier(loss="log_loss", random_state=0), "three"),
        "sgd hinge": (SGDClassifier(random_state=0), "three"),
        "svc": (LinearSVC(), "two"),
        "ridge labels": (RidgeClassifier(), "three"),
        "least squares": (LinearRegression(), "number"),
        "ridge": (Ridge(), "number"),
        "lasso": (Lasso(), "number"),
        "elastic": (ElasticNet(), "number"),
        "poisson": (PoissonRegressor(), "count"),
    }


def trees() -> dict[str, tuple[Any, str]]:
    few = {"random_state": 0, "n_estimators": 8}
    return {
        "forest": (RandomForestClassifier(**few), "two"),
        "forest three": (RandomForestClassifier(**few, max_depth=5), "three"),
        "extra": (ExtraTreesRegressor(**few), "number"),
        "boosting": (GradientBoostingClassifier(**few), "two"),
        "boosting three": (GradientBoostingClassifier(**few), "three"),
        "boosting exponential": (GradientBoostingClassifier(**few, loss="exponential"), "two"),
        "boosted number": (GradientBoostingRegressor(**few), "number"),
        "histogram": (HistGradientBoostingClassifier(max_iter=8), "two"),
        "histogram three": (HistGradientBoostingClassifier(max_iter=8), "three"),
        "histogram number": (HistGradientBoostingRegressor(max_iter=8), "number"),
        "histogram count": (HistGradientBoostingRegressor(max_iter=8, loss="poisson"), "count"),
    }


def fitted(estimator: Any, kind: str, count: int = 240) -> tuple[Any, tuple[Any, ...], str]:
    """Return a fitted estimator, the classes on record, and the task."""
    seen = rows(count)
    with warnings.catch_warnings():
        # Whether it has converged is no matter here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(ready(seen), target(seen, kind))
    classes = tuple(getattr(estimator, "classes_", np.array([])).tolist())
    return estimator, classes, "classification" if classes else "regression"


def frame(count: int = 240) -> pd.DataFrame:
    return ready(rows(count))
