"""What do fits say about rows of snapshots? Asked once for each fit and snapshot in a process.

A progressive gate asks the same fits about the same batches on several nights; answers are small
and never change, so the newest are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from tenure.evaluation.outputs import Outputs, predict
from tenure.records import Candidate
from tenure.registry import load_candidate
from tenure.registry.frames import cast

if TYPE_CHECKING:
    from tenure.workspace import Workspace

KEPT_CELLS = 4_000_000

_answers: OrderedDict[tuple[str, str, tuple[Any, ...]], Outputs] = OrderedDict()


def ask(
    candidate: Candidate,
    frame: Any,
    classes: tuple[Any, ...],
    workspace: Workspace,
) -> Outputs:
    """Return what a candidate says about rows of a frame that holds its features."""
    estimator = load_candidate(candidate, workspace)
    return predict(estimator, cast(frame, candidate.features), classes)


def ask_about_batch(
    candidate: Candidate,
    frame: Any,
    snapshot: str,
    classes: tuple[Any, ...],
    workspace: Workspace,
) -> Outputs:
    """Return what a candidate says about all rows of one snapshot, from memory where it can.

    Args:
        candidate: the fit.
        frame: all rows of the snapshot, in order.
        snapshot: its digest.
        classes: of the truth.
        workspace: where the artifact is.
    """
    key = (candidate.object, snapshot, classes)
    if key not in _answers:
        _keep(key, ask(candidate, frame, classes, workspace))
    _answers.move_to_end(key)
    return _answers[key]


def _keep(key: tuple[str, str, tuple[Any, ...]], outputs: Outputs) -> None:
    _answers[key] = outputs
    while len(_answers) > 1 and sum(map(_cells, _answers.values())) > KEPT_CELLS:
        _answers.popitem(last=False)


def _cells(outputs: Outputs) -> int:
    arrays = (outputs.codes, outputs.score, outputs.proba, outputs.values)
    return sum(array.size for array in arrays if array is not None)
