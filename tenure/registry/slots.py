"""Who serves, since when, and who said so?

A decision about an old epoch changes nothing, and a refused attempt leaves an audit row too. A
champion's slot that moves takes along the rollout that was begun beside it: no version keeps a
share beside a champion that it was never compared with.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, insert, select

from tenure.errors import (
    Halted,
    KeyReused,
    NotFitToServe,
    StaleEpoch,
    TenureError,
    VersionNotFound,
)
from tenure.records import Assignment, Slot, Stage, canonical, digest_of, from_json, to_json
from tenure.registry.chain import read_stamp, stamp
from tenure.registry.database import Database, Writing, check_entry
from tenure.registry.halts import check_halt
from tenure.registry.holding import put_slot, stage_and_epoch
from tenure.registry.leases import Lease, check_lease
from tenure.registry.rollout_rows import settle_rollout
from tenure.registry.tables import assignments, request_keys, slots
from tenure.registry.versions import newest_number

_NOW = (
    select(assignments)
    .join(
        slots,
        (slots.c.model == assignments.c.model)
        & (slots.c.slot == assignments.c.slot)
        & (slots.c.epoch == assignments.c.epoch),
    )
    .order_by(assignments.c.model, assignments.c.slot)
)
_SLOT = _NOW.where(slots.c.model == bindparam("model"), slots.c.slot == bindparam("slot"))
_OF_SLOT = select(assignments).where(
    assignments.c.model == bindparam("model"), assignments.c.slot == bindparam("slot")
)
_AT = (
    _OF_SLOT.where(assignments.c.since <= bindparam("at"))
    .order_by(assignments.c.epoch.desc())
    .limit(1)
)
_TENURES = _OF_SLOT.order_by(assignments.c.epoch)
_KEY = select(request_keys).where(request_keys.c.key == bindparam("key"))


def _as_assignment(row: Row[Any]) -> Assignment:
    values = row._asdict()
    values["slot"] = Slot(values["slot"])
    values["since"] = read_stamp(values["since"])
    return Assignment(**values)


class SlotBook:
    """The part of the ledger about slots and tenures."""

    database: Database

    def promote(
        self,
        model: str,
        number: int,
        *,
        expected_epoch: int,
        actor: str,
        reason: str,
        evidence: str,
        slot: Slot = Slot.CHAMPION,
        key: str | None = None,
        lease: Lease | None = None,
    ) -> Assignment:
        """Give a slot to a version, if the slot is still at the epoch that the decision saw.

        `expected_epoch` is 0 for a slot that was never filled. The same request under the same
        `key` is carried out once and answered alike.

        Raises:
            VersionNotFound, NotFitToServe: the version may not serve.
            StaleEpoch: the slot has moved since; the current epoch is in the error.
            KeyReused: the key stands for another request.
            LeaseLost: the lease has ended or passed to another.
            Halted: automation of the model is halted, and the actor is no person.
        """
        check_entry(model, actor, reason, evidence)
        request = digest_of([model, number, expected_epoch, actor, reason, evidence, slot])
        with self.database.writing() as write:
            if key is not None:
                earlier = _answered(write.connection, key, request)
                if earlier is not None:
                    return earlier
            refusal = (
                _lost(write.connection, lease)
                or _stopped(write.connection, model, actor)
                or _refusal(write, model, number, slot, expected_epoch)
            )
            said: Any = {"model": model, "actor": actor, "reason": reason}
            said["evidence"] = evidence
            wanted = {"slot": slot.value, "version": number, "expected_epoch": expected_epoch}
            if refusal is not None:
                why = {"refused_as": refusal.code, "message": str(refusal)}
                write.append("promotion_refused", **said, body={**wanted, **why})
            else:
                moved = move_slot(write, wanted, **said)
                if key is not None:
                    _remember(write.connection, key, request, moved)
                return moved
        raise refusal

    def vacate(
        self, model: str, *, expected_epoch: int, actor: str, reason: str, evidence: str
    ) -> Assignment:
        """Leave the champion's slot to nobody, because a case says so.

        Raises:
            StaleEpoch: the slot has moved since; the current epoch is in the error.
            Halted: automation of the model is halted, and the actor is no person.
        """
        check_entry(model, actor, reason, evidence)
        slot = Slot.CHAMPION.value
        with self.database.writing() as write:
            check_halt(write.connection, model, actor)
            _, now = stage_and_epoch(write, model, 0, Slot.CHAMPION)
            if not now or now != expected_epoch:
                raise StaleEpoch(model=model, slot=slot, now=now or 0, decided_at=expected_epoch)
            wanted = {"slot": slot, "version": None, "expected_epoch": expected_epoch}
            said = {"actor": actor, "reason": reason, "evidence": evidence}
            return move_slot(write, wanted, model=model, **said)

    def slot(self, model: str, slot: Slot = Slot.CHAMPION) -> Assignment | None:
        """Return who holds a slot now, or None if it was never filled."""
        with self.database.reading() as connection:
            row = connection.execute(_SLOT, {"model": model, "slot": slot.value}).first()
        return _as_assignment(row) if row else None

    def assignments(self) -> list[Assignment]:
        """Return every slot that is filled, by model and slot."""
        with self.database.reading() as connection:
            return [_as_assignment(row) for row in connection.execute(_NOW)]

    def champion_at(self, model: str, at: datetime) -> Assignment | None:
        """Return who was champion at a time (by `as_of`), or None if nobody was yet."""
        asked = {"model": model, "slot": Slot.CHAMPION.value, "at": stamp(at)}
        with self.database.reading() as connection:
            row = connection.execute(_AT, asked).first()
        return _as_assignment(row) if row else None

    def tenures(self, model: str, slot: Slot = Slot.CHAMPION) -> list[Assignment]:
        """Return everyone who held a slot, oldest first."""
        with self.database.reading() as connection:
            rows = connection.execute(_TENURES, {"model": model, "slot": slot.value}).all()
        return [_as_assignment(row) for row in rows]


def _lost(connection: Connection, lease: Lease | None) -> TenureError | None:
    try:
        check_lease(connection, lease)
    except TenureError as error:
        return error
    return None


def _stopped(connection: Connection, model: str, actor: str) -> TenureError | None:
    try:
        check_halt(connection, model, actor)
    except Halted as error:
        return error
    return None


def _refusal(
    write: Writing, model: str, number: int, slot: Slot, expected_epoch: int
) -> TenureError | None:
    stage, epoch = stage_and_epoch(write, model, number, slot)
    now = epoch or 0
    if stage is None:
        newest = newest_number(write.connection, model) or "none"
        return VersionNotFound(model=model, version=number, newest=newest)
    if stage != Stage.VALIDATED.value:
        return NotFitToServe(model=model, version=number, stage=stage)
    if now != expected_epoch:
        return StaleEpoch(model=model, slot=slot.value, now=now, decided_at=expected_epoch)
    return None


def move_slot(
    write: Writing, wanted: dict[str, Any], *, model: str, actor: str, reason: str, evidence: str
) -> Assignment:
    """Move a slot in the open transaction, and end the rollout beside it if it is the champion's.

    `wanted` names `slot`, `version` (None for nobody), and the `expected_epoch`, which was checked.
    """
    slot, number, expected = Slot(wanted["slot"]), wanted["version"], wanted["expected_epoch"]
    said = {"actor": actor, "reason": reason}
    row = put_slot(write, model, slot, number, expected=expected, **said)
    write.append(
        "slot_moved",
        model=model,
        actor=actor,
        reason=reason,
        evidence=evidence,
        body={"slot": slot.value, "version": number, "epoch": row["epoch"]},
        announce=True,
    )
    if slot is Slot.CHAMPION:
        settle_rollout(write, model, number, row["epoch"], **said, evidence=evidence)
    return Assignment(**{**row, "slot": slot, "since": read_stamp(write.as_of)})


def _answered(connection: Connection, key: str, request: str) -> Assignment | None:
    row = connection.execute(_KEY, {"key": key}).first()
    if row is None:
        return None
    if row.request != request:
        raise KeyReused(key=key)
    return from_json(Assignment, orjson.loads(row.answer))


def _remember(connection: Connection, key: str, request: str, answer: Assignment) -> None:
    text = canonical(to_json(answer)).decode()
    connection.execute(insert(request_keys), {"key": key, "request": request, "answer": text})
