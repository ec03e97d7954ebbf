"""What did a week's monitoring see and decide, and what became of it?

The player is the automations: it calls the flow that each event would start, in the order in which
the clock would, and lets the schedules of a model whose champion is a fallback rest, as the
retirement switched them off.
"""

from __future__ import annotations

from typing import Any

from flows.monitor import monitor
from flows.retire import retire
from flows.train import train
from tasks import reconciling
from tenure.records import Action, Case, CaseState, Cause, Decision
from tenure.registry import Ledger, open_ledger
from tenure.retirement import is_fallback
from tenure.workspace import Workspace

MOST_CASES = 10


def watch(model: str, workspace: Workspace) -> dict[str, Any]:
    """Let time act, judge the windows that have closed, and carry out what was decided.

    Args:
        model: which.
        workspace: a simulated one, in a replay.

    Returns:
        Readings, decisions other than keeping, cases and retirements of this week.
    """
    ledger = open_ledger(workspace)
    before = ledger.head()[0]
    for _ in range(MOST_CASES):
        reconciling.let_time_act(workspace)
        if not _carry_out(model, workspace):
            break
    end(monitor(model, return_state=True))
    _carry_out(model, workspace)
    return _happened(model, before, ledger)


def has_schedule(model: str, workspace: Workspace) -> bool:
    """Say whether a model is still trained by its schedule: not while a fallback stands in."""
    ledger = open_ledger(workspace)
    slot = ledger.slot(model)
    if slot is None:
        return True
    return slot.version is not None and not is_fallback(
        ledger.version(model, slot.version), workspace
    )


def end(state: Any) -> None:
    """Raise what ended a run badly; what a run did stands in the ledger."""
    if not state.is_completed():
        state.result(raise_on_failure=True)


def _carry_out(model: str, workspace: Workspace) -> bool:
    """Carry out what is open for a model and waits for nobody; say whether there was anything."""
    ready = [
        each
        for each in open_ledger(workspace).undone_cases()
        if each.model == model and each.state is CaseState.OPEN
    ]
    for case in ready:
        if case.action is Action.RETRAIN:
            end(train(model, return_state=True))
        else:
            end(retire(model, case=case.id, return_state=True))
    return bool(ready)


def _happened(model: str, before: int, ledger: Ledger) -> dict[str, Any]:
    readings = [each for each in ledger.readings(model, limit=20) if each.seq > before]
    decisions = [each for each in ledger.decisions(model, limit=20) if each.seq > before]
    cases = [each for each in ledger.cases(model, limit=20) if each.seq > before]
    return {
        "readings": len(readings),
        "unknown": sum(bool(each.reason) for each in readings),
        "decisions": [_said(each) for each in decisions if each.wanted is not Action.KEEP],
        "cases": [_told(each) for each in cases],
    }


def _said(decision: Decision) -> dict[str, Any]:
    return {
        "version": decision.version,
        "action": decision.action.value,
        "wanted": decision.wanted.value,
        "cause": decision.cause.value,
        "reason": decision.reason,
        "held_back": list(decision.held_back),
    }


def _told(case: Case) -> dict[str, Any]:
    return {
        "id": case.id[:12],
        "version": case.version,
        "action": case.action.value,
        "cause": case.cause.value,
        "replaced": case.cause is Cause.SUPERSEDED,
        "state": case.state.value,
        "reason": case.reason,
        "outcome": case.outcome,
        "successor": case.successor,
    }
