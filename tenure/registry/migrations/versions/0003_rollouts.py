"""Rollouts: a version takes over step by step."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
    CREATE TABLE rollouts (
        id TEXT NOT NULL,
        model TEXT NOT NULL,
        state TEXT NOT NULL,
        open_for TEXT,
        seq INTEGER NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (open_for)
    )
    """,
    "CREATE INDEX rollouts_by_model ON rollouts (model, seq)",
)


def upgrade() -> None:
    """Add the table of rollouts."""
    for statement in STATEMENTS:
        op.execute(statement)
