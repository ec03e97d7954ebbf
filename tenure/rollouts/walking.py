"""How does a rollout go on, with no flow that waits for it?

Each look judges the step at which it stands and does at most one thing: take the next step, let the
version take office, hold it for a person, or send it back. Killed at any point and called again, it
reaches the same end: each effect is one transaction, and compares what was decided on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tenure.errors import (
    ArtifactRefused,
    Halted,
    ObjectDamaged,
    ObjectMissing,
    RolloutIsOver,
    RolloutMoved,
    TenureError,
)
from tenure.records import Rollout, RolloutState
from tenure.records.rollout import step_name
from tenure.registry import open_ledger, open_store
from tenure.registry.deploying import prove_artifact
from tenure.registry.specs import spec_in_force
from tenure.rollouts.judging import Judgement, Move, Seen, judge, tail
from tenure.rollouts.looks import keep_look
from tenure.spec.rollout import RolloutSpec

if TYPE_CHECKING:
    from tenure.spec import ModelSpec
    from tenure.workspace import Workspace

log = logging.getLogger(__name__)

ACTOR = "automation:rollout"

Look = Callable[[Rollout, "ModelSpec | None", "Workspace"], Seen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a look at a rollout led to: the rollout as it stands, what was done, and why."""

    rollout: Rollout
    did: str
    why: str

    @property
    def has_moved(self) -> bool:
        """Whether anything was done."""
        return self.did != Move.WAIT.value


def walk(workspace: Workspace, *, actor: str = ACTOR) -> list[Walked]:
    """Look at every rollout that is not over; one model's trouble holds up no other."""
    ledger, walked = open_ledger(workspace), []
    for rollout in ledger.open_rollouts():
        if ledger.halted(rollout.model):
            continue
        try:
            walked.append(walk_one(rollout, workspace, actor=actor))
        except (Halted, RolloutMoved, RolloutIsOver):
            continue  # a person or another process was quicker: then that stands
        except TenureError as error:
            log.error("The rollout of '%s' did not go on: %s", rollout.model, error)
            walked.append(Walked(rollout=rollout, did=f"failed: {error.code}", why=str(error)))
    return walked


def walk_one(
    rollout: Rollout, workspace: Workspace, *, actor: str = ACTOR, look: Look | None = None
) -> Walked:
    """Judge the step at which a rollout stands, and do what follows.

    Args:
        rollout: one that is not over.
        workspace: whose ledger.
        actor: who does it.
        look: tells what the step has seen; reads log and status files if not given.

    Raises:
        Halted, RolloutMoved, RolloutIsOver: nothing was done.
    """
    if look is None:
        from tenure.rollouts.seeing import look_at as look
    spec = _spec(rollout.model, workspace)
    limits = (spec.deployment.rollout if spec else None) or RolloutSpec()
    seen = look(rollout, spec, workspace)
    judged = judge(seen, limits, workspace.clock.now())
    found = _evidence(rollout, seen, judged, limits, workspace)
    keep_look(rollout, found, workspace)
    if judged.move is Move.WAIT or (
        rollout.state is RolloutState.HELD and judged.move is not Move.ROLL_BACK
    ):
        return Walked(rollout=rollout, did=Move.WAIT.value, why=judged.reason)
    evidence = open_store(workspace).put_json(found)
    said: dict[str, Any] = {"actor": actor, "reason": judged.reason, "evidence": evidence}
    ledger = open_ledger(workspace)
    match judged.move:
        case Move.ROLL_BACK:
            seen_at = {"expected_step": rollout.step}
            ended = ledger.end_rollout(rollout.id, RolloutState.ROLLED_BACK, **seen_at, **said)
            return Walked(rollout=ended, did=ended.state.value, why=ended.outcome)
        case Move.HOLD:
            held = ledger.hold_rollout(rollout.id, expected_step=rollout.step, **said)
            return Walked(rollout=held, did=held.state.value, why=judged.reason)
        case _:
            return go_on(rollout, workspace, **said)


def would_do(rollout: Rollout, workspace: Workspace) -> str:
    """Return in a sentence what a look at a rollout would find now; nothing is done."""
    from tenure.rollouts.seeing import look_at

    spec = _spec(rollout.model, workspace)
    limits = (spec.deployment.rollout if spec else None) or RolloutSpec()
    judged = judge(look_at(rollout, spec, workspace), limits, workspace.clock.now())
    return f"{judged.move.value.replace('_', ' ')}: {judged.reason}"


def go_on(
    rollout: Rollout, workspace: Workspace, *, actor: str, reason: str, evidence: str
) -> Walked:
    """Take the next step, or let the version take office after the last one.

    Raises:
        Halted, RolloutMoved, RolloutIsOver: nothing was done.
    """
    ledger, model, number = open_ledger(workspace), rollout.model, rollout.version
    said: dict[str, Any] = {"actor": actor, "reason": reason, "evidence": evidence}
    if rollout.step + 1 < len(rollout.shares):
        moved = ledger.advance_rollout(rollout.id, expected_step=rollout.step, **said)
        return Walked(rollout=moved, did=f"step {step_name(moved.share)}", why=reason)
    try:
        prove_artifact(ledger.version(model, number), workspace, actor)
        ended = ledger.finish_rollout(rollout.id, expected_step=rollout.step, **said)
    except (ArtifactRefused, ObjectMissing, ObjectDamaged) as refusal:
        back = {**said, "reason": str(refusal)}
        ended = ledger.end_rollout(rollout.id, RolloutState.ROLLED_BACK, **back)
    return Walked(rollout=ended, did=ended.state.value, why=ended.outcome)


def _spec(model: str, workspace: Workspace) -> ModelSpec | None:
    try:
        return spec_in_force(model, workspace)
    except TenureError:
        return None


def _evidence(
    rollout: Rollout,
    seen: Seen,
    judged: Judgement,
    limits: RolloutSpec,
    workspace: Workspace,
) -> dict[str, Any]:
    facts = asdict(seen)
    facts["began_at"] = seen.began_at.isoformat()
    for name, side in (("challenger", seen.challenger), ("champion", seen.champion)):
        times = side.latencies_ms
        facts[name].pop("latencies_ms")
        facts[name]["p95_ms"] = tail(times) if times else None
    return {
        "kind": "rollout judgement",
        "rollout": rollout.id,
        "model": rollout.model,
        "version": rollout.version,
        "step": step_name(rollout.share),
        "at": workspace.clock.now().isoformat(),
        "seen": facts,
        "judged": judged.as_dict(),
        "limits": limits.model_dump(mode="json"),
    }
