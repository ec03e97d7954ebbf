"""What happened to a model that bears on what may follow?"""

from __future__ import annotations

from datetime import datetime

from tenure.monitoring.decision import History
from tenure.records import Action, Assignment, Case, CaseState
from tenure.registry import Ledger
from tenure.registry.halts import is_automatic
from tenure.spec import ModelSpec

FAR = 10_000


def history_of(spec: ModelSpec, champion: Assignment, ledger: Ledger, now: datetime) -> History:
    """Return what the ledger knows of a model's retrains, retirements, halts and cases.

    Args:
        spec: today's; its fallback decides whether the champion can be replaced.
        champion: who holds the slot.
        ledger: whose record.
        now: the time that policies read.
    """
    cases = ledger.cases(spec.name, limit=FAR)
    retrains = [case for case in cases if case.action is Action.RETRAIN]
    open_case, halt = ledger.open_case_of(spec.name), ledger.halted(spec.name)
    return History(
        now=now,
        attempts=tuple(case.opened_at for case in retrains if case.epoch == champion.epoch),
        retirements=tuple(case.opened_at for case in cases if _retired_by_itself(case)),
        can_be_replaced=bool(stand_ins(spec, champion.version, ledger)),
        halted=f"Automation is halted by {halt.by}: {halt.reason}" if halt else "",
        open_case=_of_open_case(open_case) if open_case else "",
        last_retrain_at=max((case.opened_at for case in retrains), default=None),
    )


def stand_ins(spec: ModelSpec, champion: int | None, ledger: Ledger) -> list[int]:
    """Return the versions that could answer if the champion were retired now, best first."""
    if spec.deployment.fallback == "none":
        return []
    dummies = [version.number for version in ledger.fallbacks(spec.name)]
    former = ledger.standby(spec.name, limit=1) if spec.deployment.fallback == "previous" else []
    return [each for each in (*(one.number for one in former), *dummies) if each != champion]


def _retired_by_itself(case: Case) -> bool:
    acted = case.state in (CaseState.OPEN, CaseState.CLOSED)
    unasked = not case.approvals and is_automatic(case.opened_by)
    return case.action is Action.RETIRE and acted and unasked and case.cause != "superseded"


def _of_open_case(case: Case) -> str:
    waits = "waits for an answer" if case.state is CaseState.WAITING else "is being carried out"
    return f"Case {case.id[:12]} ({case.action.value}) {waits}; a model has one at a time."
