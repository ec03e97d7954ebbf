"""Has a version done well enough in this step to go on to the next?

A pure function of what was seen and of the spec. Each check ends in one of three ways: it holds,
it is broken beyond what chance explains, or it is open. One broken check sends the version back at
once; it goes on when all hold, the step has baked and enough requests were answered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tenure.spec.rollout import RolloutSpec

Z = 3.0
"""Standard errors that a count must lie beyond a limit to be no chance."""
SLOWER_MS = 1.0
"""A difference that nobody feels, whatever the ratio."""
TAIL = 0.95


class Finding(StrEnum):
    """How a check ended."""

    HOLDS = "holds"
    BROKEN = "broken"
    OPEN = "open"


class Move(StrEnum):
    """What follows from a judgement."""

    ADVANCE = "advance"
    WAIT = "wait"
    HOLD = "hold"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one of the two versions did in a step.

    `requests` were answered and `failed` were not, as far as they are known; `latencies_ms` are
    those of (a sample of) its requests, sorted.
    """

    version: int
    requests: int = 0
    failed: int = 0
    latencies_ms: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How far two samples of answers lie apart, 0 to 1, and how far chance alone may put them."""

    value: float
    noise: float
    method: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """How much worse than the champion a version is on rows whose truth is known.

    `loss` is in the metric's unit, below 0 for a version that is better; chance alone may put it as
    far off as `noise`. `rows` are those of the version that has fewer.
    """

    metric: str
    champion: float
    challenger: float
    loss: float
    noise: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a step.

    `obstacles` are what servers say that cannot load the version. `is_logged` is false where the
    spec keeps no prediction log: then only errors can be judged.
    """

    share: float
    began_at: datetime
    challenger: Side
    champion: Side
    gap: Gap | None = None
    loss: Loss | None = None
    obstacles: tuple[str, ...] = ()
    is_logged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question and its answer, in words."""

    name: str
    finding: Finding
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What follows, why, and the checks that it rests on."""

    move: Move
    reason: str
    checks: tuple[Check, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def judge(seen: Seen, spec: RolloutSpec, now: datetime) -> Judgement:
    """Return what follows from what was seen in a step."""
    checks = tuple(_checks(seen, spec))
    broken = [check for check in checks if check.finding is Finding.BROKEN]
    if broken:
        return Judgement(
            move=Move.ROLL_BACK, reason=" ".join(check.says for check in broken), checks=checks
        )
    left = seen.began_at + timedelta(minutes=spec.bake_minutes) - now
    if left > timedelta(0):
        reason = f"The step bakes for another {_minutes(left)}."
        return Judgement(move=Move.WAIT, reason=reason, checks=checks)
    open_ = [check for check in checks if check.finding is Finding.OPEN]
    if not open_:
        reason = " ".join(check.says for check in checks)
        return Judgement(move=Move.ADVANCE, reason=reason, checks=checks)
    why = " ".join(check.says for check in open_)
    if now - seen.began_at < timedelta(hours=spec.max_wait_hours):
        return Judgement(move=Move.WAIT, reason=why, checks=checks)
    move = {"hold": Move.HOLD, "advance": Move.ADVANCE, "roll_back": Move.ROLL_BACK}
    reason = f"Not settled within {spec.max_wait_hours:g} h: {why}"
    return Judgement(move=move[spec.on_too_few], reason=reason, checks=checks)


def _checks(seen: Seen, spec: RolloutSpec) -> Iterator[Check]:
    if seen.obstacles:
        yield Check(name="load", finding=Finding.BROKEN, says=" ".join(seen.obstacles))
    answered, wanted = seen.challenger.requests, spec.min_requests
    yield Check(
        name="requests",
        finding=Finding.HOLDS if answered >= wanted else Finding.OPEN,
        says=f"It answered {answered} requests of the {wanted} that are wanted.",
    )
    yield _errors(seen, spec)
    if spec.max_latency_ratio is not None and seen.is_logged:
        yield _latency(seen, spec.max_latency_ratio, wanted)
    labels = None
    if spec.max_loss is not None and seen.loss is not None and seen.loss.rows >= wanted:
        yield (labels := _labels(seen.loss, spec.max_loss))
    if spec.max_difference is not None and seen.is_logged:
        differs = _difference(seen.gap, spec.max_difference, wanted)
        yield _outranked(differs) if labels and _is_as_good(seen.loss, spec.max_loss) else differs


def _errors(seen: Seen, spec: RolloutSpec) -> Check:
    tried = seen.challenger.requests + seen.challenger.failed
    usual = _share(seen.champion.failed, seen.champion.requests + seen.champion.failed)
    share, limit = _share(seen.challenger.failed, tried), usual + spec.max_error_share
    says = f"It failed {seen.challenger.failed} of {tried} requests"
    says += f"; the champion fails {usual:.2%}, and {spec.max_error_share:.2%} more are allowed."
    if share <= limit:
        return Check(name="errors", finding=Finding.HOLDS, says=says)
    beyond = _at_least(seen.challenger.failed, tried) > limit
    return Check(name="errors", finding=Finding.BROKEN if beyond else Finding.OPEN, says=says)


def _latency(seen: Seen, ratio: float, wanted: int) -> Check:
    mine, other = seen.challenger.latencies_ms, seen.champion.latencies_ms
    if len(mine) < min(wanted, 20) or len(other) < min(wanted, 20):
        says = f"Too few latencies to compare: {len(mine)}, and {len(other)} of the champion."
        return Check(name="latency", finding=Finding.OPEN, says=says)
    slow, usual = tail(mine), tail(other)
    says = f"It takes {slow:.3g} ms at the 95th percentile, the champion {usual:.3g} ms"
    says += f"; {ratio:g} times as long is allowed."
    limit = max(ratio * usual, usual + SLOWER_MS)
    if slow <= limit:
        return Check(name="latency", finding=Finding.HOLDS, says=says)
    beyond = tail(mine, by_chance=True) > limit
    return Check(name="latency", finding=Finding.BROKEN if beyond else Finding.OPEN, says=says)


def _difference(gap: Gap | None, limit: float, wanted: int) -> Check:
    if gap is None or gap.rows < wanted:
        rows = gap.rows if gap else 0
        says = f"Too few answers to compare with the champion's: {rows}."
        return Check(name="difference", finding=Finding.OPEN, says=says)
    says = f"Its answers lie {gap.value:.3g} from the champion's ({gap.method}, chance alone up to "
    says += f"{gap.noise:.3g}); {limit:g} is allowed."
    if gap.value <= limit:
        return Check(name="difference", finding=Finding.HOLDS, says=says)
    beyond = gap.value - gap.noise > limit
    return Check(name="difference", finding=Finding.BROKEN if beyond else Finding.OPEN, says=says)


def _labels(loss: Loss, limit: float) -> Check:
    says = f"On {loss.rows} labelled rows its {loss.metric} is {loss.challenger:.4g}, the "
    says += f"champion's {loss.champion:.4g}; a loss of {limit:g} is allowed, and chance alone may "
    says += f"make up to {loss.noise:.3g}."
    # Labels come when they come: those that are not clear yet hold nobody up.
    beyond = loss.loss - loss.noise > limit
    return Check(name="labels", finding=Finding.BROKEN if beyond else Finding.HOLDS, says=says)


def _is_as_good(loss: Loss | None, limit: float | None) -> bool:
    return loss is not None and limit is not None and loss.loss <= limit


def _outranked(differs: Check) -> Check:
    """Return a difference as it counts beside labels that speak for the version.

    Whoever is right more often answers otherwise; only where nobody knows is that suspect.
    """
    if differs.finding is Finding.HOLDS:
        return differs
    says = f"{differs.says} Labels speak for it, and outrank that."
    return Check(name=differs.name, finding=Finding.HOLDS, says=says)


def tail(values: tuple[float, ...], *, by_chance: bool = False) -> float:
    """Return the 95th percentile of sorted values, or the least that it may be by chance.

    The rank of a quantile is binomial: `Z` standard errors below it stands the least value.
    """
    n = len(values)
    place = n * TAIL - (Z * math.sqrt(n * TAIL * (1 - TAIL)) if by_chance else 0.0)
    return values[min(n - 1, max(0, math.ceil(place) - 1))]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _at_least(part: int, whole: int) -> float:
    """Return the least share that a count may stand for: Wilson's bound (1927)."""
    if not whole:
        return 0.0
    share, z2 = part / whole, Z * Z
    middle = share + z2 / (2 * whole)
    spread = Z * math.sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole))
    return (middle - spread) / (1 + z2 / whole)


def _minutes(left: timedelta) -> str:
    minutes = left.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes >= 1 else f"{left.total_seconds():.0f} s"
