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


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()


def _columns(encoder: Any, **extra: Any) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    parts = [("n", scaled, ["a", "b", "c", "d"]), ("k", encoder, ["kind"])]
    return ColumnTransformer(parts, **extra)


def _encoded() -> Iterator[tuple[str, Callable[[], Any]]]:
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

    wide, names = mixed(), np.array(["no", "yes"])[numbers()[1]]
    plain = wide.drop(columns="text")
    boosting = HistGradientBoostingClassifier(max_iter=5)
    for label, encoder in {
        "onehot": OneHotEncoder(handle_unknown="ignore"),
        "onehot dense": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        "infrequent": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=25),
        "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        "target": TargetEncoder(),
    }.items():
        made = _columns(encoder)
        yield label, lambda made=made: make_pipeline(made, _logistic()).fit(wide, names)
    framed = _columns(OneHotEncoder(sparse_output=False)).set_output(transform="pandas")
    yield "pandas output", lambda: make_pipeline(framed, boosting).fit(wide, names)
    passed = _columns(OrdinalEncoder(), remainder="passthrough")
    yield "passthrough", lambda: make_pipeline(passed, boosting).fit(plain, names)
    numeric = make_column_selector(dtype_include="number")
    chosen = ColumnTransformer([("n", SimpleImputer(), numeric)], remainder="drop")
    yield "selector", lambda: make_pipeline(chosen, _logistic()).fit(wide, names)
    by_type = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
    yield "category boosting", lambda: by_type.fit(plain, names)


def _boosted() -> Iterator[tuple[str, Callable[[], Any]]]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    X, labels, amounts = numbers()
    for loss in ("poisson", "gamma", "quantile", "absolute_error", "squared_error"):
        extra = {"quantile": 0.5} if loss == "quantile" else {}
        made = HistGradientBoostingRegressor(max_iter=3, loss=loss, **extra)
        yield f"boosting {loss}", lambda made=made: made.fit(X, amounts)
    for label, extra in {
        "early stop": {"early_stopping": True},
        "monotone": {"monotonic_cst": {"a": 1}},
    }.items():
        kind = HistGradientBoostingClassifier(max_iter=5, **extra)
        yield f"boosting {label}", lambda kind=kind: kind.fit(X, labels)


def _meta() -> Iterator[tuple[str, Callable[[], Any]]]:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import (
        StackingClassifier,
        StackingRegressor,
        VotingClassifier,
        VotingRegressor,
    )
    from sklearn.linear_model import LinearRegression, Ridge
    from sklearn.model_selection import (
        FixedThresholdClassifier,
        GridSearchCV,
        RandomizedSearchCV,
        TunedThresholdClassifierCV,
    )
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler

    X, labels, amounts = numbers()
    for method in ("sigmoid", "isotonic"):
        made = CalibratedClassifierCV(_logistic(), method=method, cv=2)
        yield f"calibrated {method}", lambda made=made: made.fit(X, labels)
    grid = {"C": [0.1, 1.0]}
    two = [("l", _logistic()), ("k", KNeighborsClassifier())]
    for label, kind in {
        "tuned": TunedThresholdClassifierCV(_logistic(), cv=2),
        "fixed": FixedThresholdClassifier(_logistic(), threshold=0.4),
        "voting": VotingClassifier(two, voting="soft"),
        "stacking": StackingClassifier(two, cv=2),
        "grid": GridSearchCV(_logistic(), grid, cv=2),
        "random search": RandomizedSearchCV(_logistic(), grid, n_iter=2, cv=2),
    }.items():
        yield label, lambda kind=kind: kind.fit(X, labels)
    pair = [("l", LinearRegression()), ("r", Ridge())]
    logged = TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1)
    for label, kind in {
        "voting regressor": VotingRegressor(pair),
        "stacking regressor": StackingRegressor(pair, cv=2),
        "transformed target": logged,
        "transformed by scaler": TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    }.items():
        yield label, lambda kind=kind: kind.fit(X, amounts)
    both = np.column_stack([amounts, amounts])
    yield "multi output", lambda: MultiOutputRegressor(Ridge()).fit(X, both)


def _many_classes() -> Iterator[tuple[str, Callable[[], Any]]]:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
    from sklearn.preprocessing import LabelBinarizer

    X, labels, _ = numbers()
    many = np.array(["a", "b", "c"])[np.digitize(X["a"], [0.4, 0.8])]
    for label, kind in {
        "many classes": HistGradientBoostingClassifier(max_iter=3),
        "logistic classes": _logistic(),
        "one vs rest": OneVsRestClassifier(_logistic()),
        "one vs one": OneVsOneClassifier(_logistic()),
        "codes": OutputCodeClassifier(_logistic(), random_state=0),
    }.items():
        yield label, lambda kind=kind: kind.fit(X, many)
    yield "boolean labels", lambda: _logistic().fit(X, labels.astype(bool))
    yield "object labels", lambda: _logistic().fit(X, many.astype(object))
    yield "frame labels", lambda: _logistic().fit(X, pd.Series(many, dtype="category"))
    yield "label binarizer", lambda: LabelBinarizer().fit(many)
    seeded = RandomForestClassifier(n_estimators=3, random_state=np.random.RandomState(0))
    yield "random state", lambda: seeded.fit(X, labels)


def _selected() -> Iterator[tuple[str, Callable[[], Any]]]:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
    from sklearn.feature_selection import RFE, SelectFromModel, SequentialFeatureSelector
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, StandardScaler

    X, labels, _ = numbers()
    forest = RandomForestClassifier(n_estimators=3)
    for label, step in {
        "rfe": RFE(_logistic()),
        "select from model": SelectFromModel(forest),
        "sequential selection": SequentialFeatureSelector(
            _logistic(), n_features_to_select=2, cv=2
        ),
        "union": FeatureUnion([("s", StandardScaler()), ("b", KBinsDiscretizer())]),
    }.items():
        yield label, lambda step=step: make_pipeline(step, _logistic()).fit(X, labels)
    for function in ("log1p", "sqrt", "log", "exp", "expm1", "abs", "square", "sin", "cos"):
        step = FunctionTransformer(getattr(np, function))
        yield (
            f"function {function}",
            lambda step=step: make_pipeline(step, _logistic()).fit(X, labels),
        )
    for vectorizer in (CountVectorizer, TfidfVectorizer, HashingVectorizer):
        words = ColumnTransformer([("t", vectorizer(), "text")])
        yield (
            vectorizer.__name__,
            lambda words=words: make_pipeline(words, _logistic()).fit(mixed(), labels),
        )


def _configured() -> Iterator[tuple[str, Callable[[], Any]]]:
    from sklearn.linear_model import SGDClassifier, SGDRegressor
    from sklearn.neighbors import KNeighborsClassifier

    X, labels, amounts = numbers()
    for loss in ("log_loss", "modified_huber", "squared_hinge", "hinge", "perceptron"):
        yield f"sgd {loss}", lambda loss=loss: SGDClassifier(loss=loss).fit(X, labels)
    for loss in ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"):
        yield f"sgd {loss}", lambda loss=loss: SGDRegressor(loss=loss).fit(X, amounts)
    trees = ("auto", "ball_tree", "kd_tree", "brute")
    for metric, algorithms in {
        "minkowski": trees,
        "manhattan": trees,
        "chebyshev": trees,
        "cosine": ("auto", "brute"),
        "haversine": ("auto", "ball_tree", "brute"),
    }.items():
        near = X[["a", "b"]] if metric == "haversine" else X
        for algorithm in algorithms:
            kind = KNeighborsClassifier(metric=metric, algorithm=algorithm)
            yield (
                f"neighbours {metric} {algorithm}",
                lambda kind=kind, near=near: kind.fit(near, labels),
            )


_GROUPS = (_plain, _encoded, _boosted, _meta, _many_classes, _selected, _configured)


def families() -> dict[str, Callable[[], Any]]:
    """Return a maker of a fitted estimator for each family, by a readable name."""
    return {label: make for group in _GROUPS for label, make in group()}


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
