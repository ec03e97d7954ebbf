"""How does each line of the record vouch for all lines before it?

A row's digest is the sha256 of the digest before it and the row's canonical JSON, so that one
edited byte changes every digest after it. One chain a ledger.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from tenure.records import AuditRow, canonical

GENESIS = "0" * 64
"""What stands as `previous` in the first row."""


class Head(NamedTuple):
    """The newest row's number and digest; (0, GENESIS) of an empty record."""

    seq: int
    digest: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"


class Line(NamedTuple):
    """An audit row as it is stored: times and body are text."""

    seq: int
    recorded_at: str
    as_of: str
    kind: str
    model: str | None
    actor: str
    reason: str
    evidence: str
    body: str
    previous: str
    digest: str


def stamp(at: datetime) -> str:
    """Spell a time so that text order is time order.

    >>> stamp(datetime(2026, 5, 3, 14, 3, tzinfo=UTC))
    '2026-05-03T14:03:00.000000Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_stamp(text: str) -> datetime:
    """Read what `stamp` spelled."""
    return datetime.fromisoformat(text)


def line_digest(line: Line) -> str:
    """Return the digest that a row must have, from its content and the digest before it."""
    content: dict[str, Any] = line._asdict()
    previous = content.pop("previous")
    del content["digest"]
    content["body"] = orjson.Fragment(line.body)
    return hashlib.sha256(previous.encode() + canonical(content)).hexdigest()


def next_line(
    head: Head,
    *,
    recorded_at: str,
    as_of: str,
    kind: str,
    model: str | None,
    actor: str,
    reason: str,
    evidence: str,
    body: dict[str, Any],
) -> Line:
    """Return the row that follows `head`."""
    bare = Line(
        seq=head.seq + 1,
        recorded_at=recorded_at,
        as_of=as_of,
        kind=kind,
        model=model,
        actor=actor,
        reason=reason,
        evidence=evidence,
        body=canonical(body).decode(),
        previous=head.digest,
        digest="",
    )
    return bare._replace(digest=line_digest(bare))


def as_audit_row(line: Line) -> AuditRow:
    """Return a stored row as the record that others read."""
    return AuditRow(
        seq=line.seq,
        recorded_at=read_stamp(line.recorded_at),
        as_of=read_stamp(line.as_of),
        kind=line.kind,
        model=line.model,
        actor=line.actor,
        reason=line.reason,
        evidence=line.evidence,
        body=orjson.loads(line.body),
        previous=line.previous,
        digest=line.digest,
    )
