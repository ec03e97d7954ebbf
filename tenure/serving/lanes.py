"""What need not be found out for each request for a version, and who waits for it?

Who waits is a task of its own, or a connection that is told: the latter costs the event loop a
fraction of the former.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tenure.predictions import LoggedVersion
from tenure.serving.asks import Ask
from tenure.serving.bodies import Receive
from tenure.serving.crashes import mark_of
from tenure.serving.entries import is_treated, logged_version
from tenure.serving.problems import Problem
from tenure.serving.router import Reference
from tenure.serving.runtime import Predicted, Runtime

_log = logging.getLogger(__name__)


class Waiting:
    """What comes later, in this turn of the event loop or a later one.

    Attributes:
        tell: called once with what came: a `Problem` where that is what the client is to read, None
            where each request must go the ordinary way.
        leave: called when nobody waits for it any more.
    """

    __slots__ = ("leave", "tell")
    tell: Callable[[Any], None]

    def __init__(self, leave: Callable[[], None] = lambda: None) -> None:
        self.leave = leave

    def after(self, make: Callable[[Any], Any]) -> Waiting:
        """Return what comes once something was made of what comes here; None stays None."""
        made = Waiting(self.leave)
        self.tell = lambda found: made.tell(None if found is None else make(found))
        return made


class Later:
    """What comes for a connection that waits without a task; a future as far as a member needs one.

    Args:
        ended: called once when it came, or nobody waits any more.

    Attributes:
        waiting: is told.
    """

    __slots__ = ("_ended", "_is_done", "waiting")

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended, self._is_done = ended, False
        self.waiting = Waiting(self._end)

    def done(self) -> bool:
        """Say whether it came, or nobody waits any more."""
        return self._is_done

    def set_result(self, found: Predicted) -> None:
        """Tell what was predicted."""
        self._tell(found)

    def set_exception(self, error: Exception) -> None:
        """Tell why nothing was; what no client may read is found out again the ordinary way."""
        self._tell(error if isinstance(error, Problem) else None)

    def _tell(self, found: Predicted | Problem | None) -> None:
        self._end()
        try:
            self.waiting.tell(found)
        except Exception:  # noqa: BLE001 - one client's trouble is not the others'
            _log.error("an answer could not be given", exc_info=True)
            self.waiting.tell(None)

    def _end(self) -> None:
        if not self._is_done:
            self._is_done = True
            self._ended()


@dataclass(slots=True, eq=False)
class Member:
    """One request that waits for its turn, or for the call that it is part of.

    Attributes:
        receive: tells when its client leaves; None where `result` knows.
    """

    reference: Reference
    ask: Ask
    receive: Receive | None
    result: asyncio.Future[Predicted] | Later
    began_at: float
    due_at: float
    watch: asyncio.Task[None] | None = None
    is_begun: bool = False


@dataclass(slots=True, eq=False)
class Lane:
    """The requests for one version, and what need not be found out for each of them."""

    runtime: weakref.ref[Runtime]
    of: LoggedVersion
    keeps_log: bool
    refuses_unlogged: bool
    wants_shares: bool
    may_be_quick: bool
    joins: bool
    waiting: deque[Member] = field(default_factory=deque)
    is_queued: bool = False
    together: list[tuple[Reference, Ask, float, Waiting]] = field(default_factory=list)
    loop: object = None
    asked_now: int = 0
    is_crowded: bool = False
    epoch: int = -1
    mark: bytes = b""

    def mark_of(self, reference: Reference) -> bytes:
        """Return how the version is named where it stands what is being computed."""
        if reference.epoch != self.epoch:
            self.epoch = reference.epoch
            self.mark = mark_of(reference.model, reference.version, reference.epoch)
        return self.mark


class Lanes:
    """The lanes of the versions in memory; a lane holds none there, and goes with its version."""

    def __init__(self) -> None:
        self._lanes: dict[int, Lane] = {}

    def of(self, runtime: Runtime) -> Lane:
        """Return a version's lane."""
        lane = self._lanes.get(id(runtime))
        return self._add(runtime) if lane is None or lane.runtime() is not runtime else lane

    def _add(self, runtime: Runtime) -> Lane:
        lanes, key = self._lanes, id(runtime)
        lane = lanes[key] = Lane(
            runtime=weakref.ref(runtime, lambda _: lanes.pop(key, None)),
            of=logged_version(runtime),
            keeps_log=runtime.rules.log != "off",
            refuses_unlogged=runtime.rules.log_when_full == "refuse",
            wants_shares=runtime.rules.wants_shares,
            may_be_quick=not is_treated(runtime),
            joins=runtime.plan_kind == "trees",
        )
        return lane
