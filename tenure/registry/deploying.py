"""How does a version take office, and how does an earlier one come back?"""

from __future__ import annotations

from tenure.errors import (
    ArtifactRefused,
    NoStandby,
    NotFitToServe,
    ObjectDamaged,
    ObjectMissing,
)
from tenure.records import Assignment, Slot, Stage, Version
from tenure.registry.artifacts import check_golden, load_version, named
from tenure.registry.opening import open_ledger
from tenure.registry.store import open_store
from tenure.workspace import Workspace


def deploy(
    model: str,
    number: int,
    workspace: Workspace,
    *,
    actor: str,
    reason: str,
    expected_epoch: int | None = None,
    evidence: str | None = None,
) -> Assignment:
    """Make a version champion after it was loaded and asked its golden rows.

    Does nothing if it already serves. A version whose artifact is refused leaves an audit row.
    `expected_epoch` is the one that was decided on, by default the one found now; `evidence` is
    what the decision rests on, by default the version's evaluation.

    Raises:
        VersionNotFound, NotFitToServe, StaleEpoch: the slot did not move.
        ArtifactRefused, ObjectMissing, ObjectDamaged: the artifact is not fit to load.
    """
    ledger = open_ledger(workspace)
    now = ledger.slot(model, Slot.CHAMPION)
    if now is not None and now.version == number and expected_epoch in (None, now.epoch):
        return now
    if expected_epoch is None:
        expected_epoch = now.epoch if now else 0
    version = ledger.version(model, number)
    if version.stage is Stage.VALIDATED:
        prove_artifact(version, workspace, actor)
    return ledger.promote(
        model,
        number,
        expected_epoch=expected_epoch,
        actor=actor,
        reason=reason,
        evidence=evidence or version.evaluation,
    )


def prove_artifact(version: Version, workspace: Workspace, actor: str) -> None:
    """Load a version and ask it its golden rows; one that is refused leaves an audit row.

    Raises:
        ArtifactRefused, ObjectMissing, ObjectDamaged: the artifact is not fit to load.
    """
    what = named(version)
    try:
        loaded = load_version(version.model, version.number, workspace)
        check_golden(loaded.manifest, open_store(workspace), workspace, what)
    except (ArtifactRefused, ObjectMissing, ObjectDamaged) as refusal:
        open_ledger(workspace).note(
            "verify_failed",
            model=version.model,
            actor=actor,
            reason=str(refusal),
            evidence=version.manifest,
            body={"version": version.number, "refused_as": refusal.code},
        )
        raise


def rollback(
    model: str, workspace: Workspace, *, actor: str, reason: str, to: int | None = None
) -> Assignment:
    """Give the champion's slot back to a former champion, by default the one before.

    Raises:
        NoStandby: there is none that is still fit to serve.
        NotFitToServe: version `to` may not serve.
        ArtifactRefused, ObjectMissing, ObjectDamaged: its artifact is not fit to load.
    """
    ledger = open_ledger(workspace)
    now = ledger.slot(model, Slot.CHAMPION)
    if to is None:
        standby = ledger.standby(model, limit=1)
        if not standby or now is None:
            raise NoStandby(model=model)
        to = standby[0].number
    elif ledger.version(model, to).stage is not Stage.VALIDATED:
        stage = ledger.version(model, to).stage.value
        raise NotFitToServe(model=model, version=to, stage=stage)
    return deploy(
        model,
        to,
        workspace,
        actor=actor,
        reason=reason,
        expected_epoch=now.epoch if now else 0,
    )
