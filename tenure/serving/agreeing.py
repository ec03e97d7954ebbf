"""How do several server processes of one address come to answer with a new version together?

Each loads it for itself, says so in its status file, and lets it answer when every other one that
takes requests has said so, too, or that it cannot load it. So they change within a look of each
other, however long one of them took. Nobody waits for a process that takes no requests: one that is
starting comes in with what the ledger names then (`join`), one that is ending takes no new
connection, and one that is stopped, or hung, answers nobody.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tenure.predictions.status import ServerStatus, is_stopped, read_statuses, serves
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.records import Assignment
    from tenure.serving.reporting import Reporter
    from tenure.serving.router import Router
    from tenure.serving.standing import Standing

_log = logging.getLogger(__name__)

PATIENCE_S = 30.0
"""How long a slot waits in all for processes that are heard of and are not done."""
SILENCE_S = 6.0
"""After how long without a sign of life a process is not waited for: three beats."""
SETTLE_S = 120.0
"""How long one that starts takes no requests because it has nothing yet for some model."""
_LOOK_S = 30.0
_EVERY_S = 0.05


def place_of(wanted: Assignment) -> str:
    """Return how a status file names a model's slot."""
    return f"{wanted.model}/{wanted.slot.value}"


class Agreement:
    """Says when what this process has loaded may answer.

    Args:
        workspace: whose spool the processes meet in.
        address: what they listen on together.
        clock: seconds that only grow.
    """

    def __init__(
        self, workspace: Workspace, address: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._workspace, self._address, self._clock = workspace, address, clock
        self._heard: dict[int, tuple[str, float]] = {}

    def __call__(self, wanted: Assignment, waited_s: float) -> bool:
        """Return whether no other process is to be waited for (any longer)."""
        behind = [each for each in self._others() if not _is_done(each, wanted)]
        awaited = [each for each in behind if self._is_heard(each)]
        if awaited and waited_s < PATIENCE_S:
            return False
        for each in behind:
            named = (wanted.model, wanted.epoch, each.pid)
            _log.warning("'%s' changes to epoch %s without process %s", *named)
        return True

    def _others(self) -> list[ServerStatus]:
        return [
            each
            for each in read_statuses(self._workspace)
            if each.address == self._address
            and each.pid != os.getpid()
            and not each.is_draining
            and not each.is_starting
        ]

    def _is_heard(self, status: ServerStatus) -> bool:
        said, now = f"{status.started} {status.at}", self._clock()
        before = self._heard.get(status.pid)
        if before is None or before[0] != said:
            before = self._heard[status.pid] = said, now
        return now - before[1] < SILENCE_S and not is_stopped(status)


def _is_done(status: ServerStatus, wanted: Assignment) -> bool:
    known = status.loaded.get(place_of(wanted), 0), serves(status, wanted.model, wanted.slot)
    return max(known) >= wanted.epoch


def join(router: Router, reporter: Reporter) -> None:
    """Return when this process, which is starting, may take requests.

    It says first that it is to be waited for, and then looks at the ledger once more: whoever has
    changed without it by then did so for a move that this look sees. If there is one, it steps back
    and loads it. So none that starts answers with what another had given up already.
    """
    until = time.monotonic() + SETTLE_S
    while True:
        is_late = time.monotonic() >= until
        if _fits(router, is_late=is_late):
            reporter.is_starting = False
            if reporter.tell() and (_looks(router) or is_late) and _fits(router, is_late=is_late):
                return
            reporter.is_starting = True
            reporter.tell()
        time.sleep(_EVERY_S)


def _looks(router: Router) -> bool:
    """Wait until a look has ended that began after this; say if one has."""
    before, until = router.looks, time.monotonic() + _LOOK_S
    while router.looks < before + 2:
        if time.monotonic() >= until:
            return False
        time.sleep(_EVERY_S / 5)
    return True


def _fits(router: Router, *, is_late: bool) -> bool:
    """Return whether it may answer as things stand, which nobody waited for."""
    now = router.standing
    if now.ledger is not None or not now.looked:
        return is_late or now.ledger is not None  # a server starts without its ledger, too
    wanted = [*now.wanted.values(), *now.wanted_beside.values()]
    return all(_is_fit(now, each, is_late=is_late) for each in wanted)


def _is_fit(now: Standing, wanted: Assignment, *, is_late: bool) -> bool:
    served = now.holder((wanted.model, wanted.slot))
    if served is None:
        is_missing = wanted.version is not None and now.obstacle(wanted) is None
        return is_late or not is_missing
    if (served.version, served.epoch) == (wanted.version, wanted.epoch):
        return True
    return now.obstacle(wanted) is not None  # nor do the others change to what cannot be loaded
