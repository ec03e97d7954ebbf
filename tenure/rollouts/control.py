"""How does a person move a rollout on, or end it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenure.errors import NoRollout
from tenure.records import Rollout, RolloutState
from tenure.registry import open_ledger
from tenure.rollouts.walking import Walked, go_on

if TYPE_CHECKING:
    from tenure.workspace import Workspace

WORD = "a person's word"


def advance(model: str, workspace: Workspace, *, actor: str, reason: str) -> Walked:
    """Take the next step of a model's rollout now, whatever was seen; the last is the promotion.

    Raises:
        NoRollout: none is under way.
        RolloutMoved: it went on meanwhile.
        Halted: automation of the model is halted, and the actor is no person.
    """
    now = _open(model, workspace)
    return go_on(now, workspace, actor=actor, reason=reason, evidence=WORD)


def abort(model: str, workspace: Workspace, *, actor: str, reason: str) -> Rollout:
    """End a model's rollout; the champion answers all again.

    Raises:
        NoRollout: none is under way.
        Halted: automation of the model is halted, and the actor is no person.
    """
    now = _open(model, workspace)
    return open_ledger(workspace).end_rollout(
        now.id, RolloutState.ABORTED, actor=actor, reason=reason, evidence=WORD
    )


def _open(model: str, workspace: Workspace) -> Rollout:
    found = open_ledger(workspace).open_rollout(model)
    if found is None:
        raise NoRollout(model=model)
    return found
