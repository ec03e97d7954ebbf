"""How does a workspace get its ledger, and whose format is it?

The first use makes .tenure/ (mode 0700): the database whole under a temporary name, then linked to
its own name, then the format number. So a ledger without a number is a fresh one whose maker died,
and a number without a ledger is a loss, which is never papered over with an empty ledger.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from tenure.errors import BadSetting, LedgerMissing, WorkspaceTooNew, WorkspaceTooOld
from tenure.registry import tables
from tenure.registry.database import Database
from tenure.registry.ledger import Ledger
from tenure.registry.witness import Witness, witness_name
from tenure.workspace import Clock, Workspace

_SQLITE = "sqlite:///"

_known: dict[tuple[str, str, Clock, str | None], Ledger] = {}
_guard = threading.Lock()


def ledger_file(workspace: Workspace) -> Path:
    """Return where the ledger's database is.

    Raises:
        BadSetting: the ledger is no SQLite file.
    """
    if not workspace.ledger_url.startswith(_SQLITE):
        raise BadSetting(
            file="config/settings.yaml", key="ledger", got="another database", wanted="sqlite:///…"
        )
    return Path(workspace.ledger_url.removeprefix(_SQLITE))


def anchor_file(workspace: Workspace) -> Path:
    """Return the file that follows the ledger's head."""
    return workspace.state / "anchor"


def witness_of(workspace: Workspace) -> Witness | None:
    """Return the witness that `anchor:` of the settings names, None if it names none.

    Raises:
        BadSetting: it lies inside .tenure/, or nothing can open it.
    """
    if workspace.anchor_url is None:
        return None
    url = workspace.locate(workspace.anchor_url)
    if Path(url).is_relative_to(workspace.state):
        raise BadSetting(
            file="config/settings.yaml",
            key="anchor",
            got=workspace.anchor_url,
            wanted="a folder outside .tenure/, or a URL",
        )
    return Witness(url, witness_name(workspace.root), workspace.state / "witness.lock")


def database_of(workspace: Workspace) -> Database:
    """Return the database of a workspace that has one, with its anchor and its witness."""
    return Database(
        ledger_file(workspace),
        anchor_file(workspace),
        workspace.clock,
        witness=witness_of(workspace),
    )


def format_file(workspace: Workspace) -> Path:
    """Return the file that holds the folder's format number."""
    return workspace.state / "format"


def open_ledger(workspace: Workspace) -> Ledger:
    """Return the workspace's ledger; the first use makes .tenure/.

    Cheap to call again: one ledger a process and workspace, one connection a thread.

    Raises:
        WorkspaceTooNew, WorkspaceTooOld: the folder has another format.
        LedgerMissing: the workspace was used and its database is gone.
    """
    key = (workspace.ledger_url, str(workspace.state), workspace.clock, workspace.anchor_url)
    with _guard:
        ledger = _known.get(key)
        if ledger is None or not format_file(workspace).exists():
            ledger = _known[key] = Ledger(_prepare(workspace))
        return ledger


def close_ledger(workspace: Workspace) -> None:
    """Close this process's connections to the workspace's ledger."""
    with _guard:
        mine = [key for key in _known if key[:2] == (workspace.ledger_url, str(workspace.state))]
        closed = [_known.pop(key) for key in mine]
    for ledger in closed:
        ledger.database.close()


def check_format(workspace: Workspace) -> None:
    """Refuse a folder that another Tenure wrote."""
    known = tables.FORMAT
    found = int(format_file(workspace).read_text(encoding="ascii"))
    folder = str(workspace.state)
    if found > known:
        raise WorkspaceTooNew(folder=folder, found=found, known=known)
    if found < known:
        raise WorkspaceTooOld(folder=folder, found=found, known=known)


def _prepare(workspace: Workspace) -> Database:
    file = ledger_file(workspace)
    if format_file(workspace).exists():
        check_format(workspace)
        if not file.exists():
            raise LedgerMissing(where=str(file))
    else:
        workspace.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _make_database(file)
        write_synced(format_file(workspace), f"{tables.FORMAT}\n".encode())
    return database_of(workspace)


def write_synced(file: Path, data: bytes) -> None:
    """Put a small file in place, whole or not at all, durable when it returns."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.fresh")
    with open(fresh, "wb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())
    os.rename(fresh, file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def schema() -> list[str]:
    """Return the statements that make an empty ledger of today's tables."""
    dialect = sqlite.dialect()
    ordered = tables.metadata.sorted_tables
    made = [str(CreateTable(table).compile(dialect=dialect)) for table in ordered]
    made += [
        str(CreateIndex(index).compile(dialect=dialect))
        for table in ordered
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]
    return [*made, *tables.APPEND_ONLY]


def normal_schema(statements: Iterable[str] | None = None) -> set[str]:
    """Return schema statements without what does not matter, today's by default."""
    texts = schema() if statements is None else statements
    return {re.sub(r"\s+", " ", text).replace('"', "").strip() for text in texts}


def _make_database(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}.fresh")
    fresh.unlink(missing_ok=True)
    connection = sqlite3.connect(fresh, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")  # synced once, below
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN")
    for statement in schema():
        connection.execute(statement)
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    connection.execute("INSERT INTO alembic_version VALUES (?)", (tables.REVISION,))
    connection.execute("COMMIT")
    connection.close()
    os.chmod(fresh, 0o600)
    with open(fresh, "rb") as made:
        os.fsync(made.fileno())
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass  # another process was first; its ledger is as good
    finally:
        fresh.unlink()
    sync_folder(file.parent)
