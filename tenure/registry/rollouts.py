"""Which version takes over step by step, how far has it come, and who said so?

A model has one open rollout at a time, beside one champion: once that one's slot moves, in whatever
way, the rollout is over in the same transaction. The promotion at the end is such a move, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Connection, bindparam, func, select

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
from tenure.records import Rollout, RolloutState, Slot, Stage, digest_of
from tenure.records.rollout import step_name
from tenure.registry import rollout_rows as rows
from tenure.registry.chain import read_stamp
from tenure.registry.database import Database, Writing, check_entry
from tenure.registry.halts import check_halt, is_automatic
from tenure.registry.holding import holder, stage_and_epoch
from tenure.registry.slots import move_slot
from tenure.registry.tables import rollouts
from tenure.registry.versions import newest_number

_COUNT = select(func.count()).where(rollouts.c.model == bindparam("model"))
_EVERY = 1000

Unfinished = Literal[RolloutState.ROLLED_BACK, RolloutState.ABORTED]
"""The ends that leave the champion in office; the others are the slot's to write."""


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
                started_at=read_stamp(write.as_of),
                reason=reason,
                evidence=evidence,
            )
            said = {"actor": actor, "reason": reason, "evidence": evidence}
            return rows.take_step(write, made, shares[0], **said)

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
            Halted: automation of the model is halted, and the actor is no person.
        """
        said = {"actor": actor, "reason": reason, "evidence": evidence}
        with self.database.writing() as write:
            now = _undone(write.connection, id, expected_step)
            check_halt(write.connection, now.model, actor)
            assert now.step + 1 < len(now.shares), "after the last step comes the promotion"
            return rows.take_step(write, now, now.next_share, **said)

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
            return rows.hold(write, now, actor=actor, reason=reason, evidence=evidence)

    def finish_rollout(
        self,
        id: str,  # noqa: A002
        *,
        expected_step: int,
        actor: str,
        reason: str,
        evidence: str,
    ) -> Rollout:
        """Let the version take office after the last step; its artifact was checked before.

        Raises:
            RolloutIsOver, RolloutMoved: it does not stand where the decision saw it.
            Halted: automation of the model is halted, and the actor is no person.
        """
        said = {"actor": actor, "reason": reason, "evidence": evidence}
        with self.database.writing() as write:
            now = _undone(write.connection, id, expected_step)
            check_halt(write.connection, now.model, actor)
            assert now.step + 1 == len(now.shares), "the promotion comes after the last step"
            # It may serve: a version that holds a slot changes no stage.
            wanted = {"slot": Slot.CHAMPION.value, "version": now.version}
            wanted["expected_epoch"] = now.champion_epoch
            move_slot(write, wanted, model=now.model, **said)
            return rows.read_rollout(write.connection, id)

    def end_rollout(
        self,
        id: str,  # noqa: A002
        state: Unfinished,
        *,
        expected_step: int | None = None,
        actor: str,
        reason: str,
        evidence: str,
    ) -> Rollout:
        """End a rollout and empty the slots that its version holds; ended again it stays as it is.

        `expected_step` is the one that was judged, None to end it wherever it stands.

        Raises:
            RolloutMoved: it does not stand where the decision saw it.
            Halted: automation of the model is halted, and the actor is no person.
        """
        with self.database.writing() as write:
            now = rows.read_rollout(write.connection, id)
            if now.is_over:
                return now
            if expected_step not in (None, now.step):
                raise _moved(now, expected_step)
            check_halt(write.connection, now.model, actor)
            return rows.end(write, now, state, actor=actor, reason=reason, evidence=evidence)

    def open_rollout(self, model: str) -> Rollout | None:
        """Return the rollout of a model that is not over, or None."""
        with self.database.reading() as connection:
            return rows.read_open(connection, model)

    def open_rollouts(self) -> list[Rollout]:
        """Return every rollout that is not over, by model."""
        with self.database.reading() as connection:
            return rows.read_all_open(connection)

    def rollout(self, id: str) -> Rollout:  # noqa: A002
        """Return a rollout as it stands, by its id."""
        with self.database.reading() as connection:
            return rows.read_rollout(connection, id)

    def rollouts(self, model: str, *, limit: int = 50) -> list[Rollout]:
        """Return the newest rollouts of a model, oldest first."""
        with self.database.reading() as connection:
            return rows.read_newest(connection, model, limit)


def _known(
    connection: Connection, model: str, number: int, epoch: int, actor: str
) -> Rollout | None:
    """Return the rollout that a start finds done; None where it is to begin."""
    now = rows.read_open(connection, model)
    if now is not None:
        if now.version == number:
            return now
        raise RolloutOpen(model=model, version=now.version, step=step_name(now.share))
    if not is_automatic(actor):
        return None
    earlier = reversed(rows.read_newest(connection, model, _EVERY))
    mine = (each for each in earlier if (each.version, each.champion_epoch) == (number, epoch))
    return next(mine, None)


def _check_start(write: Writing, model: str, number: int, expected_epoch: int) -> int:
    """Return the champion's number, if the version may be rolled out beside it."""
    stage, epoch = stage_and_epoch(write, model, number, Slot.CHAMPION)
    if stage is None:
        newest = newest_number(write.connection, model) or "none"
        raise VersionNotFound(model=model, version=number, newest=newest)
    if stage != Stage.VALIDATED.value:
        raise NotFitToServe(model=model, version=number, stage=stage)
    champion = holder(write.connection, model, Slot.CHAMPION)
    if champion is None or champion[0] is None:
        raise NoChampion(model=model)
    if epoch != expected_epoch:
        slot = Slot.CHAMPION.value
        raise StaleEpoch(model=model, slot=slot, now=epoch, decided_at=expected_epoch)
    if champion[0] == number:
        raise ServesAlready(model=model, version=number)
    return champion[0]


def _undone(connection: Connection, id: str, expected_step: int) -> Rollout:  # noqa: A002
    now = rows.read_rollout(connection, id)
    if now.is_over:
        raise RolloutIsOver(model=now.model, version=now.version, outcome=now.outcome)
    if now.step != expected_step:
        raise _moved(now, expected_step)
    return now


def _moved(now: Rollout, decided_at: int | None) -> RolloutMoved:
    where = {"model": now.model, "version": now.version, "now": now.step}
    return RolloutMoved(**where, decided_at=decided_at)
