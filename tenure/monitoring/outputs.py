"""What did a model say about rows: those that it was judged on, those that arrived, those logged?

Every source becomes one form: `score` (of the positive class, two classes), `value` (regression)
and `label` (the class as text), as far as there are any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.evaluation.outputs import Outputs, encode, predict
from tenure.records import Candidate, Column, Evaluation, GateVerdict, Snapshot
from tenure.registry import load_candidate, open_ledger
from tenure.registry.frames import cast
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.monitoring.columns import Values
    from tenure.workspace import Workspace

SCORE, VALUE, LABEL = "score", "value", "label"
COLUMNS = {
    SCORE: Column(name=SCORE, type="float64"),
    VALUE: Column(name=VALUE, type="float64"),
    LABEL: Column(name=LABEL, type="string"),
}


def said(outputs: Outputs, classes: tuple[Any, ...]) -> Values:
    """Return what a model said, in the form that is compared; rows without an answer are missing.

    Args:
        outputs: of n rows.
        classes: the model's, in order; () for regression.
    """
    found: Values = {}
    if outputs.values is not None:
        found[VALUE] = np.where(np.isfinite(outputs.values), outputs.values, np.nan)
    if outputs.score is not None:
        found[SCORE] = np.where(np.isfinite(outputs.score), outputs.score, np.nan)
    if outputs.codes is not None:
        names = np.array([*map(str, classes), None], dtype=object)
        found[LABEL] = names[outputs.codes]
    return found


def compared(names: tuple[str, ...], current: Values) -> str | None:
    """Return which of a reference's outputs are compared: numbers say more than labels."""
    return next((name for name in (VALUE, SCORE, LABEL) if name in names and name in current), None)


def is_fallback(evaluation: Evaluation) -> bool:
    """Say whether a version answers only where no model does."""
    return evaluation.verdict is GateVerdict.FALLBACK


def asked_of(candidate: Candidate, frame: Any, workspace: Workspace) -> Outputs:
    """Return what a fit says about rows of a frame that holds its features."""
    estimator = load_candidate(candidate, workspace)
    return predict(estimator, cast(frame, candidate.features), candidate.classes)


def judged(spec: ModelSpec, candidate: Candidate, workspace: Workspace) -> Values | None:
    """Return what was said about the rows that a version was judged on, unseen by who said it.

    None where there are no such rows: then nothing is known that new predictions could be
    compared with, as predictions of rows that a model was fitted on are too sure of themselves.
    """
    from tenure.evaluation.holdout import judge_holdout
    from tenure.evaluation.progressive import judge_progressive

    ledger = open_ledger(workspace)
    until = candidate.last_snapshot_seq
    known: list[Snapshot] = [each for each in ledger.snapshots(spec.name) if each.seq <= until]
    if candidate.holdout is not None:
        rows = judge_holdout(spec, [candidate], None, known, workspace)
    else:
        kept = [each for each in ledger.candidates(spec.name) if each.last_snapshot_seq <= until]
        rows = judge_progressive(spec, [candidate], None, known, kept, workspace)
    return None if rows is None else said(rows.contenders[0].outputs, candidate.classes)


def logged(frame: Any, classes: tuple[Any, ...]) -> Outputs:
    """Return what the log says that a model answered.

    Args:
        frame: rows of the prediction log.
        classes: the model's, in order; () for regression.
    """
    if not classes:
        values = frame["prediction"].to_numpy(dtype=np.float64, na_value=np.nan)
        return Outputs(values=values)
    codes = encode(frame["prediction"].astype(object).to_numpy(), classes)
    names = [f"probability.{label}" for label in classes]
    if any(name not in frame.columns for name in names):
        return Outputs(codes=codes)
    proba = frame[names].to_numpy(dtype=np.float64, na_value=np.nan)
    return Outputs(codes=codes, proba=proba, score=proba[:, 1] if len(classes) == 2 else None)
