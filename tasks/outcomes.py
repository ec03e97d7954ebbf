"""How does a run end, in its state's message, its name and its tags?

A run's message says what became of it; tags (`promoted`, `quarantined`, `version:7`) let runs be
filtered and let `tenure train --require-promotion` read the outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from tasks import runs, shown
from tenure.records import Assignment, Batch, BatchState, Evaluation, Version

if TYPE_CHECKING:
    from tenure.serving import ScoreSummary

SKIPPED = "Skipped"


def skipped(reason: str) -> State:
    """End at once, since there is nothing to do or another run does it."""
    runs.label(None, "skipped")
    return Completed(name=SKIPPED, message=reason)


def taken_in(model: str, batches: Sequence[Batch]) -> State:
    """End an ingest: how many batches were accepted, how many are in quarantine, and why."""
    if not batches:
        return skipped(f"Nothing that '{model}' has not seen before.")
    counted = Counter(batch.state for batch in batches)
    name = f"ingest-{model}-{batches[0].name}"
    if len(batches) > 1:
        name = f"ingest-{model}-{len(batches)}-batches"
    runs.label(name, *(state.value for state in counted))
    parts = [f"{count} {state.value}" for state, count in sorted(counted.items())]
    reasons = [f"{b.name}: {b.reason}" for b in batches if b.state is BatchState.QUARANTINED]
    return Completed(message=", ".join(parts) + ". " + " ".join(reasons[:3]))


def trained(version: Version, judged: Evaluation) -> State:
    """End a training: the version's number, whether it serves, and why."""
    fate = "promoted" if judged.promotes else "kept-out"
    name = f"train-{version.model}-v{version.number}-{fate}"
    runs.label(name, f"version:{version.number}", fate)
    return Completed(message=f"Version {version.number} {judged.verdict.value}: {judged.reason}")


def deployed(placed: Assignment) -> State:
    """End a deployment: who serves now."""
    runs.label(None, f"version:{placed.version}")
    text = f"Version {placed.version} of '{placed.model}' serves, at epoch {placed.epoch}."
    return Completed(message=text)


def scored(model: str, summary: ScoreSummary) -> State:
    """End a batch scoring: files and rows."""
    failed = [f"{name}: {reason}" for name, reason in summary.failed]
    if not summary.scored and not failed:
        return skipped(f"No file waits to be scored for '{model}'.")
    shown.scoring(summary)
    runs.label(f"score-{model}", *(f"version:{number}" for number in summary.versions))
    text = f"{summary.rows} rows of {len(summary.scored)} file(s) scored. " + " ".join(failed[:3])
    return Failed(message=text) if failed and not summary.scored else Completed(message=text)


def reconciled(started: Sequence[dict[str, Any]]) -> State:
    """End a reconciliation: what was started or waits for a person."""
    if not started:
        return Completed(message="Everything that should have happened has happened.")
    shown.table("reconciled", list(started), "What no event had led to.")
    runs.label(None, "acted")
    return Completed(message=f"{len(started)} thing(s) were still to be done.")
