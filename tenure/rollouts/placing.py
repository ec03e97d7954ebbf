"""Does a version take office at once, or by steps?"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tenure import registry
from tenure.errors import NoChampion, TenureError
from tenure.records import Assignment, GateVerdict, Rollout, Slot
from tenure.registry import open_ledger
from tenure.registry.deploying import prove_artifact
from tenure.registry.specs import spec_in_force
from tenure.spec.rollout import RolloutSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace


class Way(StrEnum):
    """How a version takes office."""

    SPEC = "spec"
    """By steps if the spec has a rollout and there is a champion to compare with, else at once."""
    STEPS = "steps"
    DIRECT = "direct"


def place(
    model: str,
    number: int,
    workspace: Workspace,
    *,
    actor: str,
    reason: str,
    expected_epoch: int | None = None,
    evidence: str | None = None,
    way: Way = Way.SPEC,
) -> Assignment:
    """Let a version take the champion's slot, or its first step towards it.

    Returns:
        The slot that it holds now; the champion's where automation has tried it before.

    Raises:
        VersionNotFound, NotFitToServe, StaleEpoch, Halted: nothing was moved.
        RolloutOpen, ServesAlready, NoChampion: it cannot be rolled out now.
        ArtifactRefused, ObjectMissing, ObjectDamaged: its artifact is not fit to load.
    """
    said: dict[str, Any] = {"actor": actor, "reason": reason}
    said |= {"expected_epoch": expected_epoch, "evidence": evidence}
    if way is Way.DIRECT or (way is Way.SPEC and not _by_steps(model, number, workspace)):
        return registry.deploy(model, number, workspace, **said)
    begun = start(model, number, workspace, **said)
    slot = Slot.CHAMPION if begun.is_over else begun.slot
    held = open_ledger(workspace).slot(model, slot)
    assert held is not None, "a rollout's step fills a slot, beside a champion"
    return held


def start(
    model: str,
    number: int,
    workspace: Workspace,
    *,
    actor: str,
    reason: str,
    expected_epoch: int | None = None,
    evidence: str | None = None,
) -> Rollout:
    """Begin a rollout by the steps of the spec, after the artifact was checked.

    Raises:
        VersionNotFound, NotFitToServe, StaleEpoch, Halted: nothing was moved.
        RolloutOpen, ServesAlready, NoChampion: it cannot be rolled out now.
        ArtifactRefused, ObjectMissing, ObjectDamaged: its artifact is not fit to load.
    """
    ledger = open_ledger(workspace)
    version = ledger.version(model, number)
    now = ledger.slot(model)
    if now is None or now.version is None:
        raise NoChampion(model=model)
    open_ = ledger.open_rollout(model)
    if open_ is None or open_.version != number:
        prove_artifact(version, workspace, actor)
    return ledger.start_rollout(
        model,
        number,
        shares=rollout_spec(model, workspace).shares,
        expected_epoch=now.epoch if expected_epoch is None else expected_epoch,
        actor=actor,
        reason=reason,
        evidence=evidence or version.evaluation,
    )


def rollout_spec(model: str, workspace: Workspace) -> RolloutSpec:
    """Return how a model's versions are rolled out; the defaults where its spec does not say."""
    return named_rollout(model, workspace) or RolloutSpec()


def named_rollout(model: str, workspace: Workspace) -> RolloutSpec | None:
    """Return the rollout of a model's spec, None if it has none."""
    try:
        return spec_in_force(model, workspace).deployment.rollout
    except TenureError:
        return None


def _by_steps(model: str, number: int, workspace: Workspace) -> bool:
    # Who served before, or follows a stand-in, goes at once: the one is a rollback, and beside the
    # other there is nothing to compare with.
    ledger = open_ledger(workspace)
    now = ledger.slot(model)
    if now is None or now.version in (None, number) or named_rollout(model, workspace) is None:
        return False
    assert now.version is not None
    if ledger.evaluation(model, now.version).verdict is GateVerdict.FALLBACK:
        return False
    return all(each.version != number for each in ledger.tenures(model))
