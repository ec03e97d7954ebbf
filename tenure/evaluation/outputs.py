"""What did a model say about rows, in the form that metrics want?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

CLIP = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What happened, for n rows.

    Attributes:
        kind: "binary", "many" or "regression".
        classes: all known classes in order, the last one of two is positive; () for regression.
        codes: (n,) position in `classes`; -1 for a class that the model has never met.
        values: (n,) float64, regression only.
    """

    kind: str
    classes: tuple[Any, ...] = ()
    codes: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def positive(self) -> np.ndarray:
        """(n,) bool: rows of the positive class (two classes)."""
        return self.codes == 1

    def take(self, rows: np.ndarray) -> Truth:
        """Return some of the rows (positions or mask)."""
        return Truth(
            kind=self.kind,
            classes=self.classes,
            codes=self.codes[rows],
            values=self.values[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What a model said about n rows; arrays that a task lacks are None.

    Attributes:
        codes: (n,) predicted class as a position in the truth's classes, -1 if it is none of them.
        score: (n,) ranking score of the positive class (two classes).
        proba: (n, classes), rows sum to 1, in the truth's class order.
        values: (n,) regression.
    """

    codes: np.ndarray | None = None
    score: np.ndarray | None = None
    proba: np.ndarray | None = None
    values: np.ndarray | None = None

    def take(self, rows: np.ndarray | slice) -> Outputs:
        """Return some of the rows (positions or mask)."""
        return Outputs(
            codes=None if self.codes is None else self.codes[rows],
            score=None if self.score is None else self.score[rows],
            proba=None if self.proba is None else self.proba[rows],
            values=None if self.values is None else self.values[rows],
        )

    def is_finite(self) -> bool:
        """Say whether no prediction is NaN or infinite."""
        arrays = [part for part in (self.score, self.proba, self.values) if part is not None]
        return all(bool(np.isfinite(part).all()) for part in arrays)


def join(parts: list[Outputs]) -> Outputs:
    """Put outputs of one model over stretches of rows together, in order."""

    def joined(name: str) -> np.ndarray | None:
        arrays = [getattr(part, name) for part in parts]
        if any(array is None for array in arrays):
            return None
        return np.concatenate(arrays)

    return Outputs(**{name: joined(name) for name in ("codes", "score", "proba", "values")})


def plain(value: Any) -> Any:
    """Return a class label as a plain Python value (JSON knows it)."""
    return value.item() if isinstance(value, np.generic) else value


def truth_of(target: Any, classes: tuple[Any, ...]) -> Truth:
    """Return what happened, from a column without missing values.

    Args:
        target: a pandas Series.
        classes: the classes in order; () for regression.
    """
    if not classes:
        values = np.asarray(target, dtype=np.float64)
        return Truth(kind="regression", codes=np.zeros(len(values), dtype=np.int64), values=values)
    codes = encode(target, classes)
    kind = "binary" if len(classes) == 2 else "many"
    return Truth(kind=kind, classes=classes, codes=codes, values=np.zeros(len(codes)))


def encode(labels: Any, classes: tuple[Any, ...]) -> np.ndarray:
    """Return positions of labels in `classes`, -1 where a label is missing or none of them.

    Args:
        labels: (n,) an array or a pandas Series.
        classes: as plain values.
    """
    import pandas as pd

    codes, met = pd.factorize(labels)  # each different label is looked up once, not each row
    known = pd.Index([plain(each) for each in classes], dtype=object)
    places = known.get_indexer(pd.Index([plain(each) for each in met], dtype=object))
    return np.append(places, -1)[codes]


def predict(
    estimator: Any, frame: Any, classes: tuple[Any, ...], *, labels: bool = True
) -> Outputs:
    """Ask a model about rows, once.

    A model without probabilities is asked for its decision function, and then has a score only.

    Args:
        estimator: fitted.
        frame: its feature columns, typed as it was fitted.
        classes: the truth's classes in order; () for regression.
        labels: False where only probabilities matter: labels are then the likeliest classes.
    """
    if not classes:
        return Outputs(values=np.asarray(estimator.predict(frame), dtype=np.float64).reshape(-1))
    own = tuple(plain(each) for each in estimator.classes_)
    if hasattr(estimator, "predict_proba"):
        proba = np.asarray(estimator.predict_proba(frame), dtype=np.float64)
        said = _from_proba(proba, own, classes)
        return (
            said
            if not labels or _says_the_likeliest(estimator, frame, said, classes)
            else Outputs(
                codes=encode(np.asarray(estimator.predict(frame), dtype=object), classes),
                score=said.score,
                proba=said.proba,
            )
        )
    codes = encode(np.asarray(estimator.predict(frame), dtype=object), classes)
    score = None
    if len(classes) == 2 and own == classes and hasattr(estimator, "decision_function"):
        score = np.asarray(estimator.decision_function(frame), dtype=np.float64).reshape(-1)
    return Outputs(codes=codes, score=score)


def _from_proba(proba: np.ndarray, own: tuple[Any, ...], classes: tuple[Any, ...]) -> Outputs:
    """Order a model's columns as the truth has them; its label is the likeliest class."""
    if own == classes:
        ordered = proba
    else:
        ordered = np.zeros((len(proba), len(classes)))
        for place, label in enumerate(classes):
            if label in own:
                ordered[:, place] = proba[:, own.index(label)]
    codes = np.where(np.isfinite(ordered).all(axis=1), ordered.argmax(axis=1), -1)
    score = ordered[:, 1] if len(classes) == 2 else None
    return Outputs(codes=codes, score=score, proba=ordered)


def _says_the_likeliest(
    estimator: Any, frame: Any, said: Outputs, classes: tuple[Any, ...]
) -> bool:
    """Say whether `predict` agrees with the largest probability, so that one need not ask twice.

    Models with a threshold of their own (a tuned one) disagree on the rows between it and 1/2:
    rows are tried across the whole range of the largest probability's values.
    """
    assert said.proba is not None
    assert said.codes is not None
    if not len(said.proba):
        return True
    height = said.proba[:, 1] if len(classes) == 2 else said.proba.max(axis=1)
    order = np.argsort(height, kind="stable")
    near = np.searchsorted(height[order], np.linspace(0.0, 1.0, 129))
    picks = np.unique(order[np.clip(near, 0, len(order) - 1)])
    label = encode(np.asarray(estimator.predict(frame.iloc[picks]), dtype=object), classes)
    return bool((label == said.codes[picks]).all())
