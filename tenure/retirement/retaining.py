"""What becomes of what a retired version leaves, and until when?

Decided once, at retirement, by the spec of that day, and kept in the record: `keep`, `hold`,
`delete`, or a number of days. What is due is deleted, each time with a row in the audit that says
what went; snapshots only where nobody else needs them. A `hold` that the spec says later stops all
of it for as long as it stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenure.predictions import log_folder
from tenure.records import Batch, BatchState, Candidate, Case, Snapshot, Stage
from tenure.registry import open_ledger, open_store
from tenure.registry.archived import purge, tombstone
from tenure.registry.halts import is_automatic
from tenure.retirement.policy import retirement_of

if TYPE_CHECKING:
    from tenure.workspace import Workspace

KINDS = ("artifact", "snapshots", "predictions", "quarantine", "reports")
ALL = 1_000_000
_GONE = (Stage.RETIRED, Stage.ARCHIVED, Stage.PURGED)

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
            _remove(kind, case, workspace, actor)
            kept[kind]["is_removed"] = not _amount(kind, case, workspace)[0]
    return kept


def purge_due(workspace: Workspace, *, actor: str) -> list[str]:
    """Delete what retirement records say is due by now; return what went, in words.

    A version that was restored keeps everything; one that was retired again goes by its last.
    While automation of a model is halted nothing of it is deleted by itself.
    """
    ledger, now, gone = open_ledger(workspace), workspace.clock.now(), []
    last = {(each.model, each.version): each for each in ledger.cases(limit=ALL) if each.record}
    for (model, number), case in last.items():
        if ledger.version(model, number).stage not in (Stage.ARCHIVED, Stage.PURGED):
            continue
        if ledger.halted(model) is not None and is_automatic(actor):
            continue
        for kind, entry in _decided(case).items():
            is_due = _is_over(entry, now) and not _is_held(kind, model, workspace)
            if is_due and _remove(kind, case, workspace, actor):
                gone.append(f"{kind} of version {case.version} of '{case.model}'")
    return gone


def _decided(case: Case) -> dict[str, Entry]:
    step = case.done("settle_data")
    return step.facts["kept"] if step else {}


def _is_over(entry: Entry, now: datetime) -> bool:
    return bool(entry["until"]) and datetime.fromisoformat(entry["until"]) <= now


def _is_held(kind: str, model: str, workspace: Workspace) -> bool:
    return getattr(retirement_of(model, workspace).retention, kind) == "hold"


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
            mine = _snapshots(case, workspace)
            return len(mine), sum(each.size for each in mine)
        case "quarantine":
            batches = _quarantined(case, workspace)
            return len(batches), sum(each.size for each in batches)
        case _:
            files, store = list(_FILES[kind](case, workspace)), open_store(workspace)
            sizes = [file.stat().st_size for file in files]
            sizes += [store.size(each) for each in _objects(kind, case, workspace)]
            return len(sizes), sum(sizes)


def _remove(kind: str, case: Case, workspace: Workspace, actor: str) -> bool:
    """Delete what there is of a kind and is nobody else's; say whether anything went."""
    count, size = _amount(kind, case, workspace)
    if not count:
        return False
    match kind:
        case "artifact":
            _purge_artifact(case, workspace, actor)
        case "snapshots":
            return _drop_snapshots(case, workspace, actor)
        case "quarantine":
            _drop_quarantined(case, workspace, actor)
        case _:
            _delete_files(kind, case, workspace, actor, {"count": count, "bytes": size})
    return True


def _delete_files(
    kind: str, case: Case, workspace: Workspace, actor: str, facts: dict[str, int]
) -> None:
    # On record before they go: whoever is killed in between deletes them later, never unsaid.
    open_ledger(workspace).note(
        "data_deleted",
        model=case.model,
        actor=actor,
        reason=f"The retention of the {kind} of version {case.version} is over.",
        evidence=case.id,
        body={"version": case.version, "kind": kind, **facts},
    )
    for file in list(_FILES[kind](case, workspace)):
        file.unlink(missing_ok=True)
    for digest in _objects(kind, case, workspace):
        open_store(workspace).shelf.remove(digest)


def _drop_snapshots(case: Case, workspace: Workspace, actor: str) -> bool:
    ledger, needed = open_ledger(workspace), _needed_by_others(case, workspace)
    reason = f"Its retention ended with version {case.version} (case {case.id[:12]})."
    mine = [each for each in _snapshots(case, workspace) if each.digest not in needed]
    for each in mine:
        said = {"actor": actor, "reason": reason, "evidence": case.id}
        if ledger.drop_snapshot(case.model, each.digest, **said):
            open_store(workspace).shelf.remove(each.object)
    return bool(mine)


def _snapshots(case: Case, workspace: Workspace) -> list[Snapshot]:
    """Return what is left of the data that the version was trained on."""
    ledger = open_ledger(workspace)
    candidate = ledger.candidate(ledger.version(case.model, case.version).candidate)
    named = set(candidate.training_set.snapshots) if candidate else set()
    return [each for each in ledger.snapshots(case.model) if each.digest in named]


def _needed_by_others(case: Case, workspace: Workspace) -> set[str]:
    """Return the snapshots that a version needs which is kept, or a fit that may become one.

    A version that is retired needs them until its own record says that their time is over.
    """
    ledger, now = open_ledger(workspace), workspace.clock.now()
    versions = ledger.versions(case.model, limit=ALL)
    stages = {each.candidate: each for each in versions}
    last = {each.version: each for each in ledger.cases(case.model, limit=ALL) if each.record}

    def needs(candidate: Candidate) -> bool:
        version = stages.get(candidate.id)
        if version is None:
            return candidate.id in kept
        if version.number == case.version or version.stage is Stage.REJECTED:
            return False
        if version.stage not in _GONE:
            return True
        entry = _decided(last[version.number]).get("snapshots") if version.number in last else None
        return entry is None or not _is_over(entry, now)

    kept = {each.id for each in ledger.candidates(case.model)}
    found = [each for each in ledger.candidates(case.model, kept=False) if needs(each)]
    return {digest for each in found for digest in each.training_set.snapshots}


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


def _objects(kind: str, case: Case, workspace: Workspace) -> list[str]:
    """Return the stored Evidently reports of the version's windows; what a case rests on stays."""
    if kind != "reports":
        return []
    ledger, store = open_ledger(workspace), open_store(workspace)
    cases = ledger.decisions_of([each.id for each in ledger.cases(case.model, limit=ALL)])
    cited = {digest for decision in cases.values() for digest in decision.readings}
    return [
        each.evidently
        for each in ledger.readings(case.model, case.version, limit=ALL)
        if each.evidently and each.digest not in cited and store.exists(each.evidently)
    ]


_FILES: dict[str, Callable[[Case, Workspace], Iterable[Path]]] = {
    "predictions": _logged,
    "reports": _reports,
}
