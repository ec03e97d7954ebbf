"""Does a plan that serves still answer as its estimator does?

Live answers are compared with scikit-learn's now and then, in a thread of their own after they were
given: the first ones more often, then one in a thousand, and never so many that they take more than
a hundredth of the time. At the first difference the plan answers no more, in this process and for
good.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Full, Queue
from typing import Any

from tenure.plans import Agreement, Compiled, Declined, Refused
from tenure.plans.columns import Columns
from tenure.plans.judging import difference
from tenure.plans.plan import Found, Plan

_log = logging.getLogger(__name__)

EVERY = 1_000
QUICK_S = 2e-4
"""What an event loop may spend on one request."""
_SHARE = 0.01
"""Of the time, what comparing may take."""
_COUNTS = (1, 4, 16, 64, 256)
_NEVER = -1
_FIRST = 10
"""So many are compared however long it takes."""

Truth = Callable[[Columns, bool], tuple[Any, Any]]
"""What the estimator says of rows: its values and, where they are wanted, its probabilities."""


class Answering:
    """A version's plan in one process.

    Args:
        name: how a line in a log calls the version.
        plan: what answers.
        signed: what was measured of it at registration.
        every: how many answers there are to one that is compared.

    Attributes:
        trouble: why it answers no more, in a sentence; None while it does.
        compared: how many live answers were compared.
        differed: how many of them differed.
        raised: how often the plan raised what it should have declined.
    """

    def __init__(self, name: str, plan: Plan, signed: Compiled, *, every: int = EVERY) -> None:
        self.name = name
        self.plan = plan
        self.signed = signed
        self.trouble: str | None = None
        self.compared = 0
        self.differed = 0
        self.raised = 0
        self.most_rows = 1 << 62 if signed.most_rows is None else signed.most_rows
        self.quick_rows = 0
        self._every = every
        self._answered = 0
        self._next = 1
        self._not_before = 0.0

    @property
    def agreement(self) -> Agreement:
        """How far it was measured to agree at registration."""
        return self.signed.agreement

    def answer(
        self, columns: Columns, rows: int, *, probabilities: bool, truth: Truth
    ) -> Found | None:
        """Return values and probabilities, or None where the estimator is to be asked.

        `truth` asks it; it is not kept, as it holds the version in memory.
        """
        if rows > self.most_rows:
            return None
        try:
            found = self.plan.answer(columns, rows, probabilities=probabilities)
        except Declined:
            return None
        except Exception as error:  # noqa: BLE001 - the estimator is asked, whatever it was
            self._say_once(error)
            return None
        self._answered += 1
        if self._answered >= self._next:
            self._next = min(2 * self._answered, self._answered + self._every)
            if time.monotonic() >= self._not_before:
                _THREAD.offer(partial(self._compare, columns, found, truth))
        return found

    def _say_once(self, error: Exception) -> None:
        # Rows may be the reason, and whoever sends them may not put a plan out of service.
        self.raised += 1
        if self.raised == 1:
            _log.warning("the plan of %s raised %s", self.name, type(error).__name__)

    def measure(self, columns: Columns) -> None:
        """Find out how many rows are answered so quickly that an event loop may wait for them.

        Args:
            columns: one row or more, by column.
        """
        rows = len(next(iter(columns.values())))
        for count in _COUNTS:
            if count > self.most_rows:
                return
            asked = {
                name: [values[place % rows] for place in range(count)]
                for name, values in columns.items()
            }
            if self._takes_s(asked, count) > QUICK_S:
                return
            self.quick_rows = count

    def _takes_s(self, columns: Columns, rows: int) -> float:
        best = float("inf")
        for _ in range(5):
            begun = time.thread_time()
            try:
                self.plan.answer(columns, rows, probabilities=True)
            except Declined:
                return best
            best = min(best, time.thread_time() - begun)
        return best

    def _compare(self, columns: Columns, found: Found, truth: Truth) -> None:
        if self.trouble is not None:
            return
        self.compared += 1
        begun = time.thread_time()
        try:
            wanted = truth(columns, found[1] is not None)
            difference(found, wanted, what="live rows", tolerance=self.signed.tolerance)
        except Refused as refused:
            self.differed += 1
            self._end(str(refused))
        except Exception as error:  # noqa: BLE001 - the plan answered, and the estimator does not
            self.differed += 1
            self._end(f"on live rows that it answered the estimator raised {type(error).__name__}")
        if self.compared > _FIRST:
            self._not_before = time.monotonic() + (time.thread_time() - begun) / _SHARE

    def _end(self, why: str) -> None:
        # The order matters to a thread that is about to ask: it may not begin any more.
        self.most_rows = self.quick_rows = _NEVER
        self.trouble = f"{self.name} is answered by scikit-learn alone, as its plan failed: {why}."
        _log.error("%s", self.trouble)


class _Thread:
    """Compares beside the requests, one at a time; what comes while two wait is not compared."""

    def __init__(self) -> None:
        self._queue: Queue[Callable[[], None]] = Queue(2)
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def offer(self, work: Callable[[], None]) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._guard:
                if self._thread is None or not self._thread.is_alive():
                    # A process that was forked from one with a thread has none, hence not once.
                    self._queue = Queue(2)
                    self._thread = threading.Thread(
                        target=self._work, args=(self._queue,), name="tenure-compare", daemon=True
                    )
                    self._thread.start()
        with suppress(Full):
            self._queue.put_nowait(work)

    @staticmethod
    def _work(queue: Queue[Callable[[], None]]) -> None:
        while True:
            queue.get()()
            queue.task_done()

    def settle(self) -> None:
        """Wait until everything that waits has been compared."""
        self._queue.join()


_THREAD = _Thread()


def settle() -> None:
    """Wait until all live answers that were chosen have been compared."""
    _THREAD.settle()
