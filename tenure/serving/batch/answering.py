"""How are many rows answered: by the version's plan, or by its estimator?

By the plan of a linear version, which is quicker for any number of rows, and by that of trees where
it was measured to be: the same each time, so that a run's bytes do not depend on who computed what.
The first rows of each chunk are answered by both; where they differ by more than was signed, or the
plan is not sure, the estimator answers the chunk.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tenure.plans import Declined, Refused
from tenure.plans.columns import Coded
from tenure.plans.judging import difference
from tenure.plans.plan import Plan
from tenure.records import Version
from tenure.serving.loading import load_runtime
from tenure.serving.runtime import Predicted, Runtime
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

COMPARED_ROWS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """A version in memory, ready for many rows.

    Attributes:
        plan: what answers instead of the estimator, if anything does.
        tolerance: how far its numbers may be from the estimator's.
    """

    runtime: Runtime
    plan: Plan | None
    tolerance: float

    def predict(self, frame: pd.DataFrame) -> Predicted:
        """Return the answers to a frame as the estimator takes it."""
        if self.plan is not None and len(frame):
            try:
                return self._planned(self.plan, frame)
            except Declined:
                pass
            except Refused as differ:
                _log.warning("the estimator answers a chunk: %s", differ)
            except Exception as error:  # noqa: BLE001 - a plan never keeps a version from answering
                _log.warning("the estimator answers a chunk: %s", type(error).__name__)
        return self.runtime.predict(frame, probabilities=True)

    def _planned(self, plan: Plan, frame: pd.DataFrame) -> Predicted:
        wants = self.runtime.has_probabilities
        values, shares = plan.answer_many(_columns(frame), len(frame), probabilities=wants)
        count = min(len(frame), COMPARED_ROWS)
        sure = self.runtime.predict(frame.iloc[:count], probabilities=True)
        shares_too = None if sure.probabilities is None else np.asarray(sure.probabilities)
        difference(
            (values[:count], None if shares is None else shares[:count]),
            (np.asarray(sure.values), shares_too),
            what="the first rows of a chunk",
            tolerance=self.tolerance,
        )
        return Predicted(values=values, probabilities=shares, not_finite=[])


def load_bulk(version: Version, workspace: Workspace) -> Bulk:
    """Return a version with every check done, and its plan if that is of use for many rows.

    Raises:
        ArtifactRefused, ObjectMissing, ObjectDamaged: it is not fit to serve.
    """
    runtime = load_runtime(version, workspace, isolated=False)
    compiled = runtime.compiled
    if compiled is None:
        return Bulk(runtime=runtime, plan=None, tolerance=0.0)
    signed = compiled.signed
    is_quicker = signed.kind == "linear" or signed.most_rows is None
    plan = compiled.plan if is_quicker else None
    return Bulk(runtime=runtime, plan=plan, tolerance=signed.tolerance)


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    return {str(name): _column(frame[name]) for name in frame.columns}


def _column(values: Any) -> Any:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return Coded(values.cat.categories.tolist(), values.cat.codes.to_numpy())
    if values.dtype.kind in "ifb":
        return values.to_numpy()
    if values.dtype == "str":
        codes, labels = pd.factorize(values)
        return Coded(list(labels), codes)
    return values.tolist()
