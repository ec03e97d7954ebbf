"""How would each policy have done on a batch that just came?

Asked before anything is trained on it. The first model kept for ever is version 1; blind retraining
on a span is that span's fit of the week before, which Tenure made anyway: same estimator, same
rows, same process.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.trial.histories import History
from tenure.records import Candidate, Snapshot
from tenure.registry import Ledger, load_candidate, open_ledger
from tenure.registry.frames import cast, read_frames
from tenure.workspace import Workspace

FIRST, TENURE = "first model for ever", "Tenure"
BLIND = "blind, "


def judge(
    history: History, snapshot: Snapshot, workspace: Workspace, kept: dict[str, Any]
) -> dict[str, float]:
    """Return the metric of each policy on a snapshot that no fit has seen.

    Args:
        history: which.
        snapshot: the rows.
        workspace: where the fits are.
        kept: estimators by object; the first model's is put there, which outlives its retirement.

    Returns:
        By policy; empty while nothing serves.
    """
    ledger = open_ledger(workspace)
    serving = ledger.slot(history.model)
    if serving is None or serving.version is None:
        return {}
    frame = read_frames(history.model, [snapshot.digest], workspace)
    policies = {
        FIRST: _behind(1, history.model, ledger),
        TENURE: _behind(serving.version, history.model, ledger),
    } | _blind(history.model, snapshot, ledger)
    first = policies[FIRST]
    if first.object not in kept:
        kept[first.object] = load_candidate(first, workspace)
    known: dict[str, float] = {}
    for candidate in policies.values():
        if candidate.object not in known:
            estimator = kept.get(candidate.object) or load_candidate(candidate, workspace)
            known[candidate.object] = measure(history, candidate, estimator, frame)
    return {name: known[candidate.object] for name, candidate in policies.items()}


def measure(history: History, candidate: Candidate, estimator: Any, frame: Any) -> float:
    """Return the history's metric of one fit on rows."""
    said = np.asarray(estimator.predict(cast(frame, candidate.features)))
    truth = frame[candidate.target].to_numpy()
    if history.higher_is_better:
        return float(np.mean(said == truth))
    return float(np.mean(np.abs(said - truth)))


def _behind(number: int, model: str, ledger: Ledger) -> Candidate:
    candidate = ledger.candidate(ledger.version(model, number).candidate)
    assert candidate is not None
    return candidate


def _blind(model: str, snapshot: Snapshot, ledger: Ledger) -> dict[str, Candidate]:
    """Return, by span, the full fit on all that came before this snapshot."""
    before = [each.seq for each in ledger.snapshots(model) if each.seq < snapshot.seq]
    return {
        BLIND + each.training_set.span: each
        for each in ledger.candidates(model)
        if each.holdout is None and before and each.last_snapshot_seq == before[-1]
    }
