"""Who stopped the automation of a model, or of all of them?

A halt is a row that every automatic effect looks at inside its own transaction; people may still
act.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select

from tenure.errors import Halted, NotHalted
from tenure.records import Halt
from tenure.registry.chain import read_stamp
from tenure.registry.database import Database, check_entry
from tenure.registry.tables import halts

ALL = "*"
AUTOMATIC = ("automation:", "schedule:", "system:")

_OF = select(halts).where(halts.c.scope.in_([bindparam("model"), ALL])).order_by(halts.c.scope)
_EXACT = select(halts).where(halts.c.scope == bindparam("model"))
_EVERY = select(halts).order_by(halts.c.scope)
_GONE = delete(halts).where(halts.c.scope == bindparam("of_scope"))


def is_automatic(actor: str) -> bool:
    """Say whether nobody in person is behind an actor."""
    return actor.startswith(AUTOMATIC)


def check_halt(connection: Connection, model: str, actor: str) -> None:
    """Refuse what automation does to a model that a person halted.

    Raises:
        Halted: the model, or everything, is halted, and the actor is no person.
    """
    if not is_automatic(actor):
        return
    row = connection.execute(_OF, {"model": model}).first()
    if row is not None:
        raise Halted(model=model, by=row.by, since=row.since, why=row.reason)


class HaltBook:
    """The part of the ledger about halts."""

    database: Database

    def halt(self, model: str | None, *, actor: str, reason: str) -> Halt:
        """Stop the automation of a model, or of all (None); again changes nothing."""
        check_entry(model, actor, reason, "halt")
        scope = model or ALL
        with self.database.writing() as write:
            known = write.connection.execute(_EXACT, {"model": scope}).first()
            if known is not None:
                return _as_halt(known)
            row = {"scope": scope, "by": actor, "reason": reason, "since": write.as_of}
            seq = write.next_seq
            write.connection.execute(insert(halts), {**row, "seq": seq})
            write.append(
                "automation_halted",
                model=model,
                actor=actor,
                reason=reason,
                evidence="a person's word",
                body={"scope": scope},
                announce=True,
            )
        since = read_stamp(row["since"])
        return Halt(model=model, by=actor, reason=reason, since=since, seq=seq)

    def resume(self, model: str | None, *, actor: str, reason: str) -> None:
        """Let automation act again.

        Raises:
            NotHalted: nothing of this scope was halted.
        """
        check_entry(model, actor, reason, "resume")
        scope = model or ALL
        with self.database.writing() as write:
            if write.connection.execute(_EXACT, {"model": scope}).first() is None:
                raise NotHalted(scope=f"'{model}'" if model else "everything")
            write.connection.execute(_GONE, {"of_scope": scope})
            write.append(
                "automation_resumed",
                model=model,
                actor=actor,
                reason=reason,
                evidence="a person's word",
                body={"scope": scope},
                announce=True,
            )

    def halted(self, model: str) -> Halt | None:
        """Return the halt that holds for a model, that of everything included."""
        with self.database.reading() as connection:
            row = connection.execute(_OF, {"model": model}).first()
        return _as_halt(row) if row else None

    def halts(self) -> list[Halt]:
        """Return every halt, that of everything first."""
        with self.database.reading() as connection:
            return [_as_halt(row) for row in connection.execute(_EVERY)]


def _as_halt(row: Row[Any]) -> Halt:
    return Halt(
        model=None if row.scope == ALL else row.scope,
        by=row.by,
        reason=row.reason,
        since=read_stamp(row.since),
        seq=row.seq,
    )
