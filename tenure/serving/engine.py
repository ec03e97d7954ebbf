"""When is what was asked computed, and with whom together?

What a version answers quicker than a thread could take it over is computed at once, on the event
loop. Everything else goes to one computing thread: the first request at once, and what arrives for
the same version while it computes as one call. There is no timer, so a request that is alone never
waits for others. Models take turns. How many may wait is bounded, and for how long; whoever leaves
before its turn is not computed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from contextlib import suppress
from mmap import mmap
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from tenure.predictions import PredictionLog
from tenure.serving.asks import Ask
from tenure.serving.bodies import ClientLeft, Receive
from tenure.serving.computing import Columns, Computed, compute_jointly
from tenure.serving.crashes import LOOP, SLOT, THREAD
from tenure.serving.crowds import Crowds
from tenure.serving.entries import entry, unpredictable
from tenure.serving.lanes import Lane, Lanes, Later, Member, Waiting
from tenure.serving.limits import Limits
from tenure.serving.problems import Problem, retry_after
from tenure.serving.router import Reference
from tenure.serving.runtime import Predicted, Runtime

if TYPE_CHECKING:
    from tenure.serving.companions import Guarding, Metrics

_log = logging.getLogger(__name__)

_LOOK_S = 0.05
_TOGETHER = 64
_EXPECTED = (ValueError, TypeError, ArithmeticError)


class Engine:
    """Computes predictions for one event loop.

    Args:
        log: takes what was answered.
        limits: how many may wait, how long, and how many rows one call may have.

    Attributes:
        in_flight: how many requests wait or are computed.
        marks: where it stands what is being computed, should that crash the process.
    """

    def __init__(self, log: PredictionLog, limits: Limits) -> None:
        self.log = log
        self.limits = limits
        self.in_flight = 0
        self.marks: bytearray | mmap = bytearray(3 * SLOT)
        self.metrics: Metrics | None = None
        self.guarding: Guarding | None = None
        self._lanes = Lanes()
        self._crowds = Crowds(self._lanes, lambda: self.marks, self._note, self._count)
        self.planned = self._crowds.planned
        self._turns: deque[Lane] = deque()
        self._computing: list[Member] = []
        self._is_due = False
        self._begun_at = self._gather_until = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look: asyncio.TimerHandle | None = None
        self._work: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def answer(self, reference: Reference, ask: Ask, receive: Receive) -> Predicted:
        """Return the predictions for one request; the log has its entry when this returns.

        Args:
            reference: what answers.
            ask: what is asked.
            receive: tells when the client leaves (ASGI 3); its body has been read.

        Raises:
            Problem: 422 where the version cannot predict these rows; 503 where too many wait, or
                the log is full and the spec wants no prediction without it; 504 when it is late.
            ClientLeft: the client left before its turn came.
        """
        began_at = time.perf_counter()
        runtime = reference.runtime
        lane = self._lanes.of(runtime)
        if lane.may_be_quick and runtime.is_quick(len(ask.ids)):
            return self._at_once(lane, reference, ask, began_at)
        return await self._wait(lane, reference, ask, receive, began_at)

    def later(self, reference: Reference, ask: Ask, began_at: float) -> Waiting | None:
        """Return what waits for the predictions for one request, without a task.

        It comes to what `answer` returns or raises.

        Args:
            reference: what answers.
            ask: what is asked.
            began_at: when the request had been read (`time.perf_counter`).

        Returns:
            None, and nothing done, where it would be computed at once, or too many wait.
        """
        runtime = reference.runtime
        lane = self._lanes.of(runtime)
        if self.in_flight >= self.limits.in_flight:
            return None
        if lane.may_be_quick and runtime.is_quick(len(ask.ids)):
            return None
        later = Later(self._one_less)
        self._join(lane, Member(reference, ask, None, later, began_at, self._due(began_at)))
        return later.waiting

    def close(self) -> None:
        """End the computing thread once what it holds is done."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join()
            self._thread = None

    def _here(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # Whoever waited on another loop is gone with it.
            self._loop, self._look, self._is_due, self._computing = loop, None, False, []
        return loop

    def _note(
        self, lane: Lane, reference: Reference, ask: Ask, found: Predicted, began_at: float
    ) -> None:
        if lane.keeps_log:
            self._keep(lane, reference, ask, found, ask.columns, began_at)

    def _count(self, rows: int) -> None:
        if self.metrics is not None:
            self.metrics.batch(rows)

    def _at_once(self, lane: Lane, reference: Reference, ask: Ask, began_at: float) -> Predicted:
        wanted = ask.probabilities or lane.wants_shares
        rows = len(ask.ids)
        marks = self.marks
        marks[LOOP : LOOP + SLOT] = lane.mark_of(reference)
        try:
            found = reference.runtime.answer(ask.columns, rows, probabilities=wanted)
        except _EXPECTED as error:
            raise unpredictable(reference, ask, error) from None
        finally:
            marks[LOOP] = 0
        if self.metrics is not None:
            self.metrics.batch(rows)
        if lane.keeps_log:
            self._keep(lane, reference, ask, found, ask.columns, began_at)
        return found

    def _keep(
        self,
        lane: Lane,
        reference: Reference,
        ask: Ask,
        found: Predicted,
        inputs: Columns,
        began_at: float,
    ) -> None:
        flags = None
        if self.guarding is not None:
            flags = self.guarding.logged(reference, ask, found)
        one = entry(lane.of, reference, ask, found, inputs, began_at, flags)
        is_kept = self.log.append(one)
        if lane.refuses_unlogged and (not is_kept or self.log.trouble is not None):
            # While the disk takes nothing, what waits in memory is on no record yet.
            detail = "The prediction log takes no more now, and nothing is answered without it."
            raise Problem(503, "log-full", detail, headers=[retry_after(2)])

    def _jointly(
        self, lane: Lane, runtime: Runtime, members: list[Member]
    ) -> list[Computed | Exception]:
        wanted = lane.wants_shares or any(each.ask.probabilities for each in members)
        asks = [each.ask for each in members]
        marks = self.marks
        marks[THREAD : THREAD + SLOT] = lane.mark_of(members[0].reference)
        try:
            return compute_jointly(runtime, lane.of, asks, probabilities=wanted)
        finally:
            marks[THREAD] = 0

    # Requests that wait for the computing thread.

    async def _wait(
        self,
        lane: Lane,
        reference: Reference,
        ask: Ask,
        receive: Receive,
        began_at: float,
    ) -> Predicted:
        if self.in_flight >= self.limits.in_flight:
            detail = f"{self.in_flight} requests wait already."
            raise Problem(503, "busy", detail, headers=[retry_after(1)])
        result = self._here().create_future()
        member = Member(reference, ask, receive, result, began_at, self._due(began_at))
        self._join(lane, member)
        try:
            return await result
        finally:
            self._one_less()
            if member.watch is not None:
                member.watch.cancel()

    def _due(self, began_at: float) -> float:
        return began_at + self.limits.answer_s

    def _join(self, lane: Lane, member: Member) -> None:
        loop = self._here()
        self.in_flight += 1
        lane.waiting.append(member)
        self._take_a_turn(lane)
        if self._look is None:
            self._look = loop.call_later(_LOOK_S, self._look_after)

    def _one_less(self) -> None:
        self.in_flight -= 1

    def _take_a_turn(self, lane: Lane) -> None:
        if not lane.is_queued:
            lane.is_queued = True
            self._turns.append(lane)
        if not self._computing and not self._is_due:
            self._is_due = True
            # Not before the others of this turn are here: they cost the first one microseconds.
            self._here().call_soon(self._gather, -1)

    def _gather(self, before: int) -> None:
        # Whom the last call answered together may well ask again together: as long as each turn of
        # the loop brings more of them, and for no longer than that call took, they are let in.
        waiting = sum(len(lane.waiting) for lane in self._turns)
        if waiting > before and time.perf_counter() < self._gather_until:
            self._here().call_soon(self._gather, waiting)
        else:
            self._begin()

    def _begin(self) -> None:
        self._is_due = False
        while self._turns and not self._computing:
            lane = self._turns.popleft()
            members = self._next(lane)
            lane.is_queued = bool(lane.waiting)
            if lane.is_queued:
                self._turns.append(lane)
            if members:
                self._hand_over(lane, members)

    def _next(self, lane: Lane) -> list[Member]:
        members: list[Member] = []
        rows = 0
        while lane.waiting:
            first = lane.waiting[0]
            if first.result.done():
                lane.waiting.popleft()
                continue
            rows += first.ask.rows
            if members and rows > self.limits.batch_rows:
                break
            first.is_begun = True
            members.append(lane.waiting.popleft())
        return members

    def _hand_over(self, lane: Lane, members: list[Member]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._compute, name="tenure-predict")
            self._thread.daemon = True
            self._thread.start()
        self._computing, self._begun_at = members, time.perf_counter()
        self._work.put((self._here(), lane, members))

    def _compute(self) -> None:
        while (work := self._work.get()) is not None:
            loop, lane, members = work
            runtime = members[0].reference.runtime
            try:
                found = self._jointly(lane, runtime, members)
            except BaseException as error:  # noqa: BLE001 - a thread that ends answers nobody
                found = [RuntimeError(type(error).__name__)] * len(members)
            with suppress(RuntimeError):  # the loop has ended, and who waited with it
                loop.call_soon_threadsafe(self._computed, lane, members, found)
            del work, lane, members, runtime, found  # nothing here shall keep a version in memory

    def _computed(
        self, lane: Lane, members: list[Member], found: list[Computed | Exception]
    ) -> None:
        self._computing = []
        if len(members) > 1:
            now = time.perf_counter()
            self._gather_until = 2 * now - self._begun_at
        self._give(lane, members, found)
        if self._turns and not self._is_due:
            self._is_due = True
            self._here().call_soon(self._gather, -1)

    def _give(self, lane: Lane, members: list[Member], found: list[Computed | Exception]) -> None:
        if self.metrics is not None:
            self.metrics.batch(sum(each.ask.rows for each in members))
        for member, one in zip(members, found, strict=True):
            if member.result.done():
                continue
            try:
                given = self._given(lane, member, one)
            except Exception as error:  # noqa: BLE001 - it is whose request it is who reads it
                member.result.set_exception(error)
            else:
                member.result.set_result(given)

    def _given(self, lane: Lane, member: Member, one: Computed | Exception) -> Predicted:
        if isinstance(one, _EXPECTED):
            raise unpredictable(member.reference, member.ask, one) from None
        if isinstance(one, Exception):
            raise one
        found, inputs = one
        if lane.keeps_log:
            self._keep(lane, member.reference, member.ask, found, inputs, member.began_at)
        return found

    # Who waits too long, or left.

    def _look_after(self) -> None:
        loop = self._here()
        self._look = None
        waiting = [each for lane in self._turns for each in lane.waiting]
        now = time.perf_counter()
        for member in (*self._computing, *waiting):
            if member.result.done():
                continue
            if now >= member.due_at:
                member.result.set_exception(_late(member, self.limits))
            elif not member.is_begun and member.watch is None and member.receive is not None:
                member.watch = loop.create_task(_left(member, member.receive))
        if waiting or self._computing:
            self._look = loop.call_later(_LOOK_S, self._look_after)


def _late(member: Member, limits: Limits) -> Problem:
    if member.is_begun:
        detail = f"The prediction took longer than {limits.answer_s:g} s."
        return Problem(504, "late", detail)
    detail = f"The request's turn did not come within {limits.answer_s:g} s."
    return Problem(503, "busy", detail, headers=[retry_after(2)])


async def _left(member: Member, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not member.is_begun and not member.result.done():
        member.result.set_exception(ClientLeft())
