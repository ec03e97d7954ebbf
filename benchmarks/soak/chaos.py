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
from tenure.registry import deploy
from tenure.workspace import Workspace

SWAP_EVERY_S = 3.0
KILL_EVERY_S = 20.0
FULL_EVERY_S = 45.0
FULL_FOR_S = 6.0


@dataclass
class Chaos:
    """What was done, and when (seconds since 1970).

    Attributes:
        swaps: by model, each epoch and when it was committed.
        full: begin and end of each time in which nothing could be written.
    """

    swaps: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    kills: list[float] = field(default_factory=list)
    full: list[tuple[float, float]] = field(default_factory=list)


async def swap_on(workspace: Workspace, asked: list[Asked], chaos: Chaos, until: float) -> None:
    """Give each model's slot to its other version, again and again."""
    turn = 0
    while time.monotonic() < until:
        await asyncio.sleep(SWAP_EVERY_S)
        turn += 1
        for model in asked:
            number = 1 + turn % VERSIONS
            said = {"actor": ACTOR, "reason": "The soak swaps."}
            moved = await asyncio.to_thread(deploy, model.model, number, workspace, **said)
            chaos.swaps.setdefault(model.model, []).append((moved.epoch, time.time()))


async def kill_on(supervisor: int, chaos: Chaos, until: float) -> None:
    """Kill one worker after the other, the oldest first."""
    while time.monotonic() < until - KILL_EVERY_S / 2:
        await asyncio.sleep(KILL_EVERY_S)
        workers = serving_workers(supervisor)
        if len(workers) > 1:
            oldest = min(workers, key=lambda each: each.create_time())
            os.kill(oldest.pid, signal.SIGKILL)
            chaos.kills.append(time.time())


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
            if any("tenure.serving" in part for part in child.cmdline()):
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
