"""How does a folder that an older Tenure wrote become one of today's?"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tenure.errors import WorkspaceTooNew
from tenure.registry import tables
from tenure.registry.archive import backup
from tenure.registry.ledger import Ledger
from tenure.registry.opening import (
    close_ledger,
    database_of,
    format_file,
    ledger_file,
    write_synced,
)
from tenure.workspace import Workspace

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(workspace: Workspace, *, actor: str = "system:upgrade") -> Path | None:
    """Bring .tenure/ to today's format after a backup; return the backup, None if none was needed.

    The migrations are one transaction: killed midway, the folder is what it was, and running again
    reaches the end.

    Raises:
        WorkspaceTooNew: a newer Tenure wrote it.
    """
    found = int(format_file(workspace).read_text(encoding="ascii"))
    if found > tables.FORMAT:
        raise WorkspaceTooNew(folder=str(workspace.state), found=found, known=tables.FORMAT)
    if found == tables.FORMAT:
        return None
    close_ledger(workspace)
    folder = workspace.state / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"before-format-{tables.FORMAT}.tar"
    if not kept.exists():
        backup(workspace, kept)
    migrate(ledger_file(workspace))
    database = database_of(workspace)
    Ledger(database).note(
        "ledger_upgraded",
        model=None,
        actor=actor,
        reason=f"The folder went from format {found} to {tables.FORMAT}.",
        evidence=str(kept.name),
        body={"from": found, "to": tables.FORMAT},
    )
    database.close()
    write_synced(format_file(workspace), f"{tables.FORMAT}\n".encode())
    return kept


def migrate(file: Path, *, scripts: Path = MIGRATIONS) -> None:
    """Bring a database file to the newest migration, in one transaction."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def revision(file: Path) -> str | None:
    """Return the migration that a database file is at."""
    connection = sqlite3.connect(file)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()
    return row[0] if row else None
