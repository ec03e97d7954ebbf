"""What did a version answer in some steps of its rollout, and the champion meanwhile?

An answer in the log names slot and epoch, so that a step's are its own whatever the clocks say. The
champion's are those since the version's first. A shadow is asked what the champion has just
answered, so those of the same requests count too, though they came before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tenure import predictions
from tenure.records import Rollout, RolloutStep, Slot
from tenure.records.rollout import slot_of
from tenure.registry import open_ledger

if TYPE_CHECKING:
    from tenure.workspace import Workspace

MOST_ROWS = 20_000
"""The newest rows of each version that are compared."""
_BEHIND = timedelta(hours=1)
"""How far a shadow may be behind its champion; its queue is far shorter."""


def answered(
    rollout: Rollout, steps: Iterable[RolloutStep], columns: Sequence[str], workspace: Workspace
) -> tuple[Any, Any]:
    """Return rows of the log: of the version in these steps, and of the champion meanwhile.

    Args:
        rollout: whose versions.
        steps: of it.
        columns: which, beside id, time, slot, epoch and answer.
        workspace: whose log.
    """
    wanted = ["slot", "epoch", "prediction", *columns]
    wanted += [f"probability.{label}" for label in classes_of(rollout, workspace)]
    asked: dict[str, Any] = {"columns": wanted, "shadows": True}
    model, champion = rollout.model, {(Slot.CHAMPION, rollout.champion_epoch)}
    mine = predictions.read(model, workspace, version=rollout.version, **asked)
    mine = _of(mine, {(slot_of(step.share), step.epoch) for step in steps})
    if not len(mine):
        return mine, mine
    first = mine["at"].min()
    since = first.to_pydatetime() - _BEHIND
    other = predictions.read(model, workspace, since=since, version=rollout.champion, **asked)
    if len(other):
        other = other[(other["at"] >= first) | other["id"].isin(mine["id"])]
    return mine, _of(other, champion)


def classes_of(rollout: Rollout, workspace: Workspace) -> tuple[Any, ...]:
    """Return the classes of the version that is rolled out, () for regression."""
    ledger = open_ledger(workspace)
    candidate = ledger.candidate(ledger.version(rollout.model, rollout.version).candidate)
    return candidate.classes if candidate else ()


def _of(frame: Any, places: set[tuple[Slot, int]]) -> Any:
    if not len(frame):
        return frame
    wanted = {(slot.value, epoch) for slot, epoch in places}
    held = zip(frame["slot"], frame["epoch"], strict=True)
    return frame[[place in wanted for place in held]].tail(MOST_ROWS)
