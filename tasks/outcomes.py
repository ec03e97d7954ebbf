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
from tenure.records import (
    Action,
    Assignment,
    Batch,
    BatchState,
    Case,
    CaseState,
    Decision,
    Evaluation,
    Slot,
    Version,
)

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


def trained(version: Version, judged: Evaluation, placed: Assignment | None) -> State:
    """End a training: the version's number, whether it serves or is rolled out, and why."""
    fate = "kept-out"
    if judged.promotes:
        in_office = placed is not None and placed.slot is Slot.CHAMPION
        fate = "promoted" if in_office else "rolled-out" if placed else "waiting"
    name = f"train-{version.model}-v{version.number}-{fate}"
    runs.label(name, f"version:{version.number}", fate)
    return Completed(message=f"Version {version.number} {judged.verdict.value}: {judged.reason}")


def deployed(placed: Assignment) -> State:
    """End a deployment: who serves now."""
    runs.label(None, f"version:{placed.version}")
    if placed.slot is not Slot.CHAMPION:
        text = f"Version {placed.version} of '{placed.model}' is rolled out, now as "
        return Completed(message=f"{text}{placed.slot.value}; `reconcile` moves it on.")
    text = f"Version {placed.version} of '{placed.model}' serves, at epoch {placed.epoch}."
    return Completed(message=text)


def monitored(model: str, decisions: Sequence[Decision]) -> State:
    """End a monitoring: the gravest decision of its windows, and why."""
    if not decisions:
        return skipped(f"No window of '{model}' has closed since the last one that was judged.")
    order = list(Action)
    gravest = max(decisions, key=lambda decision: order.index(decision.action))
    what = gravest.action.value
    runs.label(f"monitor-{model}-{what}", what, f"version:{gravest.version}")
    windows = "1 window" if len(decisions) == 1 else f"{len(decisions)} windows"
    dry = " (dry run)" if gravest.dry_run else ""
    return Completed(message=f"{windows}; {what}{dry}: {gravest.reason}")


def not_now(case: Case) -> State:
    """End a retirement that has nothing to carry out: its case waits, or is over."""
    short = case.id[:12]
    if case.state is CaseState.WAITING:
        until = f"{case.deadline_at:%Y-%m-%d %H:%M} UTC" if case.deadline_at else "somebody answers"
        return skipped(f"Case {short} waits for approval until {until}.")
    return skipped(f"Case {short} is over: {case.outcome or case.state.value}")


def retired(case: Case) -> State:
    """End a retirement: who retired, why, and who answers now; or what came before it."""
    went = bool(case.record)
    fate = "retired" if went else "overtaken"
    runs.label(f"retire-{case.model}-v{case.version}", fate, f"version:{case.version}")
    return Completed(message=case.outcome or f"Version {case.version} of '{case.model}' retired.")


def restored(version: Version) -> State:
    """End a restore: the version may serve again."""
    runs.label(None, "restored", f"version:{version.number}")
    text = f"Version {version.number} of '{version.model}' is {version.stage.value} again."
    return Completed(message=f"{text} `deploy` lets it serve.")


def answered(case: Case) -> State:
    """End an answer to a case: what it is now."""
    runs.label(f"approve-{case.model}-{case.state.value}", case.state.value)
    text = f"Case {case.id[:12]} of '{case.model}' is {case.state.value}."
    return Completed(message=f"{text} {case.outcome}".strip())


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
    alarms = [line for line in started if line["verb"] == "automation"]
    runs.label("reconcile-alarm" if alarms else None, "alarm" if alarms else "acted")
    if alarms:
        told = " ".join(f"{line['because of']}: {line['done']}." for line in alarms)
        return Completed(message=told)
    return Completed(message=f"{len(started)} thing(s) were still to be done.")
