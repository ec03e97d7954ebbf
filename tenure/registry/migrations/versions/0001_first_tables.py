"""The first tables: audit, outbox, state, slots, leases.

Statements stand here as they were, so that a later change of tables.py does not change the past.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE assignments (
        model TEXT NOT NULL,
        slot TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        version INTEGER NOT NULL,
        since TEXT NOT NULL,
        seq INTEGER NOT NULL,
        actor TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (model, slot, epoch)
    )
    """,
    """
    CREATE TABLE audit (
        seq INTEGER NOT NULL,
        recorded_at TEXT NOT NULL,
        as_of TEXT NOT NULL,
        kind TEXT NOT NULL,
        model TEXT,
        actor TEXT NOT NULL,
        reason TEXT NOT NULL,
        evidence TEXT NOT NULL,
        body TEXT NOT NULL,
        previous TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (seq),
        CONSTRAINT audit_actor_said CHECK (length(actor) > 0),
        CONSTRAINT audit_reason_said CHECK (length(reason) > 0),
        CONSTRAINT audit_evidence_said CHECK (length(evidence) > 0)
    )
    """,
    """
    CREATE TABLE batches (
        model TEXT NOT NULL,
        digest TEXT NOT NULL,
        name TEXT NOT NULL,
        location TEXT NOT NULL,
        size INTEGER NOT NULL,
        state TEXT NOT NULL,
        seq INTEGER NOT NULL,
        arrived_at TEXT NOT NULL,
        snapshot TEXT,
        report TEXT,
        reason TEXT,
        kept_object TEXT,
        PRIMARY KEY (model, digest)
    )
    """,
    """
    CREATE TABLE candidates (
        id TEXT NOT NULL,
        model TEXT NOT NULL,
        seq INTEGER NOT NULL,
        kept INTEGER NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE contracts (
        model TEXT NOT NULL,
        columns TEXT NOT NULL,
        PRIMARY KEY (model)
    )
    """,
    """
    CREATE TABLE evaluations (
        digest TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (digest)
    )
    """,
    """
    CREATE TABLE leases (
        name TEXT NOT NULL,
        token INTEGER NOT NULL,
        holder TEXT,
        ends_at TEXT NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE request_keys (
        "key" TEXT NOT NULL,
        request TEXT NOT NULL,
        answer TEXT NOT NULL,
        PRIMARY KEY ("key")
    )
    """,
    """
    CREATE TABLE snapshots (
        model TEXT NOT NULL,
        digest TEXT NOT NULL,
        seq INTEGER NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (model, digest)
    )
    """,
    """
    CREATE TABLE outbox (
        seq INTEGER NOT NULL,
        PRIMARY KEY (seq),
        FOREIGN KEY(seq) REFERENCES audit (seq)
    )
    """,
    """
    CREATE TABLE versions (
        model TEXT NOT NULL,
        number INTEGER NOT NULL,
        stage TEXT NOT NULL,
        candidate TEXT NOT NULL,
        object TEXT NOT NULL,
        size INTEGER NOT NULL,
        manifest TEXT NOT NULL,
        evaluation TEXT NOT NULL,
        training_set TEXT NOT NULL,
        reason TEXT NOT NULL,
        seq INTEGER NOT NULL,
        recorded_at TEXT NOT NULL,
        as_of TEXT NOT NULL,
        served_epoch INTEGER,
        PRIMARY KEY (model, number),
        UNIQUE (candidate),
        FOREIGN KEY(candidate) REFERENCES candidates (id),
        FOREIGN KEY(evaluation) REFERENCES evaluations (digest)
    )
    """,
    """
    CREATE TABLE slots (
        model TEXT NOT NULL,
        slot TEXT NOT NULL,
        version INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        PRIMARY KEY (model, slot),
        FOREIGN KEY(model, version) REFERENCES versions (model, number)
    )
    """,
    """
    CREATE INDEX audit_by_model ON audit (model, seq)
    """,
    """
    CREATE INDEX batches_by_model ON batches (model, state, seq)
    """,
    """
    CREATE INDEX batches_by_seq ON batches (seq)
    """,
    """
    CREATE INDEX batches_by_state ON batches (state, seq)
    """,
    """
    CREATE INDEX candidates_by_model ON candidates (model, kept, seq)
    """,
    """
    CREATE INDEX snapshots_by_seq ON snapshots (model, seq)
    """,
    """
    CREATE INDEX versions_that_served ON versions (model, stage, served_epoch)
    """,
    """
    CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END
    """,
    """
    CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END
    """,
    """
    CREATE TRIGGER assignments_refuses_update BEFORE UPDATE ON assignments
    BEGIN SELECT RAISE(ABORT, 'assignments is append-only'); END
    """,
    """
    CREATE TRIGGER assignments_refuses_delete BEFORE DELETE ON assignments
    BEGIN SELECT RAISE(ABORT, 'assignments is append-only'); END
    """,
)


def upgrade() -> None:
    """Make the tables, their indexes and the guards of the record."""
    for statement in STATEMENTS:
        op.execute(statement)
