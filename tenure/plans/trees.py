"""How do a forest's or a boosting's trees answer without scikit-learn?

Through treelite's interpreter on one thread. It gives raw scores: links are computed in float64 as
scikit-learn computes them (treelite's own softmax is not accurate enough).
"""

from __future__ import annotations

import copy
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
    if _nodes(estimator) > most_nodes:
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


def _nodes(estimator: Any) -> int:
    if hasattr(estimator, "_predictors"):
        return sum(len(each.nodes) for stage in estimator._predictors for each in stage)
    return sum(each.tree_.node_count for each in np.ravel(estimator.estimators_))


class Interpreter:
    """Treelite's trees in memory."""

    def __init__(self, trees: Trees) -> None:
        import treelite
        from treelite.gtil import gtil

        self._trees = trees
        self._model = treelite.Model.deserialize_bytes(trees.model)
        # Parsing the settings again in each call costs as much as the trees do.
        self._predict = gtil._predict_impl
        self._settings = gtil.GTILConfig(nthread=1, predict_type="raw")

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        return self._model.num_feature

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """Return raw scores, rows by scores, of float64 rows."""
        if self._trees.float32:
            matrix = matrix.astype(np.float32).astype(np.float64)
        found = self._predict(self._model, matrix, config=self._settings)
        return found.reshape(len(matrix), -1)
