"""Which fits may still be asked something, and which can go?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenure.records import Candidate, Snapshot
from tenure.registry import open_ledger
from tenure.spec import load_spec

if TYPE_CHECKING:
    from tenure.workspace import Workspace


def forget(model: str, workspace: Workspace, *, actor: str) -> tuple[str, ...]:
    """Let go of candidates that no later comparison can ask for; return their ids."""
    spec = load_spec(model, workspace)
    ledger = open_ledger(workspace)
    snapshots = ledger.snapshots(model)
    kept = ledger.candidates(model)
    in_use = {each.id for each in kept if ledger.version_of_candidate(each.id) is not None}
    gone = tuple(
        each.id
        for each in past_use(kept, snapshots, spec.evaluation.gate.batches)
        if each.id not in in_use
    )
    if gone:
        reason = f"{len(gone)} fit(s) are older than the batches that the gate looks at."
        ledger.release_candidates(gone, actor=actor, reason=reason)
    return gone


def past_use(
    kept: Sequence[Candidate], snapshots: Sequence[Snapshot], batches: int
) -> list[Candidate]:
    """Return candidates that no progressive comparison can ask for any more.

    The next comparison covers the newest `batches` snapshots, one of which is still to come, and
    asks of each recipe the newest full fit before each of them: of a recipe's fits that precede
    the first of those, only the newest counts. Held-out fits of earlier nights are never asked.
    """
    if not snapshots:
        return []
    newest = max(each.seq for each in snapshots)
    window = [each.seq for each in snapshots][-batches:]
    first = window[0]
    gone = [each for each in kept if each.holdout is not None and each.last_snapshot_seq < newest]
    full: dict[str, list[Candidate]] = {}
    for each in kept:
        if each.holdout is None and each.last_snapshot_seq < first:
            full.setdefault(each.recipe, []).append(each)
    for fits in full.values():
        fits.sort(key=lambda each: each.last_snapshot_seq)
        gone += fits[:-1]
    return gone
