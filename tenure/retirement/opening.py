"""Who may ask for a version to be retired, and what does the case then wait for?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tenure.errors import (
    NoChampion,
    NoFallback,
    NotAllowedStage,
    NotFitToServe,
    StillInOffice,
    TenureError,
)
from tenure.records import Action, Assignment, Case, CaseState, Cause, Stage, Version, digest_of
from tenure.registry import open_ledger
from tenure.registry.halts import is_automatic
from tenure.retirement.fallbacks import deployment_of, fallback_of, is_fallback
from tenure.retirement.policy import decisions_of, kept_spec, spec_of
from tenure.spec import model_names

if TYPE_CHECKING:
    from tenure.workspace import Workspace


def open_retirement(
    model: str,
    *,
    version: int | None = None,
    successor: int | None = None,
    to_fallback: bool = False,
    reason: str,
    actor: str,
    workspace: Workspace,
) -> Case:
    """Open a person's case against a version, the champion by default; what is refused is recorded.

    The champion wants a named successor, or `to_fallback`, which somebody must approve. By tier,
    other cases wait for approval, too.

    Raises:
        VersionNotFound, NoChampion: there is no such version.
        StillInOffice: the champion, without a successor and without `to_fallback`.
        NotAllowedStage: the version is not fit to serve anyway, or retired already.
        NotFitToServe: the successor may not serve.
        NoFallback: nobody would answer.
        CaseOpen: the model has an open case.
    """
    slot = open_ledger(workspace).slot(model)
    number = version if version is not None else (slot.version if slot else None)
    if number is None:
        raise NoChampion(model=model)
    try:
        _check(model, number, slot, successor, to_fallback, workspace)
    except TenureError as error:
        refuse(model, number, error, workspace, actor=actor)
        raise
    spec = spec_of(model, workspace)
    wanted = spec.approvals_wanted if spec else 0
    in_office = slot is not None and slot.version == number
    if in_office and successor is None and not is_automatic(actor):
        wanted = max(wanted, 1)
    asked: dict[str, Any] = {"successor": successor, "to_fallback": to_fallback}
    case = _case(model, number, slot, Cause.BUSINESS, reason, actor, workspace, wanted, asked)
    evidence = kept_spec(model, workspace, actor=actor)
    return open_ledger(workspace).open_case(case, actor=actor, evidence=evidence)


def open_superseded(model: str, number: int, workspace: Workspace, *, actor: str) -> Case:
    """Open the case of a former champion whose time on standby is over; nobody need approve.

    Raises:
        StillInOffice, NotAllowedStage: it serves, or is no longer on standby.
        CaseOpen: the model has an open case.
        Halted: automation of the model is halted.
    """
    ledger = open_ledger(workspace)
    slot = ledger.slot(model)
    _check(model, number, slot, None, False, workspace)
    reason = f"Version {number} was replaced, and its time on standby is over."
    case = _case(model, number, slot, Cause.SUPERSEDED, reason, actor, workspace, 0, {})
    evidence = kept_spec(model, workspace, actor=actor)
    return ledger.open_case(case, actor=actor, evidence=evidence)


def may_leave_vacant(case: Case, workspace: Workspace) -> bool:
    """Say whether nobody may answer once a case is carried out.

    A person who asked to go to a fallback of `none`, and was allowed to, means just that;
    automation wants `may_leave_vacant` as well.
    """
    deployment = deployment_of(case.model, workspace)
    if deployment.fallback != "none":
        return False
    return deployment.may_leave_vacant or not is_automatic(case.opened_by)


def refuse(
    model: str, number: int, error: TenureError, workspace: Workspace, *, actor: str
) -> None:
    """Put on record that a retirement was asked for and refused."""
    open_ledger(workspace).note(
        "retirement_refused",
        model=model,
        actor=actor,
        reason=str(error),
        evidence=error.code,
        body={"version": number, "refused_as": error.code},
    )


def _check(
    model: str,
    number: int,
    slot: Assignment | None,
    successor: int | None,
    to_fallback: bool,
    workspace: Workspace,
) -> None:
    ledger = open_ledger(workspace)
    version = ledger.version(model, number)
    if version.stage not in (Stage.VALIDATED, Stage.DEPRECATED):
        raise NotAllowedStage(
            model=model, version=number, stage=version.stage.value, wanted=Stage.RETIRED.value
        )
    if successor is not None:
        _check_successor(ledger.version(model, successor), number)
    if slot is None or slot.version != number or successor is not None:
        return
    if not to_fallback:
        raise StillInOffice(model=model, version=number, slot=slot.slot.value)
    if deployment_of(model, workspace).fallback == "none":
        return  # whether the slot may be left vacant is asked when the case is carried out
    found = fallback_of(model, workspace)
    may_be_made = model in model_names(workspace) and not is_fallback(version, workspace)
    if found is None and not may_be_made:
        detail = "there is no fallback but itself"
        raise NoFallback(model=model, version=number, detail=detail)


def _check_successor(successor: Version, number: int) -> None:
    if successor.number == number or successor.stage is not Stage.VALIDATED:
        stage = successor.stage.value
        stage = "the one that is to be retired" if successor.number == number else stage
        raise NotFitToServe(model=successor.model, version=successor.number, stage=stage)


def _case(
    model: str,
    number: int,
    slot: Assignment | None,
    cause: Cause,
    reason: str,
    actor: str,
    workspace: Workspace,
    approvals: int,
    asked: dict[str, Any],
) -> Case:
    now, epoch = workspace.clock.now(), slot.epoch if slot else 0
    decisions = decisions_of(model, workspace)
    before = sum(each.is_over for each in open_ledger(workspace).cases(model, limit=1_000_000))
    identity = [model, number, epoch, cause.value, reason, actor, asked, before]
    hours = timedelta(hours=decisions.approve_within_hours)
    return Case(
        id=digest_of(identity),
        model=model,
        version=number,
        epoch=epoch,
        action=Action.RETIRE,
        cause=cause,
        reason=reason,
        state=CaseState.WAITING if approvals else CaseState.OPEN,
        opened_by=actor,
        opened_at=now,
        approvals_wanted=approvals,
        deadline_at=now + hours if approvals else None,
        on_timeout="keep",
        successor=asked.get("successor"),
    )
