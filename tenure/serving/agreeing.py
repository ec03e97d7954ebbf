"""How do several server processes of one address come to answer with a new version together?

Each loads it for itself, says so in its status file, and waits a little for the others to have
loaded it as well, or to have said that they cannot. So they replace it within a look of each other,
however long one of them took to load.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tenure.predictions.status import ServerStatus, read_statuses
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.records import Assignment
    from tenure.serving.runtime import Runtime

PATIENCE_S = 5.0
_EVERY_S = 0.05


def together(
    load: Callable[[Assignment], Runtime],
    workspace: Workspace,
    address: str,
    announce: Callable[[str, int], None],
    patience_s: float = PATIENCE_S,
) -> Callable[[Assignment], Runtime]:
    """Return a loader that hands a version out when the other processes have it, too.

    Args:
        load: loads it here.
        workspace: whose spool they meet in.
        address: what they listen on together.
        announce: says in this process's status that it is done with a slot's epoch.
        patience_s: how long one that is not heard of is waited for.
    """

    def loaded(assignment: Assignment) -> Runtime:
        place = f"{assignment.model}/{assignment.slot.value}"
        try:
            runtime = load(assignment)
        finally:
            announce(place, assignment.epoch)
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            others = [
                each
                for each in read_statuses(workspace)
                if each.address == address and each.pid != os.getpid() and not each.is_draining
            ]
            if all(_is_done(each, assignment, place) for each in others):
                break
            time.sleep(_EVERY_S)
        return runtime

    return loaded


def _is_done(status: ServerStatus, assignment: Assignment, place: str) -> bool:
    served = status.serving.get(assignment.model)
    epoch = assignment.epoch
    return status.loaded.get(place, 0) >= epoch or (served is not None and served.epoch >= epoch)
