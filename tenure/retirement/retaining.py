"""What becomes of what a retired version leaves, and until when?

Decided once, at retirement, by the spec of that day, and kept in the record: `keep`, `hold`,
`delete`, or a number of days. Artifact, log of predictions, quarantined bytes and pages are
deleted when they are due; snapshots are the model's data, which later versions may be trained on,
so that what was decided about them is recorded and nothing of them is removed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenure.predictions import log_folder
from tenure.records import Batch, BatchState, Case, Stage
from tenure.registry import open_ledger, open_store
from tenure.registry.archived import purge, tombstone
from tenure.retirement.policy import retirement_of

if TYPE_CHECKING:
    from tenure.workspace import Workspace

KINDS = ("artifact", "snapshots", "predictions", "quarantine", "reports")
ALL = 1_000_000

Entry = dict[str, Any]


def settle(case: Case, workspace: Workspace, *, actor: str) -> dict[str, Entry]:
    """Return what is decided of each kind of data, and delete what is due at once."""
    retention = retirement_of(case.model, workspace).retention
    now = workspace.clock.now()
    kept: dict[str, Entry] = {}
    for kind in KINDS:
        fate: str = getattr(retention, kind)
        until = _until(fate, now)
        count, size = _amount(kind, case, workspace)
        kept[kind] = {
            "fate": fate,
            "until": until.isoformat() if until else None,
            "count": count,
            "bytes": size,
            "is_removed": False,
        }
        if until is not None and until <= now:
            kept[kind]["is_removed"] = _remove(kind, case, workspace, actor)
    return kept


def purge_due(workspace: Workspace, *, actor: str) -> list[str]:
    """Delete what retirement records say is due by now; return what went, in words.

    A version that was restored keeps everything; one that was retired again goes by its last.

    Raises:
        Halted: automation of a model is halted.
    """
    ledger, now, gone = open_ledger(workspace), workspace.clock.now(), []
    last = {(each.model, each.version): each for each in ledger.cases(limit=ALL) if each.record}
    for (model, number), case in last.items():
        if ledger.version(model, number).stage not in (Stage.ARCHIVED, Stage.PURGED):
            continue
        step = case.done("settle_data")
        for kind, entry in (step.facts["kept"] if step else {}).items():
            until = entry["until"] and datetime.fromisoformat(entry["until"])
            is_due = until and until <= now and _amount(kind, case, workspace)[0]
            if is_due and _remove(kind, case, workspace, actor):
                gone.append(f"{kind} of version {case.version} of '{case.model}'")
    return gone


def _until(fate: str, now: datetime) -> datetime | None:
    if fate == "delete":
        return now
    days, _, unit = fate.partition(" ")
    return now + timedelta(days=int(days)) if unit else None


def _amount(kind: str, case: Case, workspace: Workspace) -> tuple[int, int]:
    """Return of how many things, and bytes, a fate speaks."""
    ledger = open_ledger(workspace)
    version = ledger.version(case.model, case.version)
    match kind:
        case "artifact":
            return (0, 0) if version.stage is Stage.PURGED else (1, version.size)
        case "snapshots":
            candidate = ledger.candidate(version.candidate)
            named = set(candidate.training_set.snapshots) if candidate else set()
            sizes = [each.size for each in ledger.snapshots(case.model) if each.digest in named]
            return len(sizes), sum(sizes)
        case "quarantine":
            batches = _quarantined(case, workspace)
            return len(batches), sum(each.size for each in batches)
        case _:
            files = list(_FILES[kind](case, workspace))
            return len(files), sum(file.stat().st_size for file in files)


def _remove(kind: str, case: Case, workspace: Workspace, actor: str) -> bool:
    match kind:
        case "artifact":
            _purge_artifact(case, workspace, actor)
        case "snapshots":
            return False
        case "quarantine":
            _drop_quarantined(case, workspace, actor)
        case _:
            for file in list(_FILES[kind](case, workspace)):
                file.unlink(missing_ok=True)
    return True


def _purge_artifact(case: Case, workspace: Workspace, actor: str) -> None:
    ledger = open_ledger(workspace)
    version = ledger.version(case.model, case.version)
    reason = f"Its retention is over (case {case.id[:12]})."
    if version.stage is Stage.ARCHIVED:
        left = tombstone(version, reason, workspace)
        version = ledger.change_stage(
            case.model, case.version, Stage.PURGED, actor=actor, reason=reason, evidence=left
        )
    if version.stage is Stage.PURGED:
        purge(version, workspace)


def _quarantined(case: Case, workspace: Workspace) -> list[Batch]:
    """Return the batches put aside while the version served whose bytes are still kept."""
    ledger = open_ledger(workspace)
    tenures = ledger.tenures(case.model)
    spans = [
        (each.since, later.since if later else None)
        for each, later in zip(tenures, [*tenures[1:], None], strict=True)
        if each.version == case.version
    ]
    found = ledger.batches(case.model, state=BatchState.QUARANTINED, limit=ALL)

    def arrived_under_it(batch: Batch) -> bool:
        return any(
            since <= batch.arrived_at and (end is None or batch.arrived_at < end)
            for since, end in spans
        )

    return [batch for batch in found if batch.kept_object and arrived_under_it(batch)]


def _drop_quarantined(case: Case, workspace: Workspace, actor: str) -> None:
    ledger, store = open_ledger(workspace), open_store(workspace)
    for batch in _quarantined(case, workspace):
        assert batch.kept_object is not None
        reason = f"Its retention ended with version {case.version} (case {case.id[:12]})."
        ledger.drop_batch_bytes(
            case.model, batch.digest, actor=actor, reason=reason, evidence=case.id
        )
        others = ledger.batches(state=BatchState.QUARANTINED, limit=ALL)
        if all(each.kept_object != batch.kept_object for each in others):
            store.shelf.remove(batch.kept_object)


def _logged(case: Case, workspace: Workspace) -> Iterable[Path]:
    return log_folder(workspace).glob(f"{case.model}/*/*-v{case.version}.parquet")


def _reports(case: Case, workspace: Workspace) -> Iterable[Path]:
    own = workspace.pages / case.model / "versions" / f"{case.version}.html"
    if own.is_file():
        yield own
    for reading in open_ledger(workspace).readings(case.model, case.version, limit=ALL):
        if reading.page and (workspace.pages / reading.page).is_file():
            yield workspace.pages / reading.page


_FILES: dict[str, Callable[[Case, Workspace], Iterable[Path]]] = {
    "predictions": _logged,
    "reports": _reports,
}
