"""What did the last look at a rollout find?

A step is looked at each minute and mostly waits on. What was found is kept beside the ledger, for
people who want to see how it stands; it may be lost: then the next look says it again. What a move
rests on is in the store.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tenure.errors import ObjectDamaged, ObjectMissing
from tenure.records import Rollout
from tenure.records.rollout import step_name
from tenure.registry import open_store

if TYPE_CHECKING:
    from tenure.workspace import Workspace

Look = dict[str, Any]
"""A judgement with what was seen and the limits in force, as evidence holds it."""
_DIGEST = 64


def keep_look(rollout: Rollout, look: Look, workspace: Workspace) -> None:
    """Keep what was found at the step where a rollout stands."""
    file = _file(rollout.model, workspace)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".fresh")
    fresh.write_bytes(orjson.dumps(look))
    fresh.replace(file)


def last_look(rollout: Rollout, workspace: Workspace) -> Look | None:
    """Return what was found last: at the step where it stands, or what ended it.

    None where nobody has looked yet, and where a person's word or another champion ended it.
    """
    if rollout.is_over:
        return _of_verdict(rollout, workspace)
    try:
        look = orjson.loads(_file(rollout.model, workspace).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    now = {"rollout": rollout.id, "step": step_name(rollout.share)}
    return look if now.items() <= look.items() else None


def _of_verdict(rollout: Rollout, workspace: Workspace) -> Look | None:
    if rollout.verdict is None or len(rollout.verdict) != _DIGEST:
        return None
    try:
        look = open_store(workspace).get_json(rollout.verdict)
    except (ObjectMissing, ObjectDamaged, orjson.JSONDecodeError):
        return None
    return look if isinstance(look, dict) and look.get("rollout") == rollout.id else None


def _file(model: str, workspace: Workspace) -> Path:
    return workspace.state / "checks" / model / "rollout"
