"""What befalls a server in a soak?

Versions change all the time, workers are killed, and for a while nothing can be written: a limit on
the size of files, set on the running workers from outside, fails every write as a full disk does.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from benchmarks.serving.models import ACTOR
from benchmarks.soak.stage import VERSIONS, Asked
from tenure.predictions.status import read_statuses, wait_until_serving
from tenure.records import Assignment
from tenure.registry import deploy
from tenure.workspace import Workspace

SWAP_EVERY_S = 3.0
KILL_EVERY_S = 20.0
FULL_EVERY_S = 45.0
FULL_FOR_S = 6.0
FOLLOW_S = 60.0
OLDEST_UNTIL = 0.2
"""In this part of a soak the oldest worker is killed; then the youngest, so that one grows old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One change of a slot (times in seconds since 1970).

    Attributes:
        acknowledged_at: when every process that takes requests had said that it serves it; None if
            they did not.
    """

    epoch: int
    at: float
    acknowledged_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One worker that was killed: it was stopped between `begun` and `at`, and did nothing more.

    Attributes:
        ports: of the clients whose connections it held.
        others: of those whose connections the other workers held.
    """

    begun: float
    at: float
    ports: frozenset[int]
    others: frozenset[int]


@dataclass
class Chaos:
    """What was done, and when (seconds since 1970).

    Attributes:
        full: begin and end of each time in which nothing could be written.
    """

    moves: dict[str, list[Move]] = field(default_factory=dict)
    kills: list[Kill] = field(default_factory=list)
    full: list[tuple[float, float]] = field(default_factory=list)


async def swap_on(workspace: Workspace, asked: list[Asked], chaos: Chaos, until: float) -> None:
    """Give each model's slot to its other version, again and again."""
    turn = 0
    while time.monotonic() < until:
        await asyncio.sleep(SWAP_EVERY_S)
        turn += 1
        followed = []
        for model in asked:
            number = 1 + turn % VERSIONS
            moved, at = await asyncio.to_thread(_move, model.model, number, workspace)
            # The next model moves meanwhile: processes see one move, or both, and shall agree.
            follow = asyncio.to_thread(_follow, moved, at, workspace)
            followed.append((model.model, asyncio.create_task(follow)))
        for name, task in followed:
            chaos.moves.setdefault(name, []).append(await task)


def _move(model: str, number: int, workspace: Workspace) -> tuple[Assignment, float]:
    moved = deploy(model, number, workspace, actor=ACTOR, reason="The soak swaps.")
    return moved, time.time()


def _follow(moved: Assignment, at: float, workspace: Workspace) -> Move:
    followed = wait_until_serving(moved.model, moved.epoch, workspace, FOLLOW_S)
    is_known = followed.is_complete and followed.processes > 0
    return Move(epoch=moved.epoch, at=at, acknowledged_at=time.time() if is_known else None)


async def kill_on(supervisor: int, workspace: Workspace, chaos: Chaos, until: float) -> None:
    """Kill one worker after the other: at first the oldest, then the youngest.

    As long as another one answers: that somebody does when all are dead is promised by nobody.
    """
    begun, seconds = time.monotonic(), until - time.monotonic()
    while time.monotonic() < until - KILL_EVERY_S / 2:
        await asyncio.sleep(KILL_EVERY_S)
        workers = sorted(serving_workers(supervisor), key=lambda each: each.create_time())
        is_early = time.monotonic() - begun <= max(OLDEST_UNTIL * seconds, KILL_EVERY_S * 1.5)
        chosen = workers[0 if is_early else -1]
        if any(each.is_ready and each.pid != chosen.pid for each in read_statuses(workspace)):
            chaos.kills.append(await asyncio.to_thread(_kill, chosen, workers))


def _kill(worker: psutil.Process, workers: list[psutil.Process]) -> Kill:
    # Stopped first, so that whose answers it gave can be read of a process that gives none more.
    begun = time.time()
    os.kill(worker.pid, signal.SIGSTOP)
    while worker.status() != psutil.STATUS_STOPPED:
        time.sleep(0.001)
    at = time.time()
    ports = _ports(worker)
    others = frozenset(port for each in workers if each != worker for port in _ports(each))
    os.kill(worker.pid, signal.SIGKILL)
    return Kill(begun=begun, at=at, ports=ports, others=others)


def _ports(worker: psutil.Process) -> frozenset[int]:
    try:
        ends = [each.raddr for each in worker.net_connections("tcp") if each.raddr]
    except psutil.NoSuchProcess:
        return frozenset()
    return frozenset(each.port for each in ends)


async def fill_on(supervisor: int, chaos: Chaos, until: float) -> None:
    """Let every write of the workers fail for a while, now and then."""
    while time.monotonic() < until - FULL_EVERY_S / 2:
        await asyncio.sleep(FULL_EVERY_S)
        begun = time.time()
        end_at = time.monotonic() + FULL_FOR_S
        while time.monotonic() < end_at:
            _limit_files(supervisor, 0)  # again and again: a restarted worker has none
            await asyncio.sleep(0.5)
        _limit_files(supervisor, resource.RLIM_INFINITY)
        chaos.full.append((begun, time.time()))


def serving_workers(supervisor: int) -> list[psutil.Process]:
    """Return the processes that answer, without their helpers and the dead."""
    found = []
    for child in psutil.Process(supervisor).children():
        with suppress(psutil.NoSuchProcess):  # a zombie is one of these
            if child.name() == "tenure-worker":
                found.append(child)
    return found


def _limit_files(supervisor: int, most: int) -> None:
    for worker in serving_workers(supervisor):
        try:
            _, hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (most, hard))
        except ProcessLookupError:
            continue


def resident_bytes(worker: psutil.Process) -> int:
    """Return how much memory a worker holds; 0 for one that has just died."""
    try:
        return worker.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
