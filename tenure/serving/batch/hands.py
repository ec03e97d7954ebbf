"""Who carries out the orders of a run on this machine: this process, or processes of its own?

A process that dies takes one order with it, which is known, and is replaced; the order comes back
as lost. Processes are started fresh, never forked out of one that has threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Protocol

from tenure.serving.batch.orders import AnyOrder, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Whoever had the order died over it."""

    reason: str
    may_try_again: bool = True


class Hands(Protocol):
    """Whoever carries out orders."""

    @property
    def width(self) -> int:
        """How many orders are worth giving at the same time."""
        ...

    def give(self, order: AnyOrder) -> None:
        """Hand an order over."""
        ...

    def take(self) -> tuple[AnyOrder, Reply | Lost]:
        """Wait for one of the orders that were given to come back."""
        ...

    def close(self) -> None:
        """Let everybody go; what they were at is dropped."""
        ...


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Alone:
    """This process carries out one order after the other."""

    width = 1

    def __init__(self) -> None:
        self._orders: deque[AnyOrder] = deque()

    def give(self, order: AnyOrder) -> None:
        """Keep an order for `take`."""
        self._orders.append(order)

    def take(self) -> tuple[AnyOrder, Reply | Lost]:
        """Carry out the oldest order."""
        from tenure.serving.batch.working import perform

        order = self._orders.popleft()
        return order, perform(order)

    def close(self) -> None:
        """There is nobody to let go."""


class _Worker:
    """A process, our end of the connection to it, and what it is at."""

    def __init__(self) -> None:
        self.orders, theirs = Pipe()
        command = [sys.executable, "-m", "tenure.serving.batch.worker", str(theirs.fileno())]
        paths = os.pathsep.join(path for path in sys.path if path)
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": paths},
        )
        theirs.close()
        self.order: AnyOrder | None = None

    def end(self) -> int:
        """Kill the process if it lives, and return its exit code."""
        self.orders.close()
        self.process.kill()
        code = self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        return code


class Processes:
    """Some processes of this machine; one is started when there is an order and none is free."""

    def __init__(self, count: int) -> None:
        self.width = count
        self._workers: list[_Worker] = []

    def pids(self) -> list[int]:
        """Return the processes' ids."""
        return [worker.process.pid for worker in self._workers]

    def give(self, order: AnyOrder) -> None:
        """Hand an order to a process that is free; at most `width` at a time."""
        free = next((worker for worker in self._workers if worker.order is None), None)
        if free is None:
            free = _Worker()
            self._workers.append(free)
        free.order = order
        try:
            free.orders.send(order)
        except OSError:  # it died before; `take` sees its connection closed
            return

    def take(self) -> tuple[AnyOrder, Reply | Lost]:
        """Wait for the first process to answer or to die."""
        while True:
            busy = {worker.orders: worker for worker in self._workers if worker.order is not None}
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                worker = busy[ready]
                order = worker.order
                assert order is not None
                try:
                    reply: Reply | Lost = ready.recv()
                except (EOFError, OSError):
                    reply = self._bury(worker)
                worker.order = None
                return order, reply

    def _bury(self, worker: _Worker) -> Lost:
        self._workers.remove(worker)
        try:
            code: int | None = worker.process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            code = None
        worker.end()
        ending = "ended" if code is None or code >= 0 else f"was killed by signal {-code}"
        return Lost(reason=f"The process that scored it {ending}; memory may have run out.")

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()
