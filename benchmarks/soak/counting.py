"""What was promised and is not there?

Promised is: every answer right; none of an ended epoch to a request that was begun after the
processes had said that they serve the next one; and every answered prediction in the log, but for
what a killed process had answered since the log was last written, and what it could not write while
the disk was full. Who answered is known by the connection, and when by the request's begin and end:
an answer is excused only if it may have been given by that process in that time, and was not given
by another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.soak.chaos import Chaos, Kill, Move
from benchmarks.soak.clients import Counts, Given
from tenure import predictions
from tenure.predictions.writer import LogLimits
from tenure.registry import open_ledger
from tenure.workspace import Workspace

BOUND_S = 0.2
"""What a killed process may lose: it writes every 0.05 s; a busy machine lets a write wait, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Answered predictions that the log does not hold.

    Attributes:
        before_kills: how long before its process was killed (seconds) each of them was answered
            that is within the bound.
        while_full: what a killed process could not write before, since the disk was full.
        not_last: lost though the same process had logged what was asked of it later.
        unexplained: neither of the former.
    """

    logged: int
    before_kills: tuple[float, ...]
    while_full: int
    not_last: int
    unexplained: tuple[Given, ...]
    twice: int


def lost(workspace: Workspace, models: list[str], counts: Counts, chaos: Chaos) -> Lost:
    """Compare what clients were told with what the log holds."""
    predictions.carry(workspace)
    ids = [one for model in models for one in predictions.read(model, workspace)["id"]]
    held = set(ids)
    missing = [given for name, given in counts.answered.items() if name not in held]
    logged = [given for name, given in counts.answered.items() if name in held]
    before, full, unexplained = [], 0, []
    for given in missing:
        kill = _next_kill(given, chaos)
        if kill is None or not _may_be_of(given, kill):
            unexplained.append(given)
        elif _was_full(given, kill, chaos.full):
            full += 1
        elif given.at >= kill.begun - BOUND_S:
            before.append(max(0.0, kill.begun - given.at))
        else:
            unexplained.append(given)
    return Lost(
        logged=len(logged),
        before_kills=tuple(sorted(before)),
        while_full=full,
        not_last=sum(_not_last(each, missing, logged, chaos) for each in chaos.kills),
        unexplained=tuple(unexplained),
        twice=len(ids) - len(held) - _again(ids, counts.repeated),
    )


def _next_kill(given: Given, chaos: Chaos) -> Kill | None:
    """Return the first kill after a request, whoever answered it."""
    return next((each for each in chaos.kills if given.begun <= each.at), None)


def _may_be_of(given: Given, kill: Kill) -> bool:
    # A connection that was closed by then is nobody's: it may have been the killed one's.
    return given.port not in kill.others and given.begun <= kill.at


def _is_of(given: Given, kill: Kill, chaos: Chaos) -> bool:
    # In ten minutes a port is many connections': before an earlier kill it was another one's.
    return given.port in kill.ports and _next_kill(given, chaos) is kill


def _was_full(given: Given, kill: Kill, full: list[tuple[float, float]]) -> bool:
    # After a failed write the log waits a while before it tries again.
    slack_s = LogLimits().retry_s + BOUND_S
    return any(begun - BOUND_S <= given.at and kill.begun <= end + slack_s for begun, end in full)


def _not_last(kill: Kill, missing: list[Given], logged: list[Given], chaos: Chaos) -> int:
    """Return how many were lost that ended before something logged of that process was begun."""
    latest = max((each.begun for each in logged if _is_of(each, kill, chaos)), default=0.0)
    return sum(each.at < latest for each in missing if _is_of(each, kill, chaos))


def _again(ids: list[str], repeated: set[str]) -> int:
    of = [name for name in ids if name in repeated]
    return len(of) - len(set(of))


def misnamed(workspace: Workspace, counts: Counts) -> list[tuple[str, int, int]]:
    """Return the models, epochs and versions of answers that the ledger knows otherwise."""
    models = {model for model, _, _ in counts.named}
    ledger = open_ledger(workspace)
    right = {(each.model, each.epoch, each.version) for m in models for each in ledger.tenures(m)}
    return sorted(counts.named - right)


def too_old(counts: Counts, chaos: Chaos) -> int:
    """Return how many answers came from an epoch whose end had been acknowledged before."""
    found = 0
    for model, answers in counts.epochs.items():
        known = _acknowledged(chaos.moves.get(model, []))
        times = [at for at, _ in known]
        for epoch, begun, _ in answers:
            before = bisect_left(times, begun)
            found += before > 0 and epoch < known[before - 1][1]
    return found


def _acknowledged(moves: Iterable[Move]) -> list[tuple[float, int]]:
    """Return when at least which epoch was served by all."""
    known, newest = [], 0
    for move in sorted(moves, key=lambda each: each.acknowledged_at or 0.0):
        if move.acknowledged_at is not None:
            newest = max(newest, move.epoch)
            known.append((move.acknowledged_at, newest))
    return known


def unacknowledged(chaos: Chaos) -> int:
    """Return how many moves the processes had not followed when nobody waited any longer."""
    return sum(each.acknowledged_at is None for moves in chaos.moves.values() for each in moves)


def followed_s(chaos: Chaos) -> list[float]:
    """Return the seconds from each move to its acknowledgement, sorted."""
    return sorted(
        each.acknowledged_at - each.at
        for moves in chaos.moves.values()
        for each in moves
        if each.acknowledged_at is not None
    )


def apart_s(counts: Counts) -> list[float]:
    """Return for each epoch how long after its first answer a request was begun that got an older.

    That is how far apart the processes were, as clients see it; seconds, sorted.
    """
    found = []
    for answers in counts.epochs.values():
        first: dict[int, float] = {}
        last: dict[int, float] = {}
        for epoch, begun, at in answers:
            first[epoch] = min(at, first.get(epoch, at))
            last[epoch] = max(begun, last.get(epoch, begun))
        older = 0.0
        for epoch in sorted(first):
            if older:
                found.append(max(0.0, older - first[epoch]))
            older = max(older, last[epoch])
    return sorted(found)
