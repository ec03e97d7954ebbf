"""How do people answer a case, stop all automation, and let it act again?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenure.errors import AmbiguousCase, NotAPerson, TenureError
from tenure.records import Action, Approval, Case, Halt
from tenure.registry import open_ledger
from tenure.registry.halts import is_automatic

if TYPE_CHECKING:
    from tenure.workspace import Workspace


def approve(case: str, approved: bool, reason: str, workspace: Workspace, *, actor: str) -> Case:
    """Answer a waiting case, by its id or the beginning of it; what is refused is recorded.

    An answer that comes after the deadline finds the case as the deadline left it.

    Raises:
        CaseNotFound, AmbiguousCase: there is no such case, or more than one.
        CaseIsOver, CaseNotWaiting: it takes no answer any more.
        SamePerson: four eyes are wanted, and these have looked already.
        NotAPerson: automation approves nothing.
    """
    ledger = open_ledger(workspace)
    found = ledger.case(case)
    now = workspace.clock.now()
    try:
        if is_automatic(actor):
            raise NotAPerson(actor=actor, what="answer cases")
        ledger.lapse_case(found.id, actor=actor, now=now)
        return ledger.answer_case(
            found.id, Approval(by=actor, approved=approved, reason=reason, at=now)
        )
    except TenureError as error:
        ledger.note(
            "answer_refused",
            model=found.model,
            actor=actor,
            reason=str(error),
            evidence=found.id,
            body={"case": found.id, "refused_as": error.code},
        )
        raise


def only_waiting(model: str, workspace: Workspace) -> Case | None:
    """Return the case of a model that waits for an answer, else the one being carried out.

    Raises:
        AmbiguousCase: two wait, one to retire the champion and one to take office.
    """
    ledger = open_ledger(workspace)
    slot = ledger.slot(model)
    epoch = slot.epoch if slot else 0
    waiting = [
        each
        for each in ledger.waiting_cases(model)
        if each.action is not Action.PROMOTE or each.epoch == epoch  # else it came too late
    ]
    if len(waiting) > 1:
        raise AmbiguousCase(case=model)
    return waiting[0] if waiting else ledger.open_case_of(model)


def halt(model: str | None, workspace: Workspace, *, actor: str, reason: str) -> Halt:
    """Stop the automation of a model, or of all (None); people may still act.

    Raises:
        NotAPerson: only people stop automation.
    """
    if is_automatic(actor):
        raise NotAPerson(actor=actor, what="halt automation")
    return open_ledger(workspace).halt(model, actor=actor, reason=reason)


def resume(model: str | None, workspace: Workspace, *, actor: str, reason: str) -> None:
    """Let automation act again.

    Raises:
        NotHalted: nothing of this scope was halted.
        NotAPerson: only people let it act again.
    """
    if is_automatic(actor):
        raise NotAPerson(actor=actor, what="let automation act again")
    open_ledger(workspace).resume(model, actor=actor, reason=reason)
