"""Which plan does a fitted estimator have, if any?

The last step must be of a class that is known here, with settings that are known. A plan that was
made is a proposal: whether it is kept is measured (judging.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tenure.plans.plan import Plan
from tenure.plans.preparing import Raw, Slots, Unknown, apply, as_number, is_of
from tenure.plans.shapes import Head, Linear, Number, Shape, Table, Trees
from tenure.records import Column

MOST_NODES = 300_000
"""Trees with more nodes than this are no plan: treelite takes some 100 bytes a node."""

_SEARCHES = ("GridSearchCV", "RandomizedSearchCV")
_LINEAR = {
    "LinearRegression": "identity",
    "Ridge": "identity",
    "RidgeCV": "identity",
    "Lasso": "identity",
    "LassoCV": "identity",
    "ElasticNet": "identity",
    "ElasticNetCV": "identity",
    "Lars": "identity",
    "LassoLars": "identity",
    "BayesianRidge": "identity",
    "ARDRegression": "identity",
    "HuberRegressor": "identity",
    "QuantileRegressor": "identity",
    "SGDRegressor": "identity",
    "LinearSVR": "identity",
    "PoissonRegressor": "exp",
    "GammaRegressor": "exp",
    "LogisticRegression": "logistic",
    "LogisticRegressionCV": "logistic",
    "LinearDiscriminantAnalysis": "logistic",
    "SGDClassifier": "sgd",
    "LinearSVC": "none",
    "RidgeClassifier": "none",
    "RidgeClassifierCV": "none",
    "Perceptron": "none",
    "PassiveAggressiveClassifier": "none",
}
_FORESTS = (
    "RandomForestClassifier",
    "ExtraTreesClassifier",
    "RandomForestRegressor",
    "ExtraTreesRegressor",
)
_BOOSTINGS = ("GradientBoostingClassifier", "GradientBoostingRegressor")
_HISTOGRAMS = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


def make_plan(
    estimator: Any, features: Sequence[Column], classes: Sequence[Any], task: str
) -> Plan | None:
    """Return the plan of a fitted estimator, or None where it is not known whole.

    Args:
        estimator: fitted on a frame with exactly these features.
        features: its columns, in their order.
        classes: the labels that are on record; empty for a number.
        task: the task on record.
    """
    try:
        return Plan(_shape(estimator, features, classes, task))
    except Unknown:
        return None


def _shape(estimator: Any, features: Sequence[Column], classes: Sequence[Any], task: str) -> Shape:
    while type(estimator).__name__ in _SEARCHES and is_of(estimator, "sklearn.model_selection"):
        estimator = estimator.best_estimator_
    slots: Slots = [Raw(column=each.name, kind=each.type) for each in features]
    while type(estimator).__name__ == "Pipeline" and is_of(estimator, "sklearn.pipeline"):
        for _, step in estimator.steps[:-1]:
            if step is not None and step != "passthrough":
                slots = apply(step, slots)
        estimator = estimator.steps[-1][1]
    labels = _labels(estimator, classes, task)
    made = _linear(estimator, slots, labels) or _trees(estimator, slots, labels)
    if made is None:
        raise Unknown(type(estimator).__name__)
    used, scores, head = made
    names = {slot.column for slot in used}
    columns = tuple(
        (each.name, each.type, tuple(each.categories))
        for each in features
        if each.name in names or each.type == "float64"
    )
    return Shape(columns=columns, classes=labels, slots=used, scores=scores, head=head)


_Made = tuple[tuple[Number | Table, ...], Linear | Trees, Head]


def _labels(estimator: Any, classes: Sequence[Any], task: str) -> tuple[Any, ...]:
    there = getattr(estimator, "classes_", None)
    if there is None:
        if classes or task != "regression":
            raise Unknown("a classifier without classes")
        return ()
    labels = tuple(there.tolist())
    if not all(type(label) in (str, int, float, bool) for label in labels):
        raise Unknown("labels of another type")
    if labels != tuple(classes) or len(labels) < 2:
        raise Unknown("classes that are not on record")
    return labels


def _ready(slots: Slots) -> tuple[Number | Table, ...]:
    return tuple(as_number(slot) for slot in slots)


def _linear(estimator: Any, slots: Slots, labels: tuple[Any, ...]) -> _Made | None:
    name = type(estimator).__name__
    link = _LINEAR.get(name)
    if link is None or not is_of(
        estimator, "sklearn.linear_model", "sklearn.svm", "sklearn.discriminant_analysis"
    ):
        return None
    used = _ready(slots)
    weights = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64)).T
    if weights.shape[0] != sum(slot.width for slot in used):
        raise Unknown("columns")
    intercept = np.atleast_1d(np.asarray(estimator.intercept_, dtype=np.float64)).ravel()
    scores = weights.shape[1]
    if scores != (len(labels) if len(labels) > 2 else 1):
        raise Unknown("several targets")
    used, weights = _weighed(used, weights)
    linear = Linear(weights=weights, intercept=np.broadcast_to(intercept, (scores,)).copy())
    return used, linear, _linear_head(estimator, link, scores)


def _weighed(
    slots: tuple[Number | Table, ...], weights: np.ndarray
) -> tuple[tuple[Number | Table, ...], np.ndarray]:
    """Return tables with their weights taken in, and the weights of the numbers that are left."""
    found: list[Number | Table] = []
    left = []
    at = 0
    for slot in slots:
        mine = weights[at : at + slot.width]
        at += slot.width
        if isinstance(slot, Number):
            left.append(mine[0])
            found.append(slot)
            continue
        missing, unseen = (
            None if row is None else row @ mine for row in (slot.missing, slot.unseen)
        )
        found.append(replace(slot, rows=slot.rows @ mine, missing=missing, unseen=unseen))
    return tuple(found), np.array(left, dtype=np.float64).reshape(len(left), weights.shape[1])


def _linear_head(estimator: Any, link: str, scores: int) -> Head:
    label = "above" if scores == 1 else "argmax"
    match link:
        case "identity" | "exp":
            return Head(link=link, label="")
        case "none":
            return Head(link="none", label=label)
        case "logistic":
            return Head(link="expit" if scores == 1 else "softmax", label=label)
    if estimator.loss == "log_loss":
        return Head(link="expit" if scores == 1 else "ovr", label=label)
    if hasattr(estimator, "predict_proba"):
        raise Unknown(f"probabilities of loss {estimator.loss}")
    return Head(link="none", label=label)


def _trees(estimator: Any, slots: Slots, labels: tuple[Any, ...]) -> _Made | None:
    name = type(estimator).__name__
    if name not in _FORESTS + _BOOSTINGS + _HISTOGRAMS or not is_of(estimator, "sklearn.ensemble"):
        return None
    if getattr(estimator, "n_outputs_", 1) != 1:
        raise Unknown("several targets")
    prepares = getattr(estimator, "_preprocessor", None)
    if prepares is not None:
        slots = _categories_first(prepares, slots)
    used = _ready(slots)
    if sum(slot.width for slot in used) != estimator.n_features_in_:
        raise Unknown("columns")
    from tenure.plans.trees import import_trees

    trees = import_trees(
        estimator,
        float32=name not in _HISTOGRAMS,
        takes_missing=name not in _BOOSTINGS,
        most_nodes=MOST_NODES,
    )
    return used, trees, _trees_head(estimator, name, labels)


def _categories_first(prepares: Any, slots: Slots) -> Slots:
    # HGB puts its categories first, encoded by an encoder of its own; its other step only checks.
    (_, encoder, categories), (_, _, numbers), *_ = prepares.transformers_
    chosen = [slot for slot, wanted in zip(slots, categories, strict=True) if wanted]
    others = [slot for slot, wanted in zip(slots, numbers, strict=True) if wanted]
    return [*apply(encoder, chosen), *others]


def _trees_head(estimator: Any, name: str, labels: tuple[Any, ...]) -> Head:
    if name in _FORESTS:
        return Head(link="shares", label="argmax") if labels else Head(link="identity", label="")
    if not labels:
        is_log = name in _HISTOGRAMS and estimator.loss in ("poisson", "gamma")
        return Head(link="exp" if is_log else "identity", label="")
    if len(labels) > 2:
        return Head(link="softmax", label="argmax")
    if name in _HISTOGRAMS:
        return Head(link="expit", label="above")
    return Head(link="expit", label="from", scale=2.0 if estimator.loss == "exponential" else 1.0)
