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


def judge(history: History, snapshot: Snapshot, workspace: Workspace) -> dict[str, float]:
    """Return the metric of each policy on a snapshot that no fit has seen.

    Empty while nothing serves.
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
    known: dict[str, float] = {}
    for candidate in policies.values():
        if candidate.object not in known:
            known[candidate.object] = measure(history, candidate, frame, workspace)
    return {name: known[candidate.object] for name, candidate in policies.items()}


def measure(history: History, candidate: Candidate, frame: Any, workspace: Workspace) -> float:
    """Return the history's metric of one fit on rows."""
    estimator = load_candidate(candidate, workspace)
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
