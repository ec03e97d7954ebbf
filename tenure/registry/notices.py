"""Who was told what, and who may tell it now?

A notice is begun on record before it goes out, so that no second process sends it as well; how it
ended is a row of its own. One whose sender died in between is never sent again: nobody knows
whether it went, and a change is told at most once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, select

from tenure.registry.chain import read_stamp
from tenure.registry.database import Database
from tenure.registry.halts import check_halt
from tenure.registry.tables import audit

BEGUN, SENT = "notice_begun", "notice_sent"
FAILED, LOST = "notice_failed", "notice_lost"
MOST_ATTEMPTS = 5
"""So often is a notice tried that could not be sent."""
LOST_AFTER = timedelta(minutes=10)
"""A notice that was begun so long ago and has no end lost its sender."""

_MARKS = (
    select(audit.c.kind, audit.c.body, audit.c.recorded_at)
    .where(
        audit.c.seq > bindparam("after_seq"),
        audit.c.model.is_not_distinct_from(bindparam("model")),
        audit.c.kind.in_([BEGUN, SENT, FAILED, LOST]),
    )
    .order_by(audit.c.seq)
)


class NoticeBook:
    """The part of the ledger about who was told."""

    database: Database

    def begin_notice(
        self,
        model: str | None,
        *,
        about: str,
        to: str,
        after_seq: int,
        actor: str,
        reason: str,
    ) -> bool:
        """Say that a notice goes out now; False if it went before, goes now, or was given up.

        Args:
            model: whom it is about; None for all models.
            about: what is told, such as `row 41` or `week 2026-W47`.
            to: whom; the name of an address, never the address.
            after_seq: marks about it stand behind this row.
            actor: who tells.
            reason: what is told, in a line.

        Raises:
            Halted: automation of the model is halted, and the actor is no person.
        """
        with self.database.writing() as write:
            if (about, to) in _settled(write.connection, model, after_seq):
                return False
            check_halt(write.connection, model or "", actor)
            body = {"about": about, "to": to}
            said: Any = {"model": model, "actor": actor, "reason": reason, "evidence": about}
            write.append(BEGUN, **said, body=body)
        return True

    def end_notice(
        self,
        model: str | None,
        *,
        about: str,
        to: str,
        actor: str,
        failure: str | None = None,
        is_lost: bool = False,
    ) -> None:
        """Say how a notice that was begun ended.

        Args:
            model: as it was begun.
            about: as it was begun.
            to: as it was begun.
            actor: who tells.
            failure: why it could not be sent; it is due again then.
            is_lost: whether its sender died; it is not sent again.
        """
        kind, reason = (FAILED, failure) if failure else (SENT, f"Told {to}.")
        if is_lost:
            kind = LOST
            reason = "Its sender died; nobody knows whether it went, and it is not sent again."
        body = {"about": about, "to": to}
        said: Any = {"model": model, "actor": actor, "reason": reason, "evidence": about}
        with self.database.writing() as write:
            write.append(kind, **said, body=body)

    def settled_notices(self, model: str | None, *, after_seq: int) -> set[tuple[str, str]]:
        """Return what needs no telling any more as (about, to): sent, under way, or given up."""
        with self.database.reading() as connection:
            return _settled(connection, model, after_seq)

    def lost_notices(self, model: str | None, *, after_seq: int) -> list[tuple[str, str]]:
        """Return the notices whose sender died before it said how they ended."""
        latest = datetime.now(UTC) - LOST_AFTER
        with self.database.reading() as connection:
            newest = {what: (kind, at) for what, kind, at in _marks(connection, model, after_seq)}
        return [
            what for what, (kind, at) in newest.items() if kind == BEGUN and read_stamp(at) < latest
        ]


Mark = tuple[tuple[str, str], str, str]


def _marks(connection: Connection, model: str | None, after_seq: int) -> Iterator[Mark]:
    for kind, text, at in connection.execute(_MARKS, {"model": model, "after_seq": after_seq}):
        body = orjson.loads(text)
        yield (body["about"], body["to"]), kind, at


def _settled(connection: Connection, model: str | None, after_seq: int) -> set[tuple[str, str]]:
    # A begun notice without an end counts as settled for good, its sender alive or not.
    begun: dict[tuple[str, str], int] = {}
    failed: dict[tuple[str, str], int] = {}
    settled = set()
    for what, kind, _ in _marks(connection, model, after_seq):
        counts = {BEGUN: begun, FAILED: failed}.get(kind)
        if counts is None:
            settled.add(what)
        else:
            counts[what] = counts.get(what, 0) + 1
    settled |= {what for what, count in begun.items() if count > failed.get(what, 0)}
    return settled | {what for what, count in failed.items() if count >= MOST_ATTEMPTS}
