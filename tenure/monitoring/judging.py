"""How does a reading become a decision on record, and how does what was decided end?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from tenure.errors import CaseOpen, TenureError
from tenure.monitoring.decision import History, asks_a_person, decide
from tenure.monitoring.history import history_of
from tenure.monitoring.policy import Policy, policy_of
from tenure.records import (
    Action,
    Assignment,
    Case,
    CaseState,
    Cause,
    Decision,
    Reading,
    Slot,
    digest_of,
)
from tenure.registry import Ledger, open_ledger
from tenure.registry.specs import spec_in_force, spec_to_act_by
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.spec import ModelSpec

LOOKED_BACK = 100
EVER = datetime.min.replace(tzinfo=UTC)
RETRAIN_MAY_TAKE = timedelta(hours=24)
"""How long a retrain may stay open before it counts as an attempt that brought nothing."""


def judge(reading: Reading, workspace: Workspace, *, actor: str) -> Decision:
    """Decide about a reading by today's spec, and put both on record with the case that follows.

    A reading of a version that no longer holds the slot it was read for is kept and changes
    nothing. The same reading judged again returns what was decided before.

    Raises:
        BadSpec, ModelNotFound: the model has no readable spec.
    """
    ledger = open_ledger(workspace)
    spec = spec_to_act_by(reading.model, workspace, actor=actor)
    policy, champion = policy_of(spec), ledger.slot(reading.model, Slot.CHAMPION)
    earlier = [
        each
        for each in ledger.readings(reading.model, reading.version, limit=LOOKED_BACK)
        if each.epoch == reading.epoch and each.window != reading.window
    ]
    readings = sorted([*earlier, reading], key=_in_time)
    readings = readings[: readings.index(reading) + 1]
    now = workspace.clock.now()
    serves = champion is not None and champion.epoch == reading.epoch
    if champion is None or not serves:
        passed = _passed_over(readings, policy)
        return ledger.record_reading(reading, passed, actor=actor)
    history = replace(
        history_of(spec, champion, ledger, now), labels_at=_labels_at(readings, champion, now)
    )
    decision = decide(readings, policy, history)
    case = None if decision.dry_run else _case_of(decision, policy, history, actor)
    try:
        return ledger.record_reading(reading, decision, case, actor=actor)
    except CaseOpen:  # another run opened one meanwhile: decide again, knowing of it
        history = history_of(spec, champion, ledger, now)
        decision = decide(readings, policy, history)
        return ledger.record_reading(reading, decision, actor=actor)


def _labels_at(readings: list[Reading], champion: Assignment, now: datetime) -> datetime:
    """Return the newest time of which labels were seen since the champion took office."""
    labelled = [each for each in readings if each.labelled_rows]
    times = [each.window.end_at or each.as_of or now for each in labelled]
    return max(times, default=champion.since)


def _in_time(reading: Reading) -> tuple[float, int, int]:
    window = reading.window
    start = window.start_at.timestamp() if window.start_at else 0.0
    return (start, window.first_seq or 0, reading.seq)


def _passed_over(readings: list[Reading], policy: Policy) -> Decision:
    nothing = History(now=datetime.min, open_case="The version no longer holds the slot.")
    seen = decide(readings, policy, nothing)
    return replace(
        seen, action=Action.KEEP, reason=f"The version no longer holds the slot. {seen.reason}"
    )


def _case_of(decision: Decision, policy: Policy, history: History, actor: str) -> Case | None:
    if decision.action not in (Action.RETRAIN, Action.RETIRE):
        return None
    asked = asks_a_person(decision, policy, history) if decision.action is Action.RETIRE else 0
    held = f" Held back: {' '.join(decision.held_back)}" if decision.held_back else ""
    limit = policy.approve_within if asked else RETRAIN_MAY_TAKE
    return Case(
        id=decision.id,
        model=decision.model,
        version=decision.version,
        epoch=decision.epoch,
        action=decision.action,
        cause=decision.cause,
        reason=decision.reason + held,
        state=CaseState.WAITING if asked else CaseState.OPEN,
        opened_by=actor,
        opened_at=history.now,
        approvals_wanted=asked,
        deadline_at=history.now + limit if asked or decision.action is Action.RETRAIN else None,
        on_timeout=policy.when_not_answered,
    )


def settle_retrain(
    model: str, version: int | None, outcome: str, workspace: Workspace, *, actor: str
) -> Case | None:
    """Close the retrain that is open for a model after a training ended; None if none was.

    Args:
        model: whose training ended.
        version: the version that it made, or None.
        outcome: what became of it, in a sentence.
        workspace: whose ledger.
        actor: who trained.
    """
    ledger = open_ledger(workspace)
    case = ledger.open_case_of(model)
    if case is None or case.action is not Action.RETRAIN:
        return None
    made = f"Version {version}: " if version is not None else ""
    now = workspace.clock.now()
    return ledger.close_case(case.id, actor=actor, outcome=made + outcome, record=None, now=now)


def expire(workspace: Workspace, *, actor: str) -> list[Case]:
    """Let deadlines act that have passed, and return the cases that they changed.

    A case that waits takes the action that its spec names; a retrain that nobody ended is closed
    and counts as an attempt. While automation of a model is halted its deadlines wait.
    """
    ledger, now, changed = open_ledger(workspace), workspace.clock.now(), []
    for case in ledger.undone_cases():
        if case.deadline_at is None or case.deadline_at > now or ledger.halted(case.model):
            continue
        try:
            if case.state is CaseState.WAITING:
                changed.append(ledger.lapse_case(case.id, actor=actor, now=now))
            elif case.action is Action.RETRAIN:
                outcome = f"No training ended within {RETRAIN_MAY_TAKE}."
                closed = {"actor": actor, "outcome": outcome, "record": None, "now": now}
                changed.append(ledger.close_case(case.id, **closed))
        except TenureError:  # answered or halted meanwhile: then that stands
            continue
    return changed


def watch_age(model: str, workspace: Workspace, *, actor: str) -> Case | None:
    """Open a retrain for a champion that is older than its spec allows; None if there is no need.

    The same guards hold as for a reading: halt, one open case, cool-down, attempts.
    """
    ledger, spec = open_ledger(workspace), spec_to_act_by(model, workspace, actor=actor)
    champion, now = ledger.slot(model), workspace.clock.now()
    limit = spec.decisions.max_age_days
    if limit is None or champion is None or champion.version is None or spec.decisions.dry_run:
        return None
    age = now - champion.since
    if age <= timedelta(days=limit) or not _may_retrain(spec, champion, ledger, now):
        return None
    reason = (
        f"Version {champion.version} has been in office for {age.days} days; "
        f"decisions.max_age_days is {limit:g}."
    )
    case = Case(
        id=digest_of(["age", model, champion.epoch, now.date().isoformat()]),
        model=model,
        version=champion.version,
        epoch=champion.epoch,
        action=Action.RETRAIN,
        cause=Cause.AGE,
        reason=reason,
        state=CaseState.OPEN,
        opened_by=actor,
        opened_at=now,
        deadline_at=now + RETRAIN_MAY_TAKE,
    )
    try:
        return ledger.open_case(case, actor=actor, evidence=f"epoch {champion.epoch}")
    except CaseOpen:
        return None


def _may_retrain(spec: ModelSpec, champion: Assignment, ledger: Ledger, now: datetime) -> bool:
    history, policy = history_of(spec, champion, ledger, now), policy_of(spec)
    rested = history.last_retrain_at is None or now - history.last_retrain_at >= policy.cooldown
    tried = len(history.attempts) >= policy.max_attempts
    return rested and not (tried or history.halted or history.open_case)


def superseded_due(model: str, workspace: Workspace) -> list[int]:
    """Return former champions whose time on standby is over, oldest first.

    The newest one stays while the spec names it as the fallback, and one that is being rolled out
    anew; the time of one that was restored begins with that.
    """
    ledger, spec = open_ledger(workspace), spec_in_force(model, workspace)
    now, limit = workspace.clock.now(), timedelta(days=spec.retirement.keep_superseded_days)
    tenures = ledger.tenures(model)
    left = {one.version: after.since for one, after in pairwise(tenures)}
    standby = ledger.standby(model, limit=LOOKED_BACK)
    kept = standby[:1] if spec.deployment.fallback == "previous" else []
    rolled_out = ledger.open_rollout(model)
    kept += [each for each in standby if rolled_out and each.number == rolled_out.version]
    due = [
        version.number
        for version in standby
        if version not in kept
        and now - left.get(version.number, now) > limit
        and now - (ledger.restored_at(model, version.number) or EVER) > limit
    ]
    return sorted(due)
