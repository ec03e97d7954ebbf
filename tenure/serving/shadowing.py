"""How is a version tried on live requests without anybody noticing?

What the champion has answered is put on a bounded queue; one thread of low priority asks the shadow
while no request is under way, and logs its answer under the slot `shadow`. What does not fit is
dropped and counted, and so is whatever the shadow raises.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from tenure.predictions import PredictionLog
from tenure.records import Slot
from tenure.serving.asks import Ask
from tenure.serving.computing import compute_jointly
from tenure.serving.crashes import SHADOW, SIZE, SLOT, Marks, mark_of
from tenure.serving.entries import entry, logged_version
from tenure.serving.standing import Reference, Standing
from tenure.serving.tallying import Tally

_log = logging.getLogger(__name__)

MOST_ASKS = 256
MOST_ROWS = 20_000
_LOOK_S = 0.002
_LOWEST = 19


class Mirror:
    """The shadows of one process.

    Args:
        standing: returns what is served now.
        answer: asks a version and logs what it says; raises whatever it raises.
        is_idle: says whether no request is under way.
        tally: counts what the shadow answered and failed.
        marks: returns where it is written what this process is busy with, should it crash.

    Attributes:
        mirrored: requests that a shadow was asked.
        dropped: those that were given up because the queue was full.
        unfit: those whose columns are not what the shadow takes.
    """

    def __init__(
        self,
        *,
        standing: Callable[[], Standing],
        answer: Callable[[Reference, Ask], object],
        is_idle: Callable[[], bool],
        tally: Tally,
        marks: Callable[[], Marks] = lambda: bytearray(SIZE),
        most_asks: int = MOST_ASKS,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self.mirrored = self.dropped = self.unfit = 0
        self._standing, self._answer = standing, answer
        self._is_idle, self._tally, self._marks = is_idle, tally, marks
        self._most_asks, self._most_rows = most_asks, most_rows
        self._waiting: deque[tuple[str, tuple[str, ...], Ask]] = deque()
        self._rows = 0
        self._guard = threading.Lock()
        self._some = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def mirror(self, answered: Reference, ask: Ask) -> None:
        """Let the shadow of a model, if it has one, answer what its champion has answered.

        Never waits and never raises.
        """
        if answered.slot is not Slot.CHAMPION or answered.model not in self._standing().shadows:
            return
        rows = ask.rows
        with self._guard:
            if len(self._waiting) >= self._most_asks or self._rows + rows > self._most_rows:
                self.dropped += 1
                return
            columns = tuple(f"{each.name} {each.type}" for each in answered.runtime.asked)
            self._waiting.append((answered.model, columns, ask))
            self._rows += rows
        self._some.set()

    def start(self) -> None:
        """Begin to ask the shadows."""
        self._thread = threading.Thread(target=self._work, name="tenure-shadow", daemon=True)
        self._thread.start()

    def stop(self, patience_s: float = 2.0) -> None:
        """Give up what waits, and do not wait long for a shadow that is slow."""
        self._stop.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join(patience_s)
        with self._guard:
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._rows = 0

    def _work(self) -> None:
        # Linux gives a thread a priority of its own; elsewhere it has that of the process.
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
        while True:
            self._some.wait()
            if self._stop.is_set():
                return
            if not self._is_idle():
                self._stop.wait(_LOOK_S)
                continue
            self._ask_next()

    def _ask_next(self) -> None:
        with self._guard:
            if not self._waiting:
                self._some.clear()
                return
            model, columns, ask = self._waiting.popleft()
            self._rows -= ask.rows
        shadow = self._standing().shadows.get(model)
        if shadow is None:
            return
        if columns != tuple(f"{each.name} {each.type}" for each in shadow.runtime.asked):
            self.unfit += 1
            return
        self.mirrored += 1
        marks = self._marks()
        marks[SHADOW : SHADOW + SLOT] = mark_of(model, shadow.version, shadow.epoch)
        try:
            self._answer(shadow, ask)
        except Exception as error:  # noqa: BLE001 - whatever a shadow does, the champion answers
            self._tally.raised(shadow, error)
            kind = type(error).__name__
            _log.debug("shadow version %s of '%s' raised %s", shadow.version, model, kind)
        else:
            self._tally.answered(shadow)
        finally:
            marks[SHADOW] = 0


def answer_unseen(log: PredictionLog, shadow: Reference, ask: Ask) -> None:
    """Ask a shadow and log what it says; nobody reads it but the log's readers.

    Raises:
        Exception: whatever its estimator raises.
    """
    began_at = time.perf_counter()
    runtime = shadow.runtime
    keeps_log, of = runtime.rules.log != "off", logged_version(runtime)
    wanted = ask.probabilities or keeps_log
    (one,) = compute_jointly(runtime, of, [ask], probabilities=wanted)
    if isinstance(one, Exception):
        raise one
    if keeps_log:
        found, inputs = one
        log.append(entry(of, shadow, ask, found, inputs, began_at))
