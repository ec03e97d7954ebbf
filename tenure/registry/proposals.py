"""Which version that won waits for people's word, and what became of it?

Where the tier wants approvals a winner does not take office by itself: it waits as a case, beside
whatever case the model itself has. What people approve is carried out as any deployment is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tenure.records import (
    Action,
    Assignment,
    Case,
    CaseState,
    Cause,
    GateVerdict,
    Slot,
    Stage,
    Version,
    digest_of,
)
from tenure.registry.opening import open_ledger
from tenure.registry.specs import spec_to_act_by

if TYPE_CHECKING:
    from tenure.registry.ledger import Ledger
    from tenure.workspace import Workspace

WON = (GateVerdict.FIRST, GateVerdict.WINS)
LOOKED_BACK = 5
"""Of so many of the newest versions one may be the newest that won."""


def propose(model: str, workspace: Workspace, *, actor: str) -> Case | None:
    """Open the case of the newest version that won against who serves now; None if there is none.

    A version is proposed once for an epoch of the slot, and in the place of an older one that
    still waits. What waits and came too late is closed.

    Raises:
        BadSpec, ModelNotFound: there is no readable spec.
        Halted: automation of the model is halted.
    """
    spec, ledger = spec_to_act_by(model, workspace, actor=actor), open_ledger(workspace)
    for case in waiting(model, ledger):
        settle(case, workspace, actor=actor)
    wanted = spec.approvals_wanted
    winner = _winner(model, ledger) if wanted and spec.evaluation.gate.mode == "enabled" else None
    if winner is None:
        return None
    slot, now = ledger.slot(model), workspace.clock.now()
    epoch = slot.epoch if slot else 0
    for older in waiting(model, ledger):
        if older.version != winner.number:
            outcome = f"Version {winner.number} won since then and is proposed instead."
            ledger.close_case(older.id, actor=actor, outcome=outcome, record=None, now=now)
    judged = ledger.evaluation(model, winner.number)
    case = Case(
        id=digest_of(["promotion", model, winner.number, epoch]),
        model=model,
        version=winner.number,
        epoch=epoch,
        action=Action.PROMOTE,
        cause=Cause.BETTER,
        reason=judged.reason,
        state=CaseState.WAITING,
        opened_by=actor,
        opened_at=now,
        approvals_wanted=wanted,
        deadline_at=now + timedelta(hours=spec.decisions.approve_within_hours),
        on_timeout="keep",
    )
    return ledger.open_case(case, actor=actor, evidence=judged.digest)


def waiting(model: str, ledger: Ledger) -> list[Case]:
    """Return the proposals of a model that wait for an answer."""
    return [case for case in ledger.waiting_cases(model) if case.action is Action.PROMOTE]


def settle(case: Case, workspace: Workspace, *, actor: str) -> Case:
    """Close a proposal whose version is on its way, or came too late; else return it.

    Raises:
        Halted: automation of the model is halted.
    """
    ledger = open_ledger(workspace)
    slot = ledger.slot(case.model)
    places = [one.slot for one in _places(case.model, ledger) if one.version == case.version]
    if Slot.CHAMPION in places:
        outcome = f"Version {case.version} took office{_as_approved(case)}."
    elif places or (case.version, case.epoch) in _rolled_out(case.model, ledger):
        outcome = f"The rollout of version {case.version} began{_as_approved(case)}."
    elif slot is not None and slot.epoch != case.epoch:
        who = f"version {slot.version}" if slot.version else "nobody"
        outcome = f"The slot went to {who} at epoch {slot.epoch} after this was proposed."
    else:
        return case
    now = workspace.clock.now()
    return ledger.close_case(case.id, actor=actor, outcome=outcome, record=None, now=now)


def _as_approved(case: Case) -> str:
    return ", as was approved" if case.state is CaseState.OPEN else " by somebody's own deployment"


def _winner(model: str, ledger: Ledger) -> Version | None:
    slot = ledger.slot(model)
    epoch = slot.epoch if slot else 0
    placed = {one.version for one in _places(model, ledger)}
    for version in ledger.versions(model, limit=LOOKED_BACK):
        judged = ledger.evaluation(model, version.number)
        if version.stage is Stage.VALIDATED and judged.verdict in WON:
            is_new = judged.champion_epoch == epoch and version.number not in placed
            is_new &= (version.number, epoch) not in _rolled_out(model, ledger)
            return version if is_new else None
    return None


def _places(model: str, ledger: Ledger) -> list[Assignment]:
    return [one for one in ledger.assignments() if one.model == model]


def _rolled_out(model: str, ledger: Ledger) -> set[tuple[int, int]]:
    """Return which versions were rolled out beside a champion of which epoch, however it ended."""
    return {(each.version, each.champion_epoch) for each in ledger.rollouts(model)}
