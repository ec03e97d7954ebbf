"""What happened, in which order, and which of it was not yet told to the world?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from tenure.records import AuditRow
from tenure.registry.chain import Head, Line, as_audit_row, stamp
from tenure.registry.database import Database, read_head
from tenure.registry.tables import audit, outbox

_ALL = (
    select(audit)
    .where(audit.c.seq > bindparam("after_seq"))
    .order_by(audit.c.seq)
    .limit(bindparam("limit"))
)
_OF_MODEL = _ALL.where(audit.c.model == bindparam("model"))
_OF_KINDS = (
    select(audit)
    .where(
        audit.c.model.is_not_distinct_from(bindparam("model")),
        audit.c.kind.in_(bindparam("kinds", expanding=True)),
        audit.c.as_of >= bindparam("since"),
    )
    .order_by(audit.c.seq.desc())
    .limit(bindparam("limit"))
)
_UNSENT = (
    select(audit)
    .join(outbox, outbox.c.seq == audit.c.seq)
    .order_by(audit.c.seq)
    .limit(bindparam("limit"))
)
EXPORTED = "version_exported"
"""What a copy for other servers is called; its `body` names version and folder."""

_SENT = delete(outbox).where(outbox.c.seq == bindparam("of_seq"))


class RecordBook:
    """The part of the ledger about the audit and the outbox."""

    database: Database

    def note(
        self,
        kind: str,
        *,
        model: str | None,
        actor: str,
        reason: str,
        evidence: str,
        body: dict[str, Any] | None = None,
    ) -> AuditRow:
        """Put on record something that changes no state, like a refused artifact."""
        with self.database.writing() as write:
            line = write.append(
                kind,
                model=model,
                actor=actor,
                reason=reason,
                evidence=evidence,
                body=body or {},
            )
        return as_audit_row(line)

    def audit(
        self, model: str | None = None, *, after_seq: int = 0, limit: int = 1000
    ) -> list[AuditRow]:
        """Return audit rows in order, of one model or of all."""
        asked = {"after_seq": after_seq, "limit": limit}
        with self.database.reading() as connection:
            if model is None:
                rows = connection.execute(_ALL, asked).all()
            else:
                rows = connection.execute(_OF_MODEL, {**asked, "model": model}).all()
        return [as_audit_row(Line(*row)) for row in rows]

    def happenings(
        self,
        model: str | None,
        kinds: Iterable[str],
        *,
        since: datetime | None = None,
        limit: int = 1000,
    ) -> list[AuditRow]:
        """Return the newest audit rows of some kinds, oldest first.

        Args:
            model: whose; None for those about no single model.
            kinds: such as `case_opened`.
            since: only those about this time (`as_of`) or a later one.
            limit: of how many rows, at most.
        """
        after = stamp(since) if since else ""
        asked = {"model": model, "kinds": list(kinds), "since": after, "limit": limit}
        with self.database.reading() as connection:
            rows = connection.execute(_OF_KINDS, asked).all()
        return [as_audit_row(Line(*row)) for row in reversed(rows)]

    def head(self) -> Head:
        """Return the newest audit row's number and digest; prints as SEQ:DIGEST."""
        with self.database.reading() as connection:
            return read_head(connection)

    def unsent(self, limit: int = 100) -> list[AuditRow]:
        """Return the oldest audit rows whose event was not yet sent."""
        with self.database.reading() as connection:
            rows = connection.execute(_UNSENT, {"limit": limit}).all()
        return [as_audit_row(Line(*row)) for row in rows]

    def mark_sent(self, seqs: Iterable[int]) -> None:
        """Take rows out of the outbox once their events were sent; again does nothing."""
        gone = [{"of_seq": seq} for seq in seqs]
        if gone:
            with self.database.writing() as write:
                write.connection.execute(_SENT, gone)
