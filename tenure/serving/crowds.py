"""How does a plan answer one row at once, and the rows of a crowd together?

Called by whoever has a whole request in hand and needs no coroutine for it. Trees that are asked
for several rows in one call are in the processor's cache for all but the first: so what comes in
one turn of the event loop is computed at its end, together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from mmap import mmap

from tenure.serving.asks import Ask
from tenure.serving.computing import planned_jointly
from tenure.serving.crashes import LOOP, SLOT
from tenure.serving.lanes import Lane, Lanes, Waiting
from tenure.serving.router import Reference
from tenure.serving.runtime import Predicted

_log = logging.getLogger(__name__)

_TOGETHER = 64

Note = Callable[[Lane, Reference, Ask, Predicted, float], None]


class Crowds:
    """Answers requests of one row by plans, on the event loop.

    Args:
        lanes: of the versions.
        marks: returns where it stands what is being computed, should that crash the process.
        note: makes the log entry of an answer.
        count: counts a call by its rows.
    """

    def __init__(
        self,
        lanes: Lanes,
        marks: Callable[[], bytearray | mmap],
        note: Note,
        count: Callable[[int], None],
    ) -> None:
        self._lanes, self._marks, self._note, self._count = lanes, marks, note, count

    def planned(
        self, reference: Reference, ask: Ask, began_at: float
    ) -> Predicted | Waiting | None:
        """Return what a version's plan says of one row, with its log entry made.

        Args:
            reference: what answers.
            ask: one row.
            began_at: when the request had been read (`time.perf_counter`).

        Returns:
            The prediction, or what waits for it; None, and nothing done, where the estimator is to
            be asked or the spec wants no answer that is not logged: the engine knows what to do.
        """
        runtime = reference.runtime
        lane = self._lanes.of(runtime)
        if not lane.may_be_quick or lane.refuses_unlogged or not runtime.is_quick(1):
            return None
        if lane.joins and self._is_in_a_crowd(lane):
            waiting = Waiting()
            lane.together.append((reference, ask, began_at, waiting))
            return waiting
        return self._plan(lane, reference, ask, began_at)

    def _plan(
        self, lane: Lane, reference: Reference, ask: Ask, began_at: float
    ) -> Predicted | None:
        marks = self._marks()
        marks[LOOP : LOOP + SLOT] = lane.mark_of(reference)
        wanted = ask.probabilities or lane.wants_shares
        found = reference.runtime.planned(ask.columns, 1, probabilities=wanted)
        marks[LOOP] = 0
        if found is not None:
            self._count(1)
            self._note(lane, reference, ask, found, began_at)
        return found

    def _is_in_a_crowd(self, lane: Lane) -> bool:
        # Whether others come in the same turn is known only afterwards: the last turn's crowd
        # stands for this one's, so that a request which is alone is computed without a detour.
        loop = asyncio.get_running_loop()
        if not lane.asked_now or lane.loop is not loop:
            lane.loop, lane.asked_now, lane.together = loop, 0, []
            loop.call_soon(self._end_turn, lane)
        lane.asked_now += 1
        return lane.is_crowded

    def _end_turn(self, lane: Lane) -> None:
        lane.is_crowded, lane.asked_now = lane.asked_now > 1, 0
        together, lane.together = lane.together, []
        for begin in range(0, len(together), _TOGETHER):
            self._plan_jointly(lane, together[begin : begin + _TOGETHER])

    def _plan_jointly(
        self, lane: Lane, together: list[tuple[Reference, Ask, float, Waiting]]
    ) -> None:
        marks = self._marks()
        marks[LOOP : LOOP + SLOT] = lane.mark_of(together[0][0])
        found = planned_jointly(together[0][0].runtime, [ask for _, ask, _, _ in together])
        marks[LOOP] = 0
        if found is not None:
            self._count(len(together))
        for place, (reference, ask, began_at, waiting) in enumerate(together):
            try:
                if found is None:
                    waiting.tell(self._plan(lane, reference, ask, began_at))
                else:
                    self._note(lane, reference, ask, found[place], began_at)
                    waiting.tell(found[place])
            except Exception:  # noqa: BLE001 - one client's trouble is not the others'
                _log.error("an answer could not be given", exc_info=True)
