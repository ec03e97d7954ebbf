"""Who holds a slot, as an open transaction reads and writes it?

One row a slot, changed by one UPDATE that compares the epoch. The audit row that says so is the
caller's: whoever moves a champion writes `slot_moved`, a rollout's step names the slots it moved.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from tenure.records import Slot
from tenure.registry.database import Writing
from tenure.registry.prepared import Prepared
from tenure.registry.tables import assignments, slots, versions

_STATE = Prepared(
    select(
        select(versions.c.stage)
        .where(versions.c.model == bindparam("model"), versions.c.number == bindparam("number"))
        .scalar_subquery()
        .label("stage"),
        select(slots.c.epoch)
        .where(slots.c.model == bindparam("model"), slots.c.slot == bindparam("slot"))
        .scalar_subquery()
        .label("epoch"),
    )
)
_FILL = Prepared(insert(slots))
_MOVE = Prepared(
    update(slots)
    .where(
        slots.c.model == bindparam("of_model"),
        slots.c.slot == bindparam("of_slot"),
        slots.c.epoch == bindparam("expected_epoch"),
    )
    .values(version=bindparam("version"), epoch=bindparam("epoch"))
)
_SERVED = Prepared(
    update(versions)
    .where(versions.c.model == bindparam("of_model"), versions.c.number == bindparam("of_number"))
    .values(served_epoch=bindparam("served_epoch"))
)
_ASSIGNED = Prepared(insert(assignments))
_HOLDS = select(slots.c.version, slots.c.epoch).where(
    slots.c.model == bindparam("model"), slots.c.slot == bindparam("slot")
)


def put_slot(
    write: Writing,
    model: str,
    slot: Slot,
    number: int | None,
    *,
    expected: int,
    actor: str,
    reason: str,
) -> dict[str, Any]:
    """Write into the open transaction who holds a slot from now on; the audit row is the caller's.

    `expected` is the epoch that the slot is known to be at, 0 for one that was never filled.
    """
    epoch = expected + 1
    place = {"model": model, "slot": slot.value, "version": number, "epoch": epoch}
    if expected == 0:
        _FILL.run(write.driver, place)
    else:
        changed = {"version": number, "epoch": epoch, "expected_epoch": expected}
        moved = _MOVE.run(write.driver, {"of_model": model, "of_slot": slot.value, **changed})
        assert moved.rowcount == 1
    row = {**place, "since": write.as_of, "seq": write.next_seq, "actor": actor, "reason": reason}
    _ASSIGNED.run(write.driver, row)
    if slot is Slot.CHAMPION and number is not None:
        _SERVED.run(write.driver, {"of_model": model, "of_number": number, "served_epoch": epoch})
    return row


def stage_and_epoch(
    write: Writing, model: str, number: int, slot: Slot
) -> tuple[str | None, int | None]:
    """Return how fit a version is and the epoch of a slot, None for what is not there."""
    asked = {"model": model, "number": number, "slot": slot.value}
    return _STATE.run(write.driver, asked).fetchone()


def holder(connection: Connection, model: str, slot: Slot) -> tuple[int | None, int] | None:
    """Return which version holds a slot and at which epoch; None if it was never filled."""
    row = connection.execute(_HOLDS, {"model": model, "slot": slot.value}).first()
    return (row.version, row.epoch) if row else None
