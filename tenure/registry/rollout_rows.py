"""How does a rollout stand in its table, and what changes it and its slots in one transaction?

Each change puts down the rollout's row, the slots that its version gains and loses, and one audit
row that names them all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, insert, select, update

from tenure.records import (
    Rollout,
    RolloutState,
    RolloutStep,
    Slot,
    canonical,
    digest_of,
    from_json,
    to_json,
)
from tenure.records.rollout import slot_of, step_name
from tenure.registry.chain import read_stamp
from tenure.registry.database import Writing, driver_of
from tenure.registry.holding import holder, put_slot
from tenure.registry.prepared import Prepared
from tenure.registry.tables import rollouts

_ROW = select(rollouts.c.record, rollouts.c.seq)
_ONE = _ROW.where(rollouts.c.id == bindparam("id"))
_OPEN = Prepared(_ROW.where(rollouts.c.open_for == bindparam("model")))
_ALL_OPEN = _ROW.where(rollouts.c.open_for.is_not(None)).order_by(rollouts.c.model)
_OF_MODEL = (
    _ROW.where(rollouts.c.model == bindparam("model"))
    .order_by(rollouts.c.seq.desc())
    .limit(bindparam("limit"))
)
_PUT = (
    update(rollouts)
    .where(rollouts.c.id == bindparam("of_id"))
    .values(state=bindparam("state"), open_for=bindparam("open_for"), record=bindparam("of_record"))
)

Place = tuple[str, int | None, int]
"""A slot, who holds it now, and its epoch."""


def read_rollout(connection: Connection, id: str) -> Rollout:  # noqa: A002
    """Return a rollout as it stands, by its id."""
    return _as_rollout(*connection.execute(_ONE, {"id": id}).one())


def read_open(connection: Connection, model: str) -> Rollout | None:
    """Return the rollout of a model that is not over, None if there is none."""
    row = _OPEN.run(driver_of(connection), {"model": model}).fetchone()
    return _as_rollout(*row) if row else None


def read_all_open(connection: Connection) -> list[Rollout]:
    """Return every rollout that is not over, by model."""
    return [_as_rollout(*row) for row in connection.execute(_ALL_OPEN)]


def read_newest(connection: Connection, model: str, limit: int) -> list[Rollout]:
    """Return the newest rollouts of a model, oldest first."""
    rows = connection.execute(_OF_MODEL, {"model": model, "limit": limit}).all()
    return [_as_rollout(*row) for row in reversed(rows)]


def take_step(
    write: Writing, now: Rollout, share: float, *, actor: str, reason: str, evidence: str
) -> Rollout:
    """Give the version the slot of a share, and empty the one that it held for another."""
    slot, said = slot_of(share), f"{step_name(share)}: {reason}"
    places = _empty(write, now, slot, actor, said)
    held = holder(write.connection, now.model, slot)
    expected = held[1] if held else 0
    row = put_slot(write, now.model, slot, now.version, expected=expected, actor=actor, reason=said)
    places.append((slot.value, now.version, row["epoch"]))
    step = RolloutStep(
        share=share,
        epoch=row["epoch"],
        began_at=read_stamp(write.as_of),
        actor=actor,
        reason=reason,
        evidence=evidence,
    )
    stepped = replace(now, state=RolloutState.RUNNING, outcome="", verdict=None)
    stepped = replace(stepped, steps=(*now.steps, step))
    kind = "rollout_advanced" if now.steps else "rollout_started"
    return _put(write, kind, stepped, places, actor, said, evidence)


def hold(write: Writing, now: Rollout, *, actor: str, reason: str, evidence: str) -> Rollout:
    """Let a rollout wait at its step; its slots stay as they are."""
    held = replace(now, state=RolloutState.HELD, outcome=reason, verdict=evidence)
    return _put(write, "rollout_held", held, [], actor, reason, evidence)


def end(
    write: Writing, now: Rollout, state: RolloutState, *, actor: str, reason: str, evidence: str
) -> Rollout:
    """End a rollout and empty the slots beside the champion's that its version holds."""
    ended = replace(
        now,
        state=state,
        outcome=reason,
        verdict=evidence,
        ended_by=actor,
        ended_at=read_stamp(write.as_of),
    )
    places = _empty(write, now, None, actor, reason)
    return _put(write, "rollout_ended", ended, places, actor, reason, evidence)


def settle_rollout(
    write: Writing,
    model: str,
    number: int | None,
    epoch: int,
    *,
    actor: str,
    reason: str,
    evidence: str,
) -> None:
    """End a model's rollout, if it has one, because the champion's slot has moved.

    Args:
        write: the transaction that moved it.
        model: whose slot.
        number: who holds it now, None for nobody.
        epoch: its epoch now.
        actor: who moved it.
        reason: why it moved.
        evidence: what that rests on.
    """
    now = read_open(write.connection, model)
    if now is None:
        return
    said = {"actor": actor, "evidence": evidence}
    if number == now.version:
        why = f"Version {number} is champion, at epoch {epoch}."
        end(write, now, RolloutState.PROMOTED, reason=why, **said)
        return
    who = "nobody" if number is None else f"v{number}"
    why = f"The slot went to {who} at epoch {epoch} ({reason}); the rollout began at epoch "
    why += f"{now.champion_epoch} and is overtaken."
    end(write, now, RolloutState.OVERTAKEN, reason=why, **said)


def _empty(write: Writing, now: Rollout, but: Slot | None, actor: str, reason: str) -> list[Place]:
    """Empty the slots beside the champion's that the version holds, but one."""
    places: list[Place] = []
    for slot in (Slot.CHALLENGER, Slot.SHADOW):
        held = holder(write.connection, now.model, slot)
        if slot is but or held is None or held[0] != now.version:
            continue
        row = put_slot(write, now.model, slot, None, expected=held[1], actor=actor, reason=reason)
        places.append((slot.value, None, row["epoch"]))
    return places


def _put(
    write: Writing,
    kind: str,
    now: Rollout,
    places: list[Place],
    actor: str,
    reason: str,
    evidence: str,
) -> Rollout:
    """Write a rollout as it stands from now on, and the audit row that says so."""
    record = to_json(replace(now, seq=0))
    text = canonical(record).decode()
    row = {"state": now.state.value, "open_for": None if now.is_over else now.model}
    if kind == "rollout_started":
        row |= {"id": now.id, "model": now.model, "seq": write.next_seq, "record": text}
        write.connection.execute(insert(rollouts), row)
    else:
        write.connection.execute(_PUT, {**row, "of_id": now.id, "of_record": text})
    body = {
        "rollout": now.id,
        "version": now.version,
        "state": now.state.value,
        "step": now.step,
        "share": now.share,
        "slots": places,
        "record": digest_of(record),
    }
    said: Any = {"model": now.model, "actor": actor, "reason": reason, "evidence": evidence}
    write.append(kind, **said, body=body, announce=True)
    return replace(now, seq=now.seq or write.head.seq)


def _as_rollout(record: str, seq: int) -> Rollout:
    return replace(from_json(Rollout, orjson.loads(record)), seq=seq)
