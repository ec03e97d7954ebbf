"""How do a forest's or a boosting's trees answer without scikit-learn?

Through treelite's interpreter on one thread. It gives raw scores: links are computed in float64 as
scikit-learn computes them (treelite's own softmax is not accurate enough).
"""

from __future__ import annotations

import copy
from ctypes import c_uint64, c_void_p
from importlib.metadata import version
from typing import Any

import numpy as np

from tenure.plans.preparing import Unknown
from tenure.plans.shapes import Trees


def import_trees(estimator: Any, *, float32: bool, takes_missing: bool, most_nodes: int) -> Trees:
    """Return an ensemble's trees in treelite's form.

    Raises:
        Unknown: treelite does not take it, or it has too many nodes.
    """
    if nodes_of(estimator) > most_nodes:
        raise Unknown("too many nodes")
    import treelite
    import treelite.sklearn

    bare = copy.copy(estimator)
    if getattr(bare, "_preprocessor", None) is not None:
        # The trees themselves are asked: what stands before them is part of the plan.
        bare._preprocessor = None
    try:
        model = treelite.sklearn.import_model(bare)
    except (treelite.TreeliteError, NotImplementedError, AssertionError) as error:
        raise Unknown(type(error).__name__) from None
    return Trees(
        model=model.serialize_bytes(),
        float32=float32,
        takes_missing=takes_missing,
        release=version("treelite"),
    )


def nodes_of(estimator: Any) -> int:
    """Return how many nodes an ensemble has."""
    if hasattr(estimator, "_predictors"):
        return sum(len(each.nodes) for stage in estimator._predictors for each in stage)
    return sum(each.tree_.node_count for each in np.ravel(estimator.estimators_))


class Interpreter:
    """Treelite's trees in memory.

    Its own `predict` parses settings and asks for shapes in each call, which costs more than the
    trees do for one row: the library is called directly, with what does not change kept.
    """

    def __init__(self, trees: Trees) -> None:
        import treelite
        from treelite import core
        from treelite.gtil import gtil

        self._trees = trees
        self._model = treelite.Model.deserialize_bytes(trees.model)
        self._settings = gtil.GTILConfig(nthread=1, predict_type="raw")
        if self._model.input_type != "float64" or self._model.output_type != "float64":
            raise ValueError("trees of another type")
        self.width = int(self._model.num_feature)
        first = gtil.predict(self._model, np.zeros((1, self.width)), nthread=1, pred_margin=True)
        self.scores_a_row = first.size
        library: Any = core._LIB
        self._call = library.TreeliteGTILPredict
        self._handles = (self._model.handle, self._settings.handle)

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """Return raw scores, rows by scores, of float64 rows."""
        if self._trees.float32:
            matrix = matrix.astype(np.float32)
        given = np.ascontiguousarray(matrix, dtype=np.float64)
        rows, width = given.shape
        if width != self.width:
            raise ValueError("rows of another width")
        found = np.zeros((rows, self.scores_a_row))
        model, settings = self._handles
        failed = self._call(
            model,
            c_void_p(given.__array_interface__["data"][0]),
            b"float64",
            c_uint64(rows),
            c_void_p(found.__array_interface__["data"][0]),
            settings,
        )
        if failed:
            raise ValueError("treelite does not answer")
        return found


def thresholds_of(estimator: Any) -> dict[int, list[float]]:
    """Return what an ensemble's trees compare each number of a row with; empty for another."""
    found: dict[int, set[float]] = {}
    if hasattr(estimator, "_predictors"):
        for each in (one for stage in estimator._predictors for one in stage):
            inner = each.nodes[(each.nodes["is_leaf"] == 0) & (each.nodes["is_categorical"] == 0)]
            _add(found, inner["feature_idx"], inner["num_threshold"])
    elif hasattr(estimator, "estimators_"):
        for each in np.ravel(estimator.estimators_)[:MOST_ASKED]:
            _add(found, each.tree_.feature, each.tree_.threshold)
    return {at: sorted(values) for at, values in found.items()}


MOST_ASKED = 20
"""Of how many of a forest's trees thresholds are taken."""


def _add(found: dict[int, set[float]], features: Any, thresholds: Any) -> None:
    for at in np.unique(features):
        if at >= 0:
            values = thresholds[features == at]
            found.setdefault(int(at), set()).update(values[np.isfinite(values)].tolist())
