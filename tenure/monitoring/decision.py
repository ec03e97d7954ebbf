"""What follows from what monitors saw? Pure: the same input gives the same decision.

The ladder: a rung fires when k of the last n known windows, and the last one, are at least as bad
as the rung. Guards can only make an action milder, and each that did is named. Monotone: with the
same history and policy, a worse newest window gives no milder action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tenure.monitoring.policy import Limit, Policy, Rung
from tenure.records import Action, Cause, Decision, Measure, Reading, Severity, digest_of

DAY, YEAR = timedelta(days=1), timedelta(days=365)
ATTEMPTS_SPENT = "decisions.max_attempts"
_ORDER = {Cause.PERFORMANCE: 0, Cause.QUALITY: 1, Cause.DRIFT: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What happened to a model that bears on what may follow.

    `attempts` are the times of retrains since the champion took office, `retirements` those of
    automatic retirements; `can_be_replaced` says that a fallback is ready and is not the champion
    itself. `halted` and `open_case` are sentences, empty if there is none. `labels_at` is the
    newest time of which labels were seen, or when the champion took office.
    """

    now: datetime
    attempts: tuple[datetime, ...] = ()
    retirements: tuple[datetime, ...] = ()
    can_be_replaced: bool = True
    halted: str = ""
    open_case: str = ""
    last_retrain_at: datetime | None = None
    labels_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A measure of a window that crosses a limit of a rung."""

    limit: Limit
    measure: Measure


@dataclass(slots=True)
class _Course:
    """Where the decision stands on its way through the guards."""

    action: Action
    held_back: list[str]
    asks: bool = False


def crossings(reading: Reading, rung: Rung) -> list[Crossing]:
    """Return what in a window crosses a rung, worst cause first."""
    found = [
        Crossing(limit, measure)
        for limit in rung.limits
        for measure in _named(reading, limit)
        if limit.crossed_by(measure)
    ]
    return sorted(found, key=lambda one: _ORDER.get(one.limit.cause, 9))


def _named(reading: Reading, limit: Limit) -> list[Measure]:
    if limit.measure != "drifted":
        return [each for each in reading.measures if each.name == limit.measure]
    # Each column's own verdict stands on its drift measure.
    return [replace(each, name="drifted") for each in reading.measures if each.name == "drift"]


def severity(reading: Reading, policy: Policy) -> Severity:
    """Return how bad a window is: the highest rung that it crosses."""
    if reading.reason:
        return Severity.UNKNOWN
    crossed = [rung.severity for rung in policy.rungs if crossings(reading, rung)]
    return max(crossed, key=lambda each: each.rank, default=Severity.OK)


def decide(readings: Sequence[Reading], policy: Policy, history: History) -> Decision:
    """Return what follows from a version's readings, oldest first, one a window.

    Args:
        readings: at least one; the newest is the one to decide about.
        policy: what the spec says.
        history: what happened before, and what time it is.
    """
    newest = readings[-1]
    severities = _newest_severities(readings, policy)
    if severities[-1] is Severity.UNKNOWN:
        return _about_unknown(readings, severities, policy, history)
    fired = _fired(severities, policy)
    if fired is None:
        return _unlabelled(readings, policy, history) or _keep(readings, severities[-1], policy)
    seen = crossings(newest, fired) or _worse(newest, fired, policy)
    wanted = Action(fired.severity.value)
    course = _guarded(wanted, seen, newest, policy, history)
    first = seen[0]
    return _decision(
        readings,
        policy,
        action=course.action,
        wanted=wanted,
        cause=first.limit.cause,
        rule=first.limit.key,
        reason=_reason(fired, severities, seen),
        held_back=tuple(course.held_back),
    )


def _newest_severities(readings: Sequence[Reading], policy: Policy) -> list[Severity]:
    """Return how bad the newest windows are, oldest first: as many as the rungs look back upon.

    Unknown ones do not count towards that; a year of windows is not judged again for each new one.
    """
    deepest = max((rung.among for rung in policy.rungs), default=1)
    found: list[Severity] = []
    known = 0
    for reading in reversed(readings):
        found.append(severity(reading, policy))
        known += found[-1] is not Severity.UNKNOWN
        if known >= deepest:
            break
    return found[::-1]


def asks_a_person(decision: Decision, policy: Policy, history: History) -> int:
    """Return how many people must approve a decision before it is carried out."""
    if decision.action is not Action.RETIRE:
        return 0
    spent = any(each.startswith(ATTEMPTS_SPENT) for each in decision.held_back)
    asks = spent and policy.when_attempts_spent == "ask"
    many = _recent(history.retirements, history.now, YEAR) >= policy.max_cases_per_year
    return max(policy.approvals_wanted, 1) if asks or many else policy.approvals_wanted


def _fired(severities: Sequence[Severity], policy: Policy) -> Rung | None:
    """Return the highest rung that k of the last n known windows and the last one reach."""
    known = [each.rank for each in severities if each is not Severity.UNKNOWN]
    fired = None
    for rung in sorted(policy.rungs, key=lambda one: one.severity.rank):
        reached = [rank >= rung.severity.rank for rank in known[-rung.among :]]
        if reached and reached[-1] and sum(reached) >= rung.wanted:
            fired = rung
    return fired


def _worse(reading: Reading, fired: Rung, policy: Policy) -> list[Crossing]:
    """Return what crosses a higher rung, where the window is worse than the one that fired."""
    higher = [rung for rung in policy.rungs if rung.severity.rank > fired.severity.rank]
    return [each for rung in higher for each in crossings(reading, rung)]


def _guarded(
    wanted: Action, seen: list[Crossing], newest: Reading, policy: Policy, history: History
) -> _Course:
    course = _Course(wanted, [])
    if wanted is Action.WARN:
        return course
    if history.halted:
        course.held_back.append(history.halted)
        course.action = Action.WARN
    elif history.open_case:
        course.held_back.append(history.open_case)
        course.action = Action.WARN
    elif wanted is Action.RETIRE:
        _guard_retirement(course, seen, newest, policy, history)
    else:
        _guard_retrain(course, policy, history)
    return course


def _guard_retirement(
    course: _Course, seen: list[Crossing], newest: Reading, policy: Policy, history: History
) -> None:
    drift_alone = all(each.limit.cause is Cause.DRIFT for each in seen)
    if drift_alone and (well := _labels_say_well(newest, policy)):
        course.held_back.append(well)
        _guard_retrain(course, policy, history)
    elif not (history.can_be_replaced or policy.may_leave_vacant):
        course.held_back.append(
            "It is the last version that is fit to serve, nothing is ready to stand in for it, and "
            "deployment.may_leave_vacant does not allow an empty slot."
        )
        _guard_retrain(course, policy, history)


def _guard_retrain(course: _Course, policy: Policy, history: History) -> None:
    course.action = Action.RETRAIN
    since = history.last_retrain_at
    if len(history.attempts) >= policy.max_attempts:
        _spent(course, policy, history)
    elif since is not None and history.now - since < policy.cooldown:
        until = since + policy.cooldown
        course.held_back.append(
            f"decisions.cooldown_hours: the last retrain was at {since:%Y-%m-%d %H:%M} UTC, the "
            f"next may be from {until:%Y-%m-%d %H:%M} UTC on."
        )
        course.action = Action.WARN
    elif _recent(history.attempts, history.now, DAY) >= policy.attempts_per_day:
        course.held_back.append(
            f"decisions.attempts_per_day: {policy.attempts_per_day} retrain(s) in 24 hours."
        )
        course.action = Action.WARN


def _spent(course: _Course, policy: Policy, history: History) -> None:
    said = f"{ATTEMPTS_SPENT}: {len(history.attempts)} retrain(s) brought no better version; "
    can_go = history.can_be_replaced or policy.may_leave_vacant
    if policy.when_attempts_spent == "keep" or not can_go:
        why = "when_attempts_spent is keep." if can_go else "nothing is ready to stand in for it."
        course.held_back.append(said + why)
        course.action = Action.WARN
        return
    course.held_back.append(said + f"when_attempts_spent is {policy.when_attempts_spent}.")
    course.action = Action.RETIRE


def _labels_say_well(newest: Reading, policy: Policy) -> str:
    """Say in a sentence that the labels of the window hold every limit on them, or nothing."""
    limits = [
        limit for rung in policy.rungs for limit in rung.limits if limit.cause is Cause.PERFORMANCE
    ]
    judged = [
        (limit, each)
        for limit in limits
        for each in _named(newest, limit)
        if each.value is not None
    ]
    if not judged or any(limit.crossed_by(each) for limit, each in judged):
        return ""
    limit, each = judged[0]
    return (
        f"The labels say that the model is well: {limit.measure.removeprefix('metric:')} "
        f"{each.value:.4g} holds {limit.key} ({limit.threshold:g}); drift alone cannot retire it."
    )


def _about_unknown(
    readings: Sequence[Reading],
    severities: Sequence[Severity],
    policy: Policy,
    history: History,
) -> Decision:
    row = 0
    for each in reversed(severities):
        if each is not Severity.UNKNOWN:
            break
        row += 1
    warns = row >= policy.max_unknown_windows
    reason = f"The window could not be judged: {readings[-1].reason}"
    if warns:
        reason += f" So it was for {row} windows in a row."
    action = Action.WARN if warns else Action.KEEP
    return _decision(
        readings,
        policy,
        action=action,
        wanted=action,
        cause=Cause.UNKNOWN,
        rule="monitoring.max_unknown_windows",
        reason=reason,
    )


def _unlabelled(readings: Sequence[Reading], policy: Policy, history: History) -> Decision | None:
    """Return a warning where labels have not come for longer than the owner allows."""
    limit, since = policy.without_labels, history.labels_at
    if limit is None or since is None or history.now - since <= limit:
        return None
    return _decision(
        readings,
        policy,
        action=Action.WARN,
        wanted=Action.WARN,
        cause=Cause.NO_LABELS,
        rule="decisions.max_days_without_labels",
        reason=f"No labels since {since:%Y-%m-%d}, {(history.now - since).days} days ago; "
        f"decisions.max_days_without_labels is {limit.total_seconds() / 86400:g}.",
    )


def _keep(readings: Sequence[Reading], newest: Severity, policy: Policy) -> Decision:
    reason = "Nothing crosses a rung."
    rule = "monitoring"
    if newest is not Severity.OK:
        rung = next(one for one in policy.rungs if one.severity is newest)
        first = crossings(readings[-1], rung)[0]
        rule = first.limit.key
        reason = (
            f"{_said(first)}, in one window; {rule.rpartition('.')[0]} wants "
            f"{rung.wanted} of {rung.among} windows."
        )
    return _decision(
        readings,
        policy,
        action=Action.KEEP,
        wanted=Action.KEEP,
        cause=Cause.NONE,
        rule=rule,
        reason=reason,
    )


def _reason(fired: Rung, severities: Sequence[Severity], seen: list[Crossing]) -> str:
    known = [each for each in severities if each is not Severity.UNKNOWN][-fired.among :]
    count = sum(each.rank >= fired.severity.rank for each in known)
    others = f", and {len(seen) - 1} more" if len(seen) > 1 else ""
    return (
        f"{_said(seen[0])}{others}; {count} of the last {len(known)} windows were at least as bad "
        f"({fired.wanted} of {fired.among} wanted)."
    )


def _said(crossing: Crossing) -> str:
    limit, measure = crossing.limit, crossing.measure
    where = f" of '{measure.column}'" if measure.column else ""
    own = limit.measure == "drifted"
    name = measure.method if own and measure.method else limit.measure
    bound = measure.threshold if own else limit.threshold
    value, bound = (_short(measure.value), _short(bound))
    against = "below" if limit.below else "against"
    return f"{name}{where} is {value} {against} {limit.key} {bound}"


def _short(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


def _recent(times: Sequence[datetime], now: datetime, span: timedelta) -> int:
    return sum(now - each < span for each in times)


def _decision(
    readings: Sequence[Reading],
    policy: Policy,
    *,
    action: Action,
    wanted: Action,
    cause: Cause,
    rule: str,
    reason: str,
    held_back: tuple[str, ...] = (),
) -> Decision:
    newest, deepest = readings[-1], max((rung.among for rung in policy.rungs), default=1)
    looked_at = tuple(each.digest for each in readings[-max(deepest, 1) :])
    judged_by = policy.digest
    identity = digest_of([looked_at, judged_by, newest.version, newest.epoch])
    return Decision(
        id=identity,
        model=newest.model,
        version=newest.version,
        epoch=newest.epoch,
        action=action,
        wanted=wanted,
        cause=cause,
        rule=rule,
        reason=reason,
        held_back=held_back,
        readings=looked_at,
        policy=judged_by,
        dry_run=policy.dry_run,
    )
