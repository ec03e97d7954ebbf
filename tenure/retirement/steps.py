"""What is done when a version is retired, in which order, and what if it is interrupted?

Each step asks the ledger whether it was done, does what is left of it, and puts itself on record
with its facts. Killed at any point and called again, it reaches the same end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tenure.errors import (
    CaseNotWaiting,
    NoFallback,
    NotFitToServe,
    StaleEpoch,
    StepTooEarly,
    StillInOffice,
)
from tenure.records import Assignment, Case, CaseState, CaseStep, RolloutState, Stage
from tenure.registry import open_ledger
from tenure.registry.archived import put_away, take_out
from tenure.registry.record import EXPORTED
from tenure.retirement import probing, retaining
from tenure.retirement.checking import prove
from tenure.retirement.draining import wait_until_gone
from tenure.retirement.fallbacks import ensure_fallback, is_fallback
from tenure.retirement.opening import may_leave_vacant, refuse
from tenure.retirement.record import put_record
from tenure.telling.asked import who_asked

if TYPE_CHECKING:
    from tenure.workspace import Workspace

STEPS = (
    "verify_successor",
    "move_slot",
    "drain",
    "turn_off",
    "archive",
    "settle_data",
    "probe",
    "close",
)
"""What a retirement consists of, in order."""

IN_OFFICE, SUCCESSOR, STANDBY, FALLBACK, VACANT = (
    *("in_office", "successor", "standby", "fallback", "vacant"),
)
"""Who answers afterwards: whoever does already, the one that was named, a former champion, a
fallback, or nobody."""

Facts = dict[str, Any]


def carry_out(
    case: Case,
    workspace: Workspace,
    *,
    actor: str,
    switch_off: Callable[[str, int], list[str]] | None = None,
) -> Case:
    """Do what is left of a retirement, in order; return the case as it then stands.

    Raises:
        CaseNotWaiting: it waits for an approval.
        NoFallback, StillServed, ArtifactRefused: a step was refused; the error says which.
        Halted: automation of the model is halted; what was done stays done.
    """
    for name in STEPS:
        if name == "turn_off":
            case = turn_off(case, workspace, actor=actor, switch_off=switch_off)
        else:
            case = _BY_NAME[name](case, workspace, actor=actor)
        if case.is_over:
            break
    return case


def verify_successor(case: Case, workspace: Workspace, *, actor: str) -> Case:
    """Choose who answers afterwards, and check that it is fit to.

    Raises:
        NoFallback: nobody would answer, and the slot may not be left vacant; the case is closed.
        NotFitToServe, ArtifactRefused: who is to take over may not, or its artifact is refused.
    """
    now, is_left = _begin(case, "verify_successor", workspace)
    if not is_left:
        return now
    try:
        number, kind = _chosen(now, workspace, actor)
    except NoFallback as error:
        refuse(now.model, now.version, error, workspace, actor=actor)
        open_ledger(workspace).close_case(
            now.id, actor=actor, outcome=str(error), record=None, now=workspace.clock.now()
        )
        raise
    facts: Facts = {"kind": kind, "successor": number}
    if number is not None and kind != IN_OFFICE:
        version = open_ledger(workspace).version(now.model, number)
        if version.stage is not Stage.VALIDATED:
            raise NotFitToServe(model=now.model, version=number, stage=version.stage.value)
        facts["checked"] = prove(version, workspace, actor=actor)
    return _end(now, "verify_successor", facts, workspace, actor, successor=number)


def _chosen(case: Case, workspace: Workspace, actor: str) -> tuple[int | None, str]:
    ledger = open_ledger(workspace)
    slot = ledger.slot(case.model)
    if slot is None or slot.version != case.version:
        return slot.version if slot else None, IN_OFFICE
    if case.successor is not None:
        return case.successor, SUCCESSOR
    number = ensure_fallback(case.model, case.version, workspace, actor=actor)
    if number is not None:
        is_one = is_fallback(ledger.version(case.model, number), workspace)
        return number, FALLBACK if is_one else STANDBY
    if may_leave_vacant(case, workspace):
        return None, VACANT
    detail = "its spec names no fallback, and the slot may not be left vacant"
    raise NoFallback(model=case.model, version=case.version, detail=detail)


def move_slot(case: Case, workspace: Workspace, *, actor: str) -> Case:
    """Give the slot to who takes over, if it stands where the case saw it; then retire.

    A slot that somebody moved meanwhile is left alone, and the case is closed as overtaken.

    Raises:
        NotFitToServe, Halted: nothing was moved.
    """
    now, is_left = _begin(case, "move_slot", workspace)
    if not is_left:
        return now
    chosen = _facts(now, "verify_successor")
    ledger = open_ledger(workspace)
    facts: Facts = {"epoch_before": now.epoch, "epoch_after": None}
    try:
        if chosen["kind"] != IN_OFFICE:
            moved = _moved(now, chosen["successor"], workspace, actor)
            facts["epoch_after"] = moved.epoch
        _end_rollout(now, workspace, actor)
        why = {"reason": now.reason, "evidence": now.id}
        ledger.change_stage(now.model, now.version, Stage.RETIRED, actor=actor, **why)
    except (StaleEpoch, StillInOffice):
        return _overtaken(now, workspace, actor)
    return _end(now, "move_slot", facts, workspace, actor)


def _moved(case: Case, number: int | None, workspace: Workspace, actor: str) -> Assignment:
    ledger = open_ledger(workspace)
    reason = f"{case.reason} (case {case.id[:12]})"
    slot = ledger.slot(case.model)
    if slot is None or slot.epoch != case.epoch:
        # A killed run may have moved it for this very case.
        mine = [each for each in ledger.tenures(case.model) if each.epoch == case.epoch + 1]
        if mine and mine[0].reason == reason and mine[0].version == number:
            return mine[0]
        epoch = slot.epoch if slot else 0
        raise StaleEpoch(model=case.model, slot="champion", now=epoch, decided_at=case.epoch)
    said: Facts = {"actor": actor, "reason": reason, "evidence": case.id}
    if number is None:
        return ledger.vacate(case.model, expected_epoch=case.epoch, **said)
    return ledger.promote(case.model, number, expected_epoch=case.epoch, **said)


def _end_rollout(case: Case, workspace: Workspace, actor: str) -> None:
    """End the rollout of the version that is to be retired, if it was under way at that time."""
    ledger = open_ledger(workspace)
    rollout = ledger.open_rollout(case.model)
    if rollout is None or rollout.version != case.version or rollout.seq > case.seq:
        return
    reason = f"Version {case.version} is retired: {case.reason} (case {case.id[:12]})"
    said: Facts = {"actor": actor, "reason": reason, "evidence": case.id}
    ledger.end_rollout(rollout.id, RolloutState.ABORTED, **said)


def _overtaken(case: Case, workspace: Workspace, actor: str) -> Case:
    ledger = open_ledger(workspace)
    slot, rollout = ledger.slot(case.model), ledger.open_rollout(case.model)
    assert slot is not None, "a slot that moved is there"
    who = "nobody" if slot.version is None else f"version {slot.version}"
    what = f"The slot went to {who} at epoch {slot.epoch} ({slot.actor})"
    if rollout is not None and rollout.version == case.version:
        what = f"A rollout of version {case.version} began ({rollout.started_by})"
    outcome = (
        f"{what} after this was decided at epoch {case.epoch}: version {case.version} is not "
        "retired by it."
    )
    return ledger.close_case(
        case.id, actor=actor, outcome=outcome, record=None, now=workspace.clock.now()
    )


def drain(case: Case, workspace: Workspace, *, actor: str) -> Case:
    """Wait until no server process answers by the version and no request in flight holds it."""
    now, is_left = _begin(case, "drain", workspace)
    if not is_left:
        return now
    epoch = _facts(now, "move_slot")["epoch_after"]
    facts = wait_until_gone(now.model, now.version, epoch, workspace)
    return _end(now, "drain", facts, workspace, actor)


def turn_off(
    case: Case,
    workspace: Workspace,
    *,
    actor: str,
    switch_off: Callable[[str, int], list[str]] | None = None,
) -> Case:
    """Switch off what runs for the retired version alone; `switch_off` does it and names it."""
    now, is_left = _begin(case, "turn_off", workspace)
    if not is_left:
        return now
    off = switch_off(now.model, now.version) if switch_off is not None else []
    facts = {"off": off, "asked": switch_off is not None}
    return _end(now, "turn_off", facts, workspace, actor)


def archive(case: Case, workspace: Workspace, *, actor: str) -> Case:
    """Move the artifact to the archive, which nothing that serves can open.

    Raises:
        ObjectMissing, ObjectDamaged: its bytes are not what was recorded.
    """
    now, is_left = _begin(case, "archive", workspace)
    if not is_left:
        return now
    ledger = open_ledger(workspace)
    version = ledger.version(now.model, now.version)
    if version.stage is Stage.RETIRED:
        put_away(version, workspace)
        reason = f"Its bytes lie in the archive (case {now.id[:12]})."
        version = ledger.change_stage(
            now.model,
            now.version,
            Stage.ARCHIVED,
            actor=actor,
            reason=reason,
            evidence=version.object,
        )
    elif version.stage is Stage.VALIDATED:
        return _overtaken(now, workspace, actor)
    others = take_out(version, workspace)
    facts = {"bytes": version.size, "object": version.object, "still_needed_by": list(others)}
    facts["freed_bytes"] = 0 if others else version.size
    return _end(now, "archive", facts, workspace, actor)


def settle_data(case: Case, workspace: Workspace, *, actor: str) -> Case:
    """Decide by today's spec what becomes of what the version leaves, and do what is due now.

    How often the version was asked lately is put on record before its log may go, and so is which
    copies of it were written out for servers that no retirement reaches.
    """
    now, is_left = _begin(case, "settle_data", workspace)
    if not is_left:
        return now
    asked = who_asked(now.model, now.version, workspace).as_dict()
    kept = retaining.settle(now, workspace, actor=actor)
    copies = _copies(now, workspace)
    facts = {"kept": kept, "asked": asked, "copies": copies}
    return _end(now, "settle_data", facts, workspace, actor)


def _copies(case: Case, workspace: Workspace) -> list[dict[str, str]]:
    return [
        {"at": row.as_of.isoformat(), "by": row.actor, "folder": row.body["folder"]}
        for row in open_ledger(workspace).happenings(case.model, (EXPORTED,))
        if row.body["version"] == case.version
    ]


def probe(case: Case, workspace: Workspace, *, actor: str) -> Case:
    """Try every path on which the version could be reached.

    Raises:
        StillServed: it can, on the paths that the error names; the case stays open.
    """
    now, is_left = _begin(case, "probe", workspace)
    if not is_left:
        return now
    asked = probing.probe(now.model, now.version, workspace)
    return _end(now, "probe", {"paths": asked}, workspace, actor)


def close(case: Case, workspace: Workspace, *, actor: str) -> Case:
    """Sign the record of the retirement and close the case with it."""
    now, is_left = _begin(case, "close", workspace)
    if not is_left:
        return now
    record, outcome = put_record(now, workspace)
    return open_ledger(workspace).close_case(
        now.id, actor=actor, outcome=outcome, record=record, now=workspace.clock.now()
    )


def _begin(case: Case, name: str, workspace: Workspace) -> tuple[Case, bool]:
    """Return the case as it stands, and whether this step of it is left to be done."""
    now = open_ledger(workspace).case(case.id)
    if now.is_over or now.done(name):
        return now, False
    if now.state is not CaseState.OPEN:
        raise CaseNotWaiting(case=now.id[:12], state=now.state.value)
    for earlier in STEPS[: STEPS.index(name)]:
        if not now.done(earlier):
            raise StepTooEarly(case=now.id[:12], step=name, missing=earlier, model=now.model)
    return now, True


def _end(
    case: Case,
    name: str,
    facts: Facts,
    workspace: Workspace,
    actor: str,
    successor: int | None = None,
) -> Case:
    step = CaseStep(name=name, at=workspace.clock.now(), actor=actor, facts=facts)
    return open_ledger(workspace).note_step(case.id, step, successor=successor)


def _facts(case: Case, name: str) -> Facts:
    step = case.done(name)
    assert step is not None, "steps are done in order"
    return step.facts


_BY_NAME: dict[str, Callable[..., Case]] = {
    "verify_successor": verify_successor,
    "move_slot": move_slot,
    "drain": drain,
    "archive": archive,
    "settle_data": settle_data,
    "probe": probe,
    "close": close,
}
