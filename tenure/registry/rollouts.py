"""Which version takes over step by step, how far has it come, and who said so?

A model has one open rollout at a time. Each change moves the slots that the version holds and the
rollout itself in one transaction with one audit row, and compares the champion's epoch that was
decided on. The promotion at the end is the slot's own; it is not written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, func, insert, select, update

from tenure.errors import (
    NoChampion,
    NotFitToServe,
    RolloutIsOver,
    RolloutMoved,
    RolloutOpen,
    ServesAlready,
    StaleEpoch,
    VersionNotFound,
)
from tenure.records import (
    Rollout,
    RolloutState,
    RolloutStep,
    Slot,
    Stage,
    canonical,
    digest_of,
    from_json,
    to_json,
)
from tenure.records.rollout import slot_of, step_name
from tenure.registry.chain import read_stamp
from tenure.registry.database import Database, Writing, check_entry
from tenure.registry.halts import check_halt, is_automatic
from tenure.registry.slots import put_slot, stage_and_epoch
from tenure.registry.tables import audit, rollouts, slots
from tenure.registry.versions import newest_number

FAILED = "serving_failed"

_ONE = select(rollouts.c.record, rollouts.c.seq).where(rollouts.c.id == bindparam("id"))
_OPEN = select(rollouts.c.record, rollouts.c.seq).where(rollouts.c.open_for == bindparam("model"))
_ALL_OPEN = (
    select(rollouts.c.record, rollouts.c.seq)
    .where(rollouts.c.open_for.is_not(None))
    .order_by(rollouts.c.model)
)
_OF_MODEL = (
    select(rollouts.c.record, rollouts.c.seq)
    .where(rollouts.c.model == bindparam("model"))
    .order_by(rollouts.c.seq.desc())
    .limit(bindparam("limit"))
)
_COUNT = select(func.count()).where(rollouts.c.model == bindparam("model"))
_PUT = (
    update(rollouts)
    .where(rollouts.c.id == bindparam("of_id"))
    .values(state=bindparam("state"), open_for=bindparam("open_for"), record=bindparam("of_record"))
)
_HOLDS = select(slots.c.version, slots.c.epoch).where(
    slots.c.model == bindparam("model"), slots.c.slot == bindparam("slot")
)
_SAID = (
    select(audit.c.seq)
    .where(audit.c.model == bindparam("model"), audit.c.kind == FAILED)
    .where(func.json_extract(audit.c.body, "$.slot") == bindparam("slot"))
    .where(func.json_extract(audit.c.body, "$.version") == bindparam("version"))
    .where(func.json_extract(audit.c.body, "$.epoch") == bindparam("epoch"))
    .limit(1)
)

Place = tuple[str, int | None, int]


class RolloutBook:
    """The part of the ledger about rollouts."""

    database: Database

    def start_rollout(
        self,
        model: str,
        number: int,
        *,
        shares: Sequence[float],
        expected_epoch: int,
        actor: str,
        reason: str,
        evidence: str,
    ) -> Rollout:
        """Let a version take its first step beside the champion that was decided on.

        The same version again changes nothing while it is being rolled out. Automation rolls a
        version out against one epoch of the champion once, whatever became of it.

        Args:
            model: its name.
            number: the version.
            shares: the steps, growing, 0 for the shadow; at least one, all below 1.
            expected_epoch: the champion's, as the decision saw it.
            actor: who starts it.
            reason: why.
            evidence: what it rests on.

        Raises:
            RolloutOpen: another version is being rolled out.
            VersionNotFound, NotFitToServe, ServesAlready, NoChampion: there is nothing to begin.
            StaleEpoch: the champion has changed since.
            Halted: automation of the model is halted, and the actor is no person.
        """
        check_entry(model, actor, reason, evidence)
        with self.database.writing() as write:
            known = _known(write.connection, model, number, expected_epoch, actor)
            if known is not None:
                return known
            check_halt(write.connection, model, actor)
            champion = _check_start(write, model, number, expected_epoch)
            tried = write.connection.execute(_COUNT, {"model": model}).scalar_one()
            now = read_stamp(write.as_of)
            made = Rollout(
                id=digest_of([model, number, expected_epoch, tried]),
                model=model,
                version=number,
                champion=champion,
                champion_epoch=expected_epoch,
                shares=tuple(shares),
                state=RolloutState.RUNNING,
                steps=(),
                started_by=actor,
                started_at=now,
                reason=reason,
                evidence=evidence,
            )
            stepped, places, said = _step(write, made, shares[0], actor, reason, evidence)
            row = {**_columns(stepped), "id": made.id, "model": model, "seq": write.next_seq}
            write.connection.execute(insert(rollouts), row)
            return _append(write, "rollout_started", stepped, places, actor, said, evidence)

    def advance_rollout(
        self,
        id: str,  # noqa: A002
        *,
        expected_step: int,
        actor: str,
        reason: str,
        evidence: str,
    ) -> Rollout:
        """Let a rollout take its next step; a held one runs again.

        Raises:
            RolloutIsOver, RolloutMoved: it does not stand where the decision saw it.
            StaleEpoch: the champion has changed since the rollout began.
            Halted: automation of the model is halted, and the actor is no person.
        """
        with self.database.writing() as write:
            now = _undone(write.connection, id, expected_step)
            check_halt(write.connection, now.model, actor)
            _, epoch = stage_and_epoch(write, now.model, now.version, Slot.CHAMPION)
            if epoch != now.champion_epoch:
                raise StaleEpoch(
                    model=now.model,
                    slot=Slot.CHAMPION.value,
                    now=epoch or 0,
                    decided_at=now.champion_epoch,
                )
            assert now.step + 1 < len(now.shares), "after the last step comes the promotion"
            stepped, places, said = _step(write, now, now.next_share, actor, reason, evidence)
            write.connection.execute(_PUT, _changed(stepped))
            return _append(write, "rollout_advanced", stepped, places, actor, said, evidence)

    def hold_rollout(
        self,
        id: str,  # noqa: A002
        *,
        expected_step: int,
        actor: str,
        reason: str,
        evidence: str,
    ) -> Rollout:
        """Let a rollout wait for a person at the step where it stands; again changes nothing.

        Raises:
            RolloutIsOver, RolloutMoved: it does not stand where the decision saw it.
            Halted: automation of the model is halted, and the actor is no person.
        """
        with self.database.writing() as write:
            now = _undone(write.connection, id, expected_step)
            if now.state is RolloutState.HELD:
                return now
            check_halt(write.connection, now.model, actor)
            held = replace(now, state=RolloutState.HELD, outcome=reason, verdict=evidence)
            write.connection.execute(_PUT, _changed(held))
            return _append(write, "rollout_held", held, [], actor, reason, evidence)

    def end_rollout(
        self,
        id: str,  # noqa: A002
        state: RolloutState,
        *,
        actor: str,
        reason: str,
        evidence: str,
    ) -> Rollout:
        """End a rollout and empty the slots that its version holds; ended again it stays as it is.

        Raises:
            StaleEpoch: it is to end as promoted, and its version is not champion.
            Halted: automation of the model is halted, and the actor is no person.
        """
        with self.database.writing() as write:
            now = _read(write.connection, id)
            if now.is_over:
                return now
            check_halt(write.connection, now.model, actor)
            if state is RolloutState.PROMOTED:
                _check_promoted(write.connection, now)
            ended = replace(
                now,
                state=state,
                outcome=reason,
                verdict=evidence,
                ended_by=actor,
                ended_at=read_stamp(write.as_of),
            )
            places = _emptied(write, now, None, actor, reason)
            write.connection.execute(_PUT, _changed(ended))
            return _append(write, "rollout_ended", ended, places, actor, reason, evidence)

    def note_serving_failed(
        self, model: str, slot: Slot, version: int, epoch: int, *, actor: str, reason: str
    ) -> bool:
        """Put on record that a server could not load what a slot names; once a version and epoch.

        Returns:
            Whether it was not on record before.
        """
        asked = {"model": model, "slot": slot.value, "version": version, "epoch": epoch}
        with self.database.writing() as write:
            if write.connection.execute(_SAID, asked).first() is not None:
                return False
            body = {"slot": slot.value, "version": version, "epoch": epoch}
            said: Any = {"model": model, "actor": actor, "reason": reason}
            write.append(FAILED, **said, evidence="a server's status", body=body)
        return True

    def open_rollout(self, model: str) -> Rollout | None:
        """Return the rollout of a model that is not over, or None."""
        with self.database.reading() as connection:
            row = connection.execute(_OPEN, {"model": model}).first()
        return _as_rollout(row) if row else None

    def open_rollouts(self) -> list[Rollout]:
        """Return every rollout that is not over, by model."""
        with self.database.reading() as connection:
            return [_as_rollout(row) for row in connection.execute(_ALL_OPEN)]

    def rollout(self, id: str) -> Rollout:  # noqa: A002
        """Return a rollout as it stands, by its id."""
        with self.database.reading() as connection:
            return _read(connection, id)

    def rollouts(self, model: str, *, limit: int = 50) -> list[Rollout]:
        """Return the newest rollouts of a model, oldest first."""
        asked = {"model": model, "limit": limit}
        with self.database.reading() as connection:
            rows = connection.execute(_OF_MODEL, asked).all()
        return [_as_rollout(row) for row in reversed(rows)]


def _known(
    connection: Connection, model: str, number: int, epoch: int, actor: str
) -> Rollout | None:
    """Return the rollout that a start finds done; None where it is to begin."""
    row = connection.execute(_OPEN, {"model": model}).first()
    if row is not None:
        now = _as_rollout(row)
        if now.version == number:
            return now
        raise RolloutOpen(model=model, version=now.version, step=step_name(now.share))
    if not is_automatic(actor):
        return None
    earlier = connection.execute(_OF_MODEL, {"model": model, "limit": 1000}).all()
    found = (_as_rollout(row) for row in earlier)
    mine = (each for each in found if (each.version, each.champion_epoch) == (number, epoch))
    return next(mine, None)


def _check_start(write: Writing, model: str, number: int, expected_epoch: int) -> int:
    """Return the champion's number, if the version may be rolled out beside it."""
    stage, epoch = stage_and_epoch(write, model, number, Slot.CHAMPION)
    if stage is None:
        newest = newest_number(write.connection, model) or "none"
        raise VersionNotFound(model=model, version=number, newest=newest)
    if stage != Stage.VALIDATED.value:
        raise NotFitToServe(model=model, version=number, stage=stage)
    champion = _holder(write.connection, model, Slot.CHAMPION)
    if champion is None or champion[0] is None:
        raise NoChampion(model=model)
    if epoch != expected_epoch:
        slot = Slot.CHAMPION.value
        raise StaleEpoch(model=model, slot=slot, now=epoch, decided_at=expected_epoch)
    if champion[0] == number:
        raise ServesAlready(model=model, version=number)
    return champion[0]


def _check_promoted(connection: Connection, now: Rollout) -> None:
    champion = _holder(connection, now.model, Slot.CHAMPION)
    if champion is None or champion[0] != now.version:
        raise StaleEpoch(
            model=now.model,
            slot=Slot.CHAMPION.value,
            now=champion[1] if champion else 0,
            decided_at=now.champion_epoch + 1,
        )


def _step(
    write: Writing, now: Rollout, share: float, actor: str, reason: str, evidence: str
) -> tuple[Rollout, list[Place], str]:
    """Give the version the slot of a share, and empty the one that it held for another.

    Returns the rollout after it, the slots that it changed, and the reason as it is recorded.
    """
    slot, said = slot_of(share), f"{step_name(share)}: {reason}"
    places = _emptied(write, now, slot, actor, said)
    held = _holder(write.connection, now.model, slot)
    row = put_slot(
        write,
        now.model,
        slot,
        now.version,
        expected=held[1] if held else 0,
        actor=actor,
        reason=said,
    )
    step = RolloutStep(
        share=share,
        epoch=row["epoch"],
        began_at=read_stamp(write.as_of),
        actor=actor,
        reason=reason,
        evidence=evidence,
    )
    places.append((slot.value, now.version, row["epoch"]))
    stepped = replace(now, state=RolloutState.RUNNING, outcome="", verdict=None)
    return replace(stepped, steps=(*now.steps, step)), places, said


def _emptied(
    write: Writing, now: Rollout, but: Slot | None, actor: str, reason: str
) -> list[Place]:
    """Empty the slots beside the champion's that the version holds, but one."""
    places: list[Place] = []
    for slot in (Slot.CHALLENGER, Slot.SHADOW):
        held = _holder(write.connection, now.model, slot)
        if slot is but or held is None or held[0] != now.version:
            continue
        row = put_slot(write, now.model, slot, None, expected=held[1], actor=actor, reason=reason)
        places.append((slot.value, None, row["epoch"]))
    return places


def _holder(connection: Connection, model: str, slot: Slot) -> tuple[int | None, int] | None:
    row = connection.execute(_HOLDS, {"model": model, "slot": slot.value}).first()
    return (row.version, row.epoch) if row else None


def _append(
    write: Writing,
    kind: str,
    now: Rollout,
    places: list[Place],
    actor: str,
    reason: str,
    evidence: str,
) -> Rollout:
    body = {
        "rollout": now.id,
        "version": now.version,
        "state": now.state.value,
        "step": now.step,
        "share": now.share,
        "slots": places,
        "record": digest_of(to_json(replace(now, seq=0))),
    }
    said: Any = {"model": now.model, "actor": actor, "reason": reason, "evidence": evidence}
    write.append(kind, **said, body=body, announce=True)
    return replace(now, seq=now.seq or write.head.seq)


def _columns(now: Rollout) -> dict[str, Any]:
    return {
        "state": now.state.value,
        "open_for": None if now.is_over else now.model,
        "record": canonical(to_json(replace(now, seq=0))).decode(),
    }


def _changed(now: Rollout) -> dict[str, Any]:
    columns = _columns(now)
    return {**columns, "of_record": columns.pop("record"), "of_id": now.id}


def _undone(connection: Connection, id: str, expected_step: int) -> Rollout:  # noqa: A002
    now = _read(connection, id)
    if now.is_over:
        raise RolloutIsOver(model=now.model, version=now.version, outcome=now.outcome)
    if now.step != expected_step:
        where = {"model": now.model, "version": now.version, "now": now.step}
        raise RolloutMoved(**where, decided_at=expected_step)
    return now


def _read(connection: Connection, id: str) -> Rollout:  # noqa: A002
    return _as_rollout(connection.execute(_ONE, {"id": id}).one())


def _as_rollout(row: Any) -> Rollout:
    return replace(from_json(Rollout, orjson.loads(row.record)), seq=row.seq)
