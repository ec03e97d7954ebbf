"""What did monitors see, and what was decided about it?

A reading and the decision that it led to are one transaction, with the case if one was opened: the
audit row is the outbox row that events are sent from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import bindparam, func, insert, select

from tenure.errors import DecisionNotFound, Halted
from tenure.records import (
    Action,
    Case,
    Decision,
    Reading,
    Window,
    canonical,
    digest_of,
    from_json,
    to_json,
)
from tenure.registry.cases import put_case
from tenure.registry.chain import read_stamp
from tenure.registry.database import Database, Writing, check_entry
from tenure.registry.halts import check_halt
from tenure.registry.tables import decisions, readings, references

KINDS = {
    Action.KEEP: "reading_recorded",
    Action.WARN: "warning_decided",
    Action.RETRAIN: "retrain_decided",
    Action.RETIRE: "retirement_decided",
}
"""The audit row's kind, and so the event's name, of each action."""

_DECISION = select(decisions).where(decisions.c.id == bindparam("id"))
_DECISIONS = (
    select(decisions)
    .where(decisions.c.model == bindparam("model"))
    .order_by(decisions.c.seq.desc())
    .limit(bindparam("limit"))
)
_BEFORE = (
    select(decisions)
    .where(decisions.c.model == bindparam("model"), decisions.c.seq < bindparam("seq"))
    .order_by(decisions.c.seq.desc())
    .limit(1)
)
_THESE = select(decisions).where(decisions.c.id.in_(bindparam("ids", expanding=True)))
_NEWEST = (
    select(
        readings.c.model,
        readings.c.version,
        readings.c.window,
        func.max(readings.c.revision).label("revision"),
    )
    .group_by(readings.c.model, readings.c.version, readings.c.window)
    .subquery()
)
_READINGS = (
    select(readings)
    .join(
        _NEWEST,
        (_NEWEST.c.model == readings.c.model)
        & (_NEWEST.c.version == readings.c.version)
        & (_NEWEST.c.window == readings.c.window)
        & (_NEWEST.c.revision == readings.c.revision),
    )
    .where(readings.c.model == bindparam("model"))
    .order_by(readings.c.seq.desc())
    .limit(bindparam("limit"))
)
_READINGS_OF = _READINGS.where(readings.c.version == bindparam("version"))
_BY_DIGEST = select(readings).where(readings.c.digest == bindparam("digest"))
_OF_WINDOW = (
    select(readings)
    .where(
        readings.c.model == bindparam("model"),
        readings.c.version == bindparam("version"),
        readings.c.window == bindparam("window"),
    )
    .order_by(readings.c.revision.desc())
    .limit(1)
)
_REFERENCE = select(references.c.object).where(
    references.c.model == bindparam("model"), references.c.version == bindparam("version")
)


def window_key(window: Window) -> str:
    """Return a window's identity as text."""
    return digest_of(to_json(window))


def sealed(reading: Reading) -> Reading:
    """Return a reading with the digest of its content."""
    bare = replace(reading, digest="", seq=0, as_of=None)
    return replace(reading, digest=digest_of(to_json(bare)))


class ReadingBook:
    """The part of the ledger about references, readings and decisions."""

    database: Database

    def keep_reference(self, model: str, version: int, object: str, *, actor: str) -> str:  # noqa: A002
        """Say which store object is a version's reference; the first one stays for its life."""
        check_entry(model, actor, "reference", object)
        place = {"model": model, "version": version}
        with self.database.writing() as write:
            known = write.connection.execute(_REFERENCE, place).scalar()
            if known is not None:
                return known
            write.connection.execute(insert(references), {**place, "object": object})
            write.append(
                "reference_kept",
                model=model,
                actor=actor,
                reason=f"Version {version} is watched against this reference.",
                evidence=object,
                body={"version": version, "object": object},
            )
        return object

    def reference(self, model: str, version: int) -> str | None:
        """Return the digest of a version's reference, or None if none was kept."""
        with self.database.reading() as connection:
            found = connection.execute(_REFERENCE, {"model": model, "version": version})
            return found.scalar()

    def record_reading(
        self, reading: Reading, decision: Decision, case: Case | None = None, *, actor: str
    ) -> Decision:
        """Put a reading on record with its decision, and open the case that it leads to.

        The same decision again changes nothing and returns the one on record. While automation is
        halted no case is opened; the reading and the decision stand.

        Raises:
            CaseOpen: the model has an open case.
        """
        check_entry(reading.model, actor, decision.reason, reading.digest)
        with self.database.writing() as write:
            known = write.connection.execute(_DECISION, {"id": decision.id}).first()
            if known is not None:
                return _as_decision(known)
            if case is not None and _is_halted(write, reading.model, actor):
                case = None
            return _record(write, reading, decision, case, actor)

    def readings(
        self, model: str, version: int | None = None, *, limit: int = 100
    ) -> list[Reading]:
        """Return the newest revision of each window, oldest window first, the newest `limit`."""
        asked: dict[str, Any] = {"model": model, "limit": limit}
        with self.database.reading() as connection:
            if version is None:
                rows = connection.execute(_READINGS, asked).all()
            else:
                rows = connection.execute(_READINGS_OF, {**asked, "version": version}).all()
        return [_as_reading(row) for row in reversed(rows)]

    def reading(self, digest: str) -> Reading | None:
        """Return one reading by its digest, or None."""
        with self.database.reading() as connection:
            row = connection.execute(_BY_DIGEST, {"digest": digest}).first()
        return _as_reading(row) if row else None

    def reading_of(self, model: str, version: int, window: Window) -> Reading | None:
        """Return the newest revision of what was seen in a window, or None."""
        asked = {"model": model, "version": version, "window": window_key(window)}
        with self.database.reading() as connection:
            row = connection.execute(_OF_WINDOW, asked).first()
        return _as_reading(row) if row else None

    def decision(self, id: str) -> Decision:  # noqa: A002
        """Return one decision.

        Raises:
            DecisionNotFound: there is none of this id.
        """
        with self.database.reading() as connection:
            row = connection.execute(_DECISION, {"id": id}).first()
        if row is None:
            raise DecisionNotFound(decision=id)
        return _as_decision(row)

    def decision_before(self, decision: Decision) -> Decision | None:
        """Return what was decided about the model before this decision, or None."""
        asked = {"model": decision.model, "seq": decision.seq}
        with self.database.reading() as connection:
            row = connection.execute(_BEFORE, asked).first()
        return _as_decision(row) if row else None

    def decisions_of(self, ids: Sequence[str]) -> dict[str, Decision]:
        """Return those of some ids that are decisions, by their ids; cases bear theirs."""
        with self.database.reading() as connection:
            rows = connection.execute(_THESE, {"ids": list(ids)}).all()
        return {row.id: _as_decision(row) for row in rows}

    def decisions(self, model: str, *, limit: int = 100) -> list[Decision]:
        """Return a model's newest decisions, oldest first."""
        with self.database.reading() as connection:
            rows = connection.execute(_DECISIONS, {"model": model, "limit": limit}).all()
        return [_as_decision(row) for row in reversed(rows)]


def _is_halted(write: Writing, model: str, actor: str) -> bool:
    try:
        check_halt(write.connection, model, actor)
    except Halted:
        return True
    return False


def _record(
    write: Writing, reading: Reading, decision: Decision, case: Case | None, actor: str
) -> Decision:
    times = {"seq": write.next_seq, "as_of": write.as_of}
    seen = {
        "digest": reading.digest,
        "model": reading.model,
        "version": reading.version,
        "window": window_key(reading.window),
        "revision": reading.revision,
        "record": canonical(to_json(reading)).decode(),
        **times,
    }
    known = write.connection.execute(_BY_DIGEST, {"digest": reading.digest}).first()
    if known is None:
        write.connection.execute(insert(readings), seen)
    said = to_json(decision)
    row = {
        "id": decision.id,
        "model": decision.model,
        "action": decision.action.value,
        "record": canonical(said).decode(),
        **times,
    }
    write.connection.execute(insert(decisions), row)
    body: dict[str, Any] = {
        "decision": decision.id,
        "decided": digest_of(said),
        "action": decision.action.value,
        "version": decision.version,
        "window": seen["window"],
        "revision": reading.revision,
        "reading": reading.digest,
        "case": case.id if case else "",
    }
    if known is None:
        body["read"] = digest_of(to_json(reading))
    if case is not None:
        body["opened"] = put_case(write, case)
    write.append(
        KINDS[decision.action],
        model=decision.model,
        actor=actor,
        reason=decision.reason,
        evidence=reading.digest,
        body=body,
        announce=decision.action is not Action.KEEP,
    )
    return replace(decision, seq=times["seq"], as_of=read_stamp(write.as_of))


def _as_reading(row: Any) -> Reading:
    found = from_json(Reading, orjson.loads(row.record))
    return replace(found, seq=row.seq, as_of=read_stamp(row.as_of))


def _as_decision(row: Any) -> Decision:
    found = from_json(Decision, orjson.loads(row.record))
    return replace(found, seq=row.seq, as_of=read_stamp(row.as_of))
