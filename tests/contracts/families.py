"""Fitted pipelines of every family that an artifact may hold, and the names that they need.

`python -m tests.contracts.families` writes tenure/registry/allowlist.json anew; that is part of
moving to another scikit-learn minor release.
"""

from __future__ import annotations

import importlib
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import orjson
import pandas as pd

ALLOWLIST = Path(__file__).parents[2] / "tenure" / "registry" / "allowlist.json"

CLASSIFIERS = {
    "sklearn.linear_model": "LogisticRegression LogisticRegressionCV SGDClassifier RidgeClassifier "
    "RidgeClassifierCV Perceptron",
    "sklearn.ensemble": "RandomForestClassifier ExtraTreesClassifier GradientBoostingClassifier "
    "HistGradientBoostingClassifier AdaBoostClassifier BaggingClassifier",
    "sklearn.tree": "DecisionTreeClassifier ExtraTreeClassifier",
    "sklearn.neighbors": "KNeighborsClassifier NearestCentroid RadiusNeighborsClassifier",
    "sklearn.naive_bayes": "GaussianNB BernoulliNB",
    "sklearn.svm": "SVC LinearSVC NuSVC",
    "sklearn.discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "sklearn.neural_network": "MLPClassifier",
    "sklearn.gaussian_process": "GaussianProcessClassifier",
    "sklearn.dummy": "DummyClassifier",
    "sklearn.semi_supervised": "LabelPropagation LabelSpreading",
}
REGRESSORS = {
    "sklearn.linear_model": "LinearRegression Ridge RidgeCV Lasso LassoCV ElasticNet ElasticNetCV "
    "SGDRegressor HuberRegressor BayesianRidge ARDRegression PoissonRegressor GammaRegressor "
    "TweedieRegressor QuantileRegressor TheilSenRegressor RANSACRegressor Lars LassoLars "
    "LassoLarsIC OrthogonalMatchingPursuit",
    "sklearn.ensemble": "RandomForestRegressor ExtraTreesRegressor GradientBoostingRegressor "
    "HistGradientBoostingRegressor AdaBoostRegressor BaggingRegressor",
    "sklearn.tree": "DecisionTreeRegressor ExtraTreeRegressor",
    "sklearn.neighbors": "KNeighborsRegressor RadiusNeighborsRegressor",
    "sklearn.svm": "SVR LinearSVR NuSVR",
    "sklearn.neural_network": "MLPRegressor",
    "sklearn.gaussian_process": "GaussianProcessRegressor",
    "sklearn.kernel_ridge": "KernelRidge",
    "sklearn.cross_decomposition": "PLSRegression",
    "sklearn.isotonic": "IsotonicRegression",
    "sklearn.dummy": "DummyRegressor",
}
TRANSFORMERS = {
    "sklearn.preprocessing": "StandardScaler MinMaxScaler MaxAbsScaler RobustScaler Normalizer "
    "PowerTransformer QuantileTransformer KBinsDiscretizer PolynomialFeatures SplineTransformer "
    "Binarizer KernelCenterer",
    "sklearn.impute": "SimpleImputer KNNImputer MissingIndicator",
    "sklearn.decomposition": "PCA TruncatedSVD FastICA KernelPCA IncrementalPCA SparsePCA "
    "FactorAnalysis",
    "sklearn.kernel_approximation": "Nystroem RBFSampler AdditiveChi2Sampler",
    "sklearn.random_projection": "GaussianRandomProjection SparseRandomProjection",
    "sklearn.feature_selection": "VarianceThreshold SelectKBest SelectPercentile SelectFpr",
    "sklearn.cluster": "KMeans MiniBatchKMeans FeatureAgglomeration Birch",
    "sklearn.neighbors": "NeighborhoodComponentsAnalysis",
}


def numbers(rows: int = 60) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return features, two classes, and a positive number to predict."""
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.random((rows, 4)) + 0.1, columns=list("abcd"))
    return X, (X["a"] > X["b"]).to_numpy().astype(int), (X["a"] * 2 + X["b"]).to_numpy()


def mixed(rows: int = 60) -> pd.DataFrame:
    """Return features with numbers, holes and categories."""
    X, _, _ = numbers(rows)
    kinds = np.array(["x", "y", "z"])
    X["kind"] = pd.Categorical(kinds[np.arange(rows) % 3])
    X["text"] = pd.Series(np.array(["red car", "blue boat", "green car"])[np.arange(rows) % 3])
    X.loc[::7, "c"] = np.nan
    return X


def _each(table: dict[str, str]) -> Iterator[tuple[str, type[Any]]]:
    for module, names in table.items():
        for name in names.split():
            yield name, getattr(importlib.import_module(module), name)


def _plain() -> Iterator[tuple[str, Callable[[], Any]]]:
    from sklearn.pipeline import make_pipeline

    X, labels, amounts = numbers()
    radius = {"radius": 10.0}
    for name, kind in _each(CLASSIFIERS):
        extra = radius if name.startswith("Radius") else {}
        yield name, lambda kind=kind, extra=extra: kind(**extra).fit(X, labels)
    for name, kind in _each(REGRESSORS):
        extra = radius if name.startswith("Radius") else {}
        one = X[["a"]] if name == "IsotonicRegression" else X
        yield name, lambda kind=kind, extra=extra, one=one: kind(**extra).fit(one, amounts)
    from sklearn.linear_model import LogisticRegression

    for name, kind in _each(TRANSFORMERS):
        extra = {"n_components": 2} if name.endswith("RandomProjection") else {}
        yield (
            name,
            lambda kind=kind, extra=extra: make_pipeline(kind(**extra), LogisticRegression()).fit(
                X, labels
            ),
        )


def _combined() -> Iterator[tuple[str, Callable[[], Any]]]:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import (
        ColumnTransformer,
        TransformedTargetRegressor,
        make_column_selector,
    )
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        StackingClassifier,
        StackingRegressor,
        VotingClassifier,
        VotingRegressor,
    )
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
    from sklearn.feature_selection import RFE, SelectFromModel, SequentialFeatureSelector
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
    from sklearn.model_selection import (
        FixedThresholdClassifier,
        GridSearchCV,
        RandomizedSearchCV,
        TunedThresholdClassifierCV,
    )
    from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.preprocessing import (
        FunctionTransformer,
        KBinsDiscretizer,
        LabelBinarizer,
        OneHotEncoder,
        OrdinalEncoder,
        StandardScaler,
        TargetEncoder,
    )

    X, labels, amounts = numbers()
    wide, names = mixed(), np.array(["no", "yes"])[labels]
    many = np.array(["a", "b", "c"])[np.digitize(X["a"], [0.4, 0.8])]
    boosting = HistGradientBoostingClassifier(max_iter=5)
    logistic = LogisticRegression()

    def columns(encoder: Any, **extra: Any) -> ColumnTransformer:
        return ColumnTransformer(
            [
                ("n", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b", "c", "d"]),
                ("k", encoder, ["kind"]),
            ],
            **extra,
        )

    def selected() -> ColumnTransformer:
        return ColumnTransformer(
            [("n", SimpleImputer(), make_column_selector(dtype_include="number"))],
            remainder="drop",
        )

    for label, encoder in {
        "onehot": OneHotEncoder(handle_unknown="ignore"),
        "onehot dense": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        "infrequent": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=25),
        "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        "target": TargetEncoder(),
    }.items():
        made = columns(encoder)
        yield label, lambda made=made: make_pipeline(made, logistic).fit(wide, names)
    made = columns(OneHotEncoder(sparse_output=False)).set_output(transform="pandas")
    yield "pandas output", lambda: make_pipeline(made, boosting).fit(wide, names)
    passed = columns(OrdinalEncoder(), remainder="passthrough")
    yield (
        "passthrough",
        lambda: make_pipeline(passed, boosting).fit(wide.drop(columns="text"), names),
    )
    yield "selector", lambda: make_pipeline(selected(), logistic).fit(wide, names)
    yield (
        "category boosting",
        lambda: HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(
            wide.drop(columns="text"), names
        ),
    )
    for loss in ("poisson", "gamma", "quantile", "absolute_error", "squared_error"):
        extra = {"quantile": 0.5} if loss == "quantile" else {}
        yield (
            f"boosting {loss}",
            lambda loss=loss, extra=extra: HistGradientBoostingRegressor(
                max_iter=3, loss=loss, **extra
            ).fit(X, amounts),
        )
    yield (
        "boosting early stop",
        lambda: HistGradientBoostingClassifier(max_iter=5, early_stopping=True).fit(X, labels),
    )
    yield (
        "boosting monotone",
        lambda: HistGradientBoostingClassifier(max_iter=5, monotonic_cst={"a": 1}).fit(X, labels),
    )
    yield "many classes", lambda: HistGradientBoostingClassifier(max_iter=3).fit(X, many)
    yield "logistic classes", lambda: make_pipeline(StandardScaler(), logistic).fit(X, many)
    for method in ("sigmoid", "isotonic"):
        yield (
            f"calibrated {method}",
            lambda method=method: CalibratedClassifierCV(boosting, method=method, cv=2).fit(
                X, labels
            ),
        )
    yield "tuned", lambda: TunedThresholdClassifierCV(logistic, cv=2).fit(X, labels)
    yield "fixed", lambda: FixedThresholdClassifier(logistic, threshold=0.4).fit(X, labels)
    two = [("l", logistic), ("k", KNeighborsClassifier())]
    yield "voting", lambda: VotingClassifier(two, voting="soft").fit(X, names)
    yield "stacking", lambda: StackingClassifier(two, cv=2).fit(X, names)
    pair = [("l", LinearRegression()), ("r", Ridge())]
    yield "voting regressor", lambda: VotingRegressor(pair).fit(X, amounts)
    yield "stacking regressor", lambda: StackingRegressor(pair, cv=2).fit(X, amounts)
    yield "grid", lambda: GridSearchCV(logistic, {"C": [0.1, 1.0]}, cv=2).fit(X, labels)
    yield (
        "random search",
        lambda: RandomizedSearchCV(logistic, {"C": [0.1, 1.0]}, n_iter=2, cv=2).fit(X, labels),
    )
    yield "one vs rest", lambda: OneVsRestClassifier(logistic).fit(X, many)
    yield "one vs one", lambda: OneVsOneClassifier(logistic).fit(X, many)
    yield "codes", lambda: OutputCodeClassifier(logistic, random_state=0).fit(X, many)
    yield (
        "multi output",
        lambda: MultiOutputRegressor(Ridge()).fit(X, np.column_stack([amounts, amounts])),
    )
    yield (
        "transformed target",
        lambda: TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1).fit(
            X, amounts
        ),
    )
    yield (
        "transformed by scaler",
        lambda: TransformedTargetRegressor(Ridge(), transformer=StandardScaler()).fit(X, amounts),
    )
    yield "rfe", lambda: make_pipeline(RFE(logistic), logistic).fit(X, labels)
    yield (
        "select from model",
        lambda: make_pipeline(
            SelectFromModel(RandomForestClassifier(n_estimators=3)), logistic
        ).fit(X, labels),
    )
    yield (
        "sequential selection",
        lambda: make_pipeline(
            SequentialFeatureSelector(logistic, n_features_to_select=2, cv=2), logistic
        ).fit(X, labels),
    )
    yield (
        "union",
        lambda: make_pipeline(
            FeatureUnion([("s", StandardScaler()), ("b", KBinsDiscretizer())]), logistic
        ).fit(X, labels),
    )
    for function in ("log1p", "sqrt", "log", "exp", "expm1", "abs", "square", "sin", "cos"):
        yield (
            f"function {function}",
            lambda function=function: make_pipeline(
                FunctionTransformer(getattr(np, function)), logistic
            ).fit(X, labels),
        )
    for vectorizer in (CountVectorizer, TfidfVectorizer, HashingVectorizer):
        yield (
            vectorizer.__name__,
            lambda vectorizer=vectorizer: make_pipeline(
                ColumnTransformer([("t", vectorizer(), "text")]), logistic
            ).fit(wide, names),
        )
    for loss in ("log_loss", "modified_huber", "squared_hinge", "hinge", "perceptron"):
        yield f"sgd {loss}", lambda loss=loss: SGDClassifier(loss=loss).fit(X, labels)
    for loss in ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"):
        from sklearn.linear_model import SGDRegressor

        yield f"sgd {loss}", lambda loss=loss: SGDRegressor(loss=loss).fit(X, amounts)
    for metric in ("minkowski", "manhattan", "chebyshev", "cosine", "haversine"):
        near = X[["a", "b"]] if metric == "haversine" else X
        for algorithm in ("auto", "ball_tree", "kd_tree", "brute"):
            if (metric, algorithm) in {
                ("cosine", "ball_tree"),
                ("cosine", "kd_tree"),
                ("haversine", "kd_tree"),
            }:
                continue
            yield (
                f"neighbours {metric} {algorithm}",
                lambda near=near, metric=metric, algorithm=algorithm: KNeighborsClassifier(
                    metric=metric, algorithm=algorithm
                ).fit(near, labels),
            )
    yield (
        "random state",
        lambda: RandomForestClassifier(n_estimators=3, random_state=np.random.RandomState(0)).fit(
            X, labels
        ),
    )
    yield "boolean labels", lambda: logistic.__class__().fit(X, labels.astype(bool))
    yield "object labels", lambda: logistic.__class__().fit(X, names.astype(object))
    yield "frame labels", lambda: logistic.__class__().fit(X, pd.Series(names, dtype="category"))
    yield "label binarizer", lambda: LabelBinarizer().fit(names)


def families() -> dict[str, Callable[[], Any]]:
    """Return a maker of a fitted estimator for each family, by a readable name."""
    return dict([*_plain(), *_combined()])


class _Everything:
    def __contains__(self, name: object) -> bool:
        return True


def names_in(estimator: Any) -> tuple[str, ...]:
    """Return every name of code that an estimator's artifact asks for."""
    from tenure.registry import pickles

    artifact = io.BytesIO()
    joblib.dump(estimator, artifact)
    size = artifact.tell()
    artifact.seek(0)
    return pickles._read(artifact, _Everything(), size, "a family")[1]  # type: ignore[arg-type]


def our_transforms() -> list[str]:
    """Return the names of the transformers that Tenure offers; they never change."""
    from tenure import transforms

    offered = (getattr(transforms, name) for name in getattr(transforms, "__all__", ()))
    return sorted(f"{thing.__module__}.{thing.__qualname__}" for thing in offered)


def main() -> None:
    """Fit every family and write the names that they need."""
    import sklearn

    names: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for label, make in families().items():
            try:
                names |= set(names_in(make()))
            except ValueError as error:
                print(f"{label}: {type(error).__name__}: {error}", file=sys.stderr)
    minor = ".".join(sklearn.__version__.split(".")[:2])
    content = {"scikit-learn": minor, "names": sorted(names), "transforms": our_transforms()}
    ALLOWLIST.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    print(f"{len(names)} names")


if __name__ == "__main__":
    main()
