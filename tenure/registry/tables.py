"""What does the ledger keep, in which tables?

State tables hold what is true now (`open_for` of a case or a rollout names the model while it is
open, so that a model has one at a time); `audit` holds how it came to be, one row a change, never
changed again; `outbox` names the audit rows whose event was not yet sent. Times are text in UTC of
one width, so that text order is time order. A change here wants a migration beside it and, if older
programs would misread the folder, the next FORMAT (docs/decisions/0101-formats.md).
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

FORMAT = 3
"""The number of the whole .tenure/ folder's layout, kept in .tenure/format."""

REVISION = "0003"
"""The migration that ends with these tables."""

metadata = MetaData()


def _said(name: str) -> CheckConstraint:
    return CheckConstraint(f"length({name}) > 0", name=f"audit_{name}_said")


audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("recorded_at", Text, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("model", Text),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False),
    _said("actor"),
    _said("reason"),
    _said("evidence"),
    Index("audit_by_model", "model", "seq"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Integer, ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
)

batches = Table(
    "batches",
    metadata,
    Column("model", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("arrived_at", Text, nullable=False),
    Column("snapshot", Text),
    Column("report", Text),
    Column("reason", Text),
    Column("kept_object", Text),
    Index("batches_by_model", "model", "state", "seq"),
    Index("batches_by_state", "state", "seq"),
    Index("batches_by_seq", "seq"),
)

contracts = Table(
    "contracts",
    metadata,
    Column("model", Text, primary_key=True),
    Column("columns", Text, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("model", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("record", Text, nullable=False),
    Index("snapshots_by_seq", "model", "seq"),
)

candidates = Table(
    "candidates",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kept", Integer, nullable=False),
    Column("record", Text, nullable=False),
    Index("candidates_by_model", "model", "kept", "seq"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("record", Text, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("model", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("candidate", Text, ForeignKey("candidates.id"), nullable=False),
    Column("object", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("evaluation", Text, ForeignKey("evaluations.digest"), nullable=False),
    Column("training_set", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("recorded_at", Text, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("served_epoch", Integer),
    UniqueConstraint("candidate"),
    Index("versions_that_served", "model", "stage", "served_epoch"),
)

slots = Table(
    "slots",
    metadata,
    Column("model", Text, primary_key=True),
    Column("slot", Text, primary_key=True),
    Column("version", Integer),
    Column("epoch", Integer, nullable=False),
    ForeignKeyConstraint(["model", "version"], ["versions.model", "versions.number"]),
)

assignments = Table(
    "assignments",
    metadata,
    Column("model", Text, primary_key=True),
    Column("slot", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("version", Integer),
    Column("since", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

references = Table(
    "version_references",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("object", Text, nullable=False),
    ForeignKeyConstraint(["model", "version"], ["versions.model", "versions.number"]),
)

readings = Table(
    "readings",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("window", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("record", Text, nullable=False),
    UniqueConstraint("model", "version", "window", "revision"),
    Index("readings_by_model", "model", "version", "seq"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("decisions_by_model", "model", "seq"),
)

cases = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("open_for", Text, unique=True),
    Column("deadline_at", Text),
    Column("seq", Integer, nullable=False),
    Column("record", Text, nullable=False),
    Index("cases_by_model", "model", "seq"),
    Index("cases_by_state", "state", "seq"),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("open_for", Text, unique=True),
    Column("seq", Integer, nullable=False),
    Column("record", Text, nullable=False),
    Index("rollouts_by_model", "model", "seq"),
)

halts = Table(
    "halts",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("seq", Integer, nullable=False),
)

request_keys = Table(
    "request_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("answer", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token", Integer, nullable=False),
    Column("holder", Text),
    Column("ends_at", Text, nullable=False),
)

APPEND_ONLY = tuple(
    f"CREATE TRIGGER {name}_refuses_{verb.lower()} BEFORE {verb} ON {name} "
    f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
    for name in ("audit", "assignments")
    for verb in ("UPDATE", "DELETE")
)
"""SQLite's triggers that keep the record from being rewritten through SQL."""
