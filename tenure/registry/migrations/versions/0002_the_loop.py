"""The loop: references, readings, decisions, cases, halts; a slot may be vacant.

SQLite cannot loosen a column in place, so the two tables of slots are made anew; their rows move.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "DROP TRIGGER assignments_refuses_update",
    "DROP TRIGGER assignments_refuses_delete",
    "ALTER TABLE assignments RENAME TO old_assignments",
    """
    CREATE TABLE assignments (
        model TEXT NOT NULL,
        slot TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        version INTEGER,
        since TEXT NOT NULL,
        seq INTEGER NOT NULL,
        actor TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (model, slot, epoch)
    )
    """,
    "INSERT INTO assignments SELECT * FROM old_assignments",
    "DROP TABLE old_assignments",
    "ALTER TABLE slots RENAME TO old_slots",
    """
    CREATE TABLE slots (
        model TEXT NOT NULL,
        slot TEXT NOT NULL,
        version INTEGER,
        epoch INTEGER NOT NULL,
        PRIMARY KEY (model, slot),
        FOREIGN KEY(model, version) REFERENCES versions (model, number)
    )
    """,
    "INSERT INTO slots SELECT * FROM old_slots",
    "DROP TABLE old_slots",
    """
    CREATE TABLE version_references (
        model TEXT NOT NULL,
        version INTEGER NOT NULL,
        object TEXT NOT NULL,
        PRIMARY KEY (model, version),
        FOREIGN KEY(model, version) REFERENCES versions (model, number)
    )
    """,
    """
    CREATE TABLE readings (
        digest TEXT NOT NULL,
        model TEXT NOT NULL,
        version INTEGER NOT NULL,
        "window" TEXT NOT NULL,
        revision INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        as_of TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (digest),
        UNIQUE (model, version, "window", revision)
    )
    """,
    """
    CREATE TABLE decisions (
        id TEXT NOT NULL,
        model TEXT NOT NULL,
        action TEXT NOT NULL,
        seq INTEGER NOT NULL,
        as_of TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE cases (
        id TEXT NOT NULL,
        model TEXT NOT NULL,
        state TEXT NOT NULL,
        open_for TEXT,
        deadline_at TEXT,
        seq INTEGER NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (open_for)
    )
    """,
    """
    CREATE TABLE halts (
        scope TEXT NOT NULL,
        "by" TEXT NOT NULL,
        reason TEXT NOT NULL,
        since TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (scope)
    )
    """,
    "CREATE INDEX readings_by_model ON readings (model, version, seq)",
    "CREATE INDEX decisions_by_model ON decisions (model, seq)",
    "CREATE INDEX cases_by_model ON cases (model, seq)",
    "CREATE INDEX cases_by_state ON cases (state, seq)",
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
    """Add the tables of the loop, and let a slot be vacant."""
    for statement in STATEMENTS:
        op.execute(statement)
