"""When may a retired version serve again, and what is checked before?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tenure.errors import (
    CaseOpen,
    NotAllowedStage,
    RestoreNeedsPerson,
    TenureError,
    VersionPurged,
)
from tenure.records import Stage, Version
from tenure.registry import open_ledger, open_store
from tenure.registry.archived import Joined, open_archive, purge
from tenure.registry.artifacts import check_golden, check_manifest, named
from tenure.registry.store import Store
from tenure.retirement.checking import note_check
from tenure.retirement.policy import retirement_of

if TYPE_CHECKING:
    from tenure.workspace import Workspace

HOUR = timedelta(hours=1)


def restore(model: str, number: int, workspace: Workspace, *, actor: str, reason: str) -> Version:
    """Make a retired version fit to serve again, once all that is known of it was seen to hold.

    Signature, identity, library releases, size and digest of its bytes, and its golden predictions.
    It is on standby then: `deploy` puts it into office. What is refused leaves an audit row. A
    version that is fit already stays.

    Args:
        model: its name.
        number: the version.
        workspace: where it is.
        actor: who restores it; after `retirement.undo_hours` a person.
        reason: why, for the record.

    Raises:
        VersionNotFound: there is no such version.
        VersionPurged: its bytes were deleted.
        NotAllowedStage: it was never retired.
        CaseOpen: it is being retired now.
        RestoreNeedsPerson: the time in which anybody may undo is over.
        ArtifactRefused, ObjectMissing, ObjectDamaged: it is not what it was.
    """
    ledger = open_ledger(workspace)
    version = ledger.version(model, number)
    if version.stage is Stage.VALIDATED:
        purge(version, workspace)  # a restore that was killed may have left a copy there
        return version
    try:
        _check(version, workspace, actor)
        _bring_back(version, workspace)
        restored = ledger.change_stage(
            model,
            number,
            Stage.VALIDATED,
            actor=actor,
            reason=reason,
            evidence=version.manifest,
        )
    except TenureError as error:
        ledger.note(
            "restore_refused",
            model=model,
            actor=actor,
            reason=str(error),
            evidence=version.manifest,
            body={"version": number, "refused_as": error.code},
        )
        raise
    note_check(restored, workspace)
    purge(restored, workspace)
    return restored


def _check(version: Version, workspace: Workspace, actor: str) -> None:
    model, number = version.model, version.number
    if version.stage is Stage.PURGED:
        raise VersionPurged(model=model, version=number)
    if version.stage not in (Stage.RETIRED, Stage.ARCHIVED):
        raise NotAllowedStage(
            model=model, version=number, stage=version.stage.value, wanted=Stage.VALIDATED.value
        )
    case = open_ledger(workspace).case_against(model, number)
    if case is not None:
        raise CaseOpen(model=model, case=case.id[:12])
    _check_person(version, workspace, actor)
    both = _both(workspace)
    manifest = check_manifest(version, both, workspace)
    both.open_object(version.object, version.size).close()
    check_golden(manifest, both, workspace, named(version))


def _check_person(version: Version, workspace: Workspace, actor: str) -> None:
    undo_hours = retirement_of(version.model, workspace).undo_hours
    left_at = _retired_at(version, workspace)
    if actor.startswith("person:") or left_at is None:
        return
    hours = (workspace.clock.now() - left_at) / HOUR
    if hours > undo_hours:
        raise RestoreNeedsPerson(
            model=version.model,
            version=version.number,
            hours=round(hours),
            undo_hours=f"{undo_hours:g}",
            actor=actor,
        )


def _retired_at(version: Version, workspace: Workspace) -> datetime | None:
    cases = open_ledger(workspace).cases(version.model, limit=1_000_000)
    ended = [each.closed_at for each in cases if each.version == version.number and each.record]
    return ended[-1] if ended else None


def _bring_back(version: Version, workspace: Workspace) -> None:
    """Put the bytes into the store again, before the row that says that they are there."""
    store = open_store(workspace)
    if not store.exists(version.object):
        with open_archive(workspace).open_object(version.object, version.size) as source:
            store.shelf.put(source, version.object)


def _both(workspace: Workspace) -> Store:
    return Store(Joined(open_archive(workspace), open_store(workspace)))
