"""How does one version turn checked rows into predictions?

The rows become a frame with exactly the columns and types that the version was trained on, in their
order; scikit-learn computes on one thread; what comes back are plain JSON values, in which a number
that is not finite is null and its row is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from tenure.plans import Agreement
from tenure.records import Column
from tenure.registry.frames import cast
from tenure.serving.compiled import Answering
from tenure.serving.rules import ServingRules
from tenure.spec.treatment import treat_frame
from tenure.workspace import Workspace

Columns = Mapping[str, Sequence[Any]]


_CLEAR = 1e-9
_LIKELIEST = frozenset(
    {
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._gb.GradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.linear_model._logistic.LogisticRegression",
    }
)


@dataclass(slots=True)
class Predicted:
    """What a version answers on some rows; never changed.

    Attributes:
        values: one a row: a label as trained, or a number; None where it is not finite.
        probabilities: over the classes, a list a row or an array of rows by classes; or None.
        not_finite: rows in which some number was not finite.
    """

    values: list[Any]
    probabilities: Any
    not_finite: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Runtime:
    """A version in memory, ready to predict; used by one thread at a time.

    Attributes:
        asked: the columns of a request with the types that a client sends.
        features: the columns that the estimator takes, after treatment.
        classes: the labels in the order of probabilities; empty for regression.
        compiled: the plan that answers in the estimator's place, if there is one.
    """

    model: str
    version: int
    task: str
    asked: tuple[Column, ...]
    features: tuple[Column, ...]
    classes: tuple[Any, ...]
    rules: ServingRules
    estimator: Any
    workspace: Workspace
    compiled: Answering | None = None

    @property
    def has_probabilities(self) -> bool:
        """Whether the estimator can say how sure it is of each class."""
        return bool(self.classes) and hasattr(self.estimator, "predict_proba")

    @property
    def plan_kind(self) -> str:
        """What answers: "sklearn", the estimator itself, or a plan: "linear" or "trees"."""
        compiled = self.compiled
        return "sklearn" if compiled is None or compiled.trouble else compiled.plan.kind

    @property
    def agreement(self) -> Agreement | None:
        """How far the plan that answers was measured to agree; None where the estimator answers."""
        compiled = self.compiled
        return None if compiled is None or compiled.trouble else compiled.agreement

    @property
    def trouble(self) -> str | None:
        """Why the plan answers no more, in a sentence; None where nothing went wrong."""
        return None if self.compiled is None else self.compiled.trouble

    def is_quick(self, rows: int) -> bool:
        """Say whether so many rows take less time than handing them to another thread."""
        return self.compiled is not None and rows <= self.compiled.quick_rows

    def answer(
        self, columns: Mapping[str, Sequence[Any]], rows: int, *, probabilities: bool
    ) -> Predicted:
        """Return the predictions for checked values by column.

        The plan answers, if there is one, it is sure of these rows, and there are no more of them
        than it is the quicker for; else the estimator does.

        Raises:
            BadRows: a column cannot be what the version was trained on.
        """
        found = self.planned(columns, rows, probabilities=probabilities)
        if found is not None:
            return found
        return self.predict(self.frame(columns), probabilities=probabilities)

    def planned(
        self, columns: Mapping[str, Sequence[Any]], rows: int, *, probabilities: bool
    ) -> Predicted | None:
        """Return what the plan answers to checked values; None where the estimator is to."""
        if self.compiled is None:
            return None
        found = self.compiled.answer(columns, rows, probabilities=probabilities, truth=self._truth)
        return None if found is None else Predicted(found[0], found[1], ())

    def frame(self, columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
        """Return checked values as the estimator's input, treated as at training.

        Raises:
            BadRows: a column cannot be what the version was trained on.
        """
        if not self._is_treated():
            made = {each.name: _typed(columns[each.name], each) for each in self.features}
            if all(values is not None for values in made.values()):
                return pd.DataFrame(made)
        return self.treated(
            pd.DataFrame(
                {column.name: _series(columns[column.name], column.type) for column in self.asked}
            )
        )

    def _is_treated(self) -> bool:
        data = self.rules.data
        return data is not None and any(column.name in data.treat for column in self.features)

    def treated(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows as they arrive as the estimator's input.

        Raises:
            BadRows: a column cannot be what the version was trained on.
        """
        data = self.rules.data
        if data is not None and data.treat:
            rows = treat_frame(rows, data, self.workspace)
        return cast(rows, self.features)

    def predict(self, frame: pd.DataFrame, *, probabilities: bool) -> Predicted:
        """Predict on a frame of `frame()`; raises whatever the estimator raises."""
        return _plain(*self._raw(frame, probabilities=probabilities))

    def _raw(self, frame: pd.DataFrame, *, probabilities: bool) -> tuple[np.ndarray, Any]:
        from joblib import parallel_config

        with parallel_config(backend="sequential"):
            if not (probabilities and self.has_probabilities):
                return np.asarray(self.estimator.predict(frame)), None
            first, last = _halves(self.estimator)
            ready = frame if first is None else first.transform(frame)
            shares = np.asarray(last.predict_proba(ready), dtype=float)
            return _labels(last, ready, shares), shares

    def _truth(self, columns: Columns, probabilities: bool) -> tuple[np.ndarray, Any]:
        return self._raw(self.frame(columns), probabilities=probabilities)


def _halves(estimator: Any) -> tuple[Any, Any]:
    # Labels and probabilities of a pipeline rest on the same transformed rows: made once, which is
    # most of the work. Only for the very class whose `predict` is known to be just that.
    from sklearn.pipeline import Pipeline

    if type(estimator) is not Pipeline or len(estimator) < 2:
        return None, estimator
    return estimator[:-1], estimator[-1]


def _typed(values: Sequence[Any], column: Column) -> Any:
    # What `cast` makes of checked values, without its questions; None where it is to be asked.
    match column.type:
        case "float64":
            if not isinstance(values, np.ndarray):
                values = [np.nan if value is None else value for value in values]
            numbers = np.asarray(values, dtype="float64")
            return None if np.isinf(numbers).any() else numbers
        case "int64" | "bool" if isinstance(values, (list, tuple)) and None not in values:
            return np.array(values, dtype=column.type)
        case "category" if isinstance(values, (list, tuple)):
            dtype, codes = _known(column.categories)
            return pd.Categorical.from_codes(
                [codes.get(value, -1) for value in values], dtype=dtype
            )
        case _:
            return None


@lru_cache(maxsize=4096)
def _known(categories: tuple[str, ...]) -> tuple[pd.CategoricalDtype, dict[str, int]]:
    dtype = pd.CategoricalDtype(pd.Index(categories, dtype="str"))
    return dtype, {value: code for code, value in enumerate(categories)}


def _labels(last: Any, ready: Any, shares: np.ndarray) -> np.ndarray:
    # Of these very classes `predict` is the likeliest class, so asking it would be the same work
    # once more. Where two are as likely as floats can tell, `predict` itself decides.
    if type(last).__module__ + "." + type(last).__name__ not in _LIKELIEST or shares.shape[1] < 2:
        return np.asarray(last.predict(ready))
    two = np.partition(shares, -2, axis=1)[:, -2:]
    if not (two[:, 1] - two[:, 0] > _CLEAR).all():
        return np.asarray(last.predict(ready))
    return last.classes_.take(shares.argmax(axis=1))


def _series(values: Sequence[Any], kind: str) -> pd.Series:
    match kind:
        case "float64":
            numbers = [np.nan if value is None else value for value in values]
            return pd.Series(np.array(numbers, dtype="float64"))
        case "int64" | "bool" if None not in values:
            return pd.Series(np.array(values, dtype=kind))
        case "int64" | "bool":
            return pd.Series(list(values), dtype="object")
        case "datetime":
            return pd.Series(pd.to_datetime(list(values), utc=True))
        case "date":
            return pd.Series(list(values), dtype="object")
        case _:
            return pd.Series(list(values), dtype="str")


def _plain(values: np.ndarray, shares: np.ndarray | None) -> Predicted:
    not_finite: set[int] = set()
    return Predicted(
        values=_finite(values, not_finite),
        probabilities=None if shares is None else _finite(shares, not_finite),
        not_finite=sorted(not_finite),
    )


def _finite(values: np.ndarray, not_finite: set[int]) -> list[Any]:
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return values.tolist()
    bad = ~np.isfinite(values)
    not_finite.update(np.nonzero(bad if bad.ndim == 1 else bad.any(axis=1))[0].tolist())
    plain = values.astype(object)
    plain[bad] = None
    return plain.tolist()
