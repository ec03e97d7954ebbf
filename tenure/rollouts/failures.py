"""Which versions does the ledger name that a prediction server could not load?

The server writes nothing but its spool; whoever may write carries it into the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenure.predictions.status import read_statuses
from tenure.records import Slot
from tenure.registry import open_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenure.predictions.status import ServerStatus
    from tenure.workspace import Workspace

Failure = tuple[str, Slot, int, int, str]


def note_failures(workspace: Workspace, *, actor: str, model: str | None = None) -> list[str]:
    """Put on record what living servers could not load, once a version and epoch; say what is new.

    Args:
        workspace: whose servers.
        actor: who says so.
        model: only of this model; None for all.
    """
    ledger, told = open_ledger(workspace), []
    for status in read_statuses(workspace):
        for name, slot, version, epoch, reason in _failures(status):
            if model not in (None, name):
                continue
            text = f"Version {version} of '{name}' ({slot.value}, epoch {epoch}) could not be "
            text += f"loaded by a prediction server: {reason}"
            if ledger.note_serving_failed(name, slot, version, epoch, actor=actor, reason=text):
                told.append(text)
    return told


def _failures(status: ServerStatus) -> Iterator[Failure]:
    for name, each in status.obstacles.items():
        yield name, Slot.CHAMPION, each["version"], each["epoch"], each["reason"]
    for each in status.obstacles_beside:
        slot = Slot(each["slot"])
        yield each["model"], slot, each["version"], each["epoch"], each["reason"]
