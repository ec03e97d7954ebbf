"""The retirement stage as tasks: what a case still needs, step by step.

Each step is carried out once, whoever asks for it how often; the ledger keeps how far a case came.
"""

from __future__ import annotations

from typing import Literal

from prefect import task

from tasks import schedules, shown, shown_cases
from tasks.policy import RETRIED, telling_little
from tenure import retirement
from tenure.errors import CaseNotFound
from tenure.records import Action, Case, CaseState, Cause, Version
from tenure.registry import open_ledger
from tenure.workspace import Workspace

STEP = {**RETRIED, "timeout_seconds": 3600}


def find_case(model: str, case: str, workspace: Workspace) -> Case | None:
    """Return the retirement that a run is for: the one named, or the one that is under way.

    Raises:
        CaseNotFound, AmbiguousCase: no case of this model bears the name, or more than one.
    """
    ledger = open_ledger(workspace)
    if case:
        found = ledger.case(case)
        if found.model != model:
            raise CaseNotFound(case=case)
        return found
    found = ledger.open_case_of(model)
    ready = found and found.action is Action.RETIRE and found.state is CaseState.OPEN
    return found if ready else None


def waiting_case(model: str, case: str, workspace: Workspace) -> Case:
    """Return the case of a model that waits for an answer, or the one that is named.

    Raises:
        CaseNotFound, AmbiguousCase: none waits, or more than one; or none of this model bears the
            name.
    """
    ledger = open_ledger(workspace)
    found = ledger.case(case) if case else retirement.only_waiting(model, workspace)
    if found is None or found.model != model:
        raise CaseNotFound(case=case or f"of '{model}' that waits")
    return found


@task(name="open case", task_run_name="open-case-{model}", timeout_seconds=600, **RETRIED)
@telling_little
def open_case(
    model: str,
    reason: str,
    workspace: Workspace,
    actor: str,
    *,
    version: int | None = None,
    successor: int | None = None,
    to_fallback: bool = False,
) -> Case:
    """Open a person's case against a version."""
    case = retirement.open_retirement(
        model,
        version=version,
        successor=successor,
        to_fallback=to_fallback,
        reason=reason,
        actor=actor,
        workspace=workspace,
    )
    shown_cases.case(case)
    return case


@task(name="verify successor", task_run_name="verify-successor-{case.model}", **STEP)
@telling_little
def verify_successor(case: Case, workspace: Workspace, actor: str) -> Case:
    """Choose who takes over, and check that it is fit to serve."""
    return retirement.verify_successor(case, workspace, actor=actor)


@task(name="move slot", task_run_name="move-slot-{case.model}", **STEP)
@telling_little
def move_slot(case: Case, workspace: Workspace, actor: str) -> Case:
    """Give the slot to the successor or the fallback, if it still stands where the case saw it."""
    moved = retirement.move_slot(case, workspace, actor=actor)
    placed = open_ledger(workspace).slot(case.model)
    if placed and placed.epoch != case.epoch:
        shown.assignment(placed)
    return moved


@task(name="drain", task_run_name="drain-{case.model}", **STEP)
@telling_little
def drain(case: Case, workspace: Workspace, actor: str) -> Case:
    """Let the requests that the retired version answers come to their end."""
    return retirement.drain(case, workspace, actor=actor)


@task(name="turn off", task_run_name="turn-off-{case.model}", **STEP)
@telling_little
def turn_off(case: Case, workspace: Workspace, actor: str) -> Case:
    """Switch off the schedules of a model whom nothing but a fallback is left to answer for.

    Training goes on, since only it brings a fitted version back, unless a person ended the model.
    """

    def switch_off(model: str, number: int) -> list[str]:
        ledger = open_ledger(workspace)
        slot = ledger.slot(model)
        holder = slot.version if slot else None
        if holder and not retirement.is_fallback(ledger.version(model, holder), workspace):
            return []
        verbs = [*schedules.OF_OFFICE]
        verbs += [] if holder else ["score"]
        verbs += ["train"] if case.cause is Cause.BUSINESS else []
        return schedules.switch_off(model, verbs)

    return retirement.turn_off(case, workspace, actor=actor, switch_off=switch_off)


@task(name="archive", task_run_name="archive-{case.model}", **STEP)
@telling_little
def archive(case: Case, workspace: Workspace, actor: str) -> Case:
    """Move the artifact to where the prediction server cannot read it."""
    return retirement.archive(case, workspace, actor=actor)


@task(name="settle data", task_run_name="settle-data-{case.model}", **STEP)
@telling_little
def settle_data(case: Case, workspace: Workspace, actor: str) -> Case:
    """Decide and record what becomes of the data that the version leaves."""
    return retirement.settle_data(case, workspace, actor=actor)


@task(name="probe", task_run_name="probe-{case.model}", **STEP)
@telling_little
def probe(case: Case, workspace: Workspace, actor: str) -> Case:
    """Ask on every path whether anything still serves the retired version."""
    return retirement.probe(case, workspace, actor=actor)


@task(name="close", task_run_name="close-{case.model}", **STEP)
@telling_little
def close(case: Case, workspace: Workspace, actor: str) -> Case:
    """Sign the record of the retirement and close the case."""
    closed = retirement.close(case, workspace, actor=actor)
    shown_cases.case(closed)
    return closed


@task(name="register fallback", task_run_name="register-fallback-{model}", **STEP)
@telling_little
def register_fallback(model: str, number: int, workspace: Workspace, actor: str) -> Version | None:
    """Register what answers once the champion is retired without a successor."""
    version = retirement.register_fallback(model, number, workspace, actor=actor)
    if version is not None:
        shown.version(version)
    return version


def register_missing_fallback(model: str, workspace: Workspace, actor: str) -> None:
    """Register what stands in for the champion if nothing does: it was deployed by a person."""
    ledger = open_ledger(workspace)
    slot = ledger.slot(model)
    if slot and slot.version and not ledger.fallbacks(model):
        register_fallback(model, slot.version, workspace, actor)


@task(name="restore", task_run_name="restore-{model}-v{number}", **STEP)
@telling_little
def restore(model: str, number: int, reason: str, workspace: Workspace, actor: str) -> Version:
    """Check a retired version's bytes, environment and golden rows, and make it fit again."""
    version = retirement.restore(model, number, workspace, actor=actor, reason=reason)
    shown.version(version)
    return version


@task(name="approve", task_run_name="approve-{case.model}", timeout_seconds=600, **RETRIED)
@telling_little
def approve(
    case: Case,
    decision: Literal["approve", "decline"],
    reason: str,
    workspace: Workspace,
    actor: str,
) -> Case:
    """Answer a case that waits for a person."""
    said = decision == "approve"
    answered = retirement.approve(case.id, said, reason, workspace, actor=actor)
    shown_cases.case(answered)
    return answered
