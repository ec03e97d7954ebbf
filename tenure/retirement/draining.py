"""When has the last request left a version, and what memory did that give back?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tenure.predictions.status import ServerStatus, read_statuses
from tenure.retirement.policy import retirement_of

if TYPE_CHECKING:
    from tenure.workspace import Workspace

FOLLOW_S = 60.0
"""How long server processes may take to load what serves now."""
_EVERY_S = 0.05


def wait_until_gone(
    model: str, version: int, epoch: int | None, workspace: Workspace
) -> dict[str, Any]:
    """Wait until every living server process follows an epoch and holds a version no more.

    Never raises: the slot has moved already, and the probe after it says whether the version can
    still be reached.

    Args:
        model: its name.
        version: who left.
        epoch: the slot's since then, None if it did not move for this.
        workspace: where it is.

    Returns:
        How many processes there are, whether all have let go, what they say stands in the way,
        what memory it gave back (None without a server), and how long that took.
    """
    began = time.monotonic()
    patience_s = FOLLOW_S + retirement_of(model, workspace).drain_s
    while True:
        statuses = [each for each in read_statuses(workspace) if not each.is_draining]
        holding = [each for each in statuses if _holds(each, model, version, epoch)]
        stuck = [each for each in holding if model in each.obstacles]
        waited_s = time.monotonic() - began
        if not holding or len(stuck) == len(holding) or waited_s >= patience_s:
            return {
                "processes": len(statuses),
                "is_drained": not holding,
                "obstacles": [f"Process {each.pid}: {_why(each, model)}" for each in holding],
                "memory_freed_bytes": _freed(statuses, model, version),
                "waited_s": round(waited_s, 3),
            }
        time.sleep(_EVERY_S)


def _holds(status: ServerStatus, model: str, version: int, epoch: int | None) -> bool:
    if version in status.held.get(model, []):
        return True
    if any(each["version"] == version for each in status.beside.get(model, {}).values()):
        return True
    served = status.serving.get(model)
    if served is None:
        return False
    return served.version == version or (epoch is not None and served.epoch < epoch)


def _why(status: ServerStatus, model: str) -> str:
    obstacle = status.obstacles.get(model)
    return str(obstacle["reason"]) if obstacle else "a request holds it, or it has not followed yet"


def _freed(statuses: list[ServerStatus], model: str, version: int) -> int | None:
    found = [each.freed[model] for each in statuses if model in each.freed]
    mine = [int(each["bytes"]) for each in found if each["version"] == version]
    return sum(mine) if mine else None
