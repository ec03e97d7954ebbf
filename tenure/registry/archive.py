"""How is a whole workspace copied, and put back so that nobody can pretend that it was not?

One tar archive, mode 0600: the ledger (a consistent copy while others write), every object of the
store and of the archive of retired versions, and the key folder if it lies inside .tenure/; keys
that are kept elsewhere are to be backed up elsewhere, only their public halves come along. Pages,
logs and Prefect's own state are not in it. A restore appends a row that names the head it replaced,
and anchors it.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tenure.errors import BackupRefused, TenureError, WitnessUnreachable
from tenure.records import canonical
from tenure.registry import tables
from tenure.registry.archived import open_archive
from tenure.registry.chain import Head
from tenure.registry.database import Database
from tenure.registry.ledger import Ledger
from tenure.registry.opening import (
    close_ledger,
    database_of,
    format_file,
    ledger_file,
    open_ledger,
    sync_folder,
    witness_of,
    write_synced,
)
from tenure.registry.signing import key_is_weak
from tenure.registry.store import Store, open_store
from tenure.registry.verification import Severity, verify
from tenure.workspace import Workspace

BACKUP_FORMAT = 1


def backup(workspace: Workspace, file: str | os.PathLike[str]) -> Head:
    """Write an archive of ledger, store and keys; return the head that it holds.

    Raises:
        BackupRefused: the file exists already.
        ObjectDamaged: an object is not what its name says; no archive was written.
    """
    target = Path(file)
    if target.exists():
        raise BackupRefused(file=str(target), detail="a file of this name exists")
    fresh = target.with_name(f".{target.name}.{os.getpid()}.fresh")
    work = workspace.state / "work" / f"backup.{os.getpid()}"
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        head = _copy_database(workspace, work / "ledger.db")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            with tarfile.open(fileobj=out, mode="w") as archive:
                _fill(archive, workspace, work / "ledger.db", head)
            out.flush()
            os.fsync(out.fileno())
        os.rename(fresh, target)
        sync_folder(target.resolve().parent)
    finally:
        fresh.unlink(missing_ok=True)
        shutil.rmtree(work)
    return head


def _copy_database(workspace: Workspace, copy: Path) -> Head:
    source = sqlite3.connect(ledger_file(workspace))
    target = sqlite3.connect(copy)
    try:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
        return _head(target)
    finally:
        source.close()
        target.close()


def _head(connection: sqlite3.Connection) -> Head:
    row = connection.execute("SELECT seq, digest FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return Head(*row) if row else Head(0, "")


def _fill(archive: tarfile.TarFile, workspace: Workspace, ledger: Path, head: Head) -> None:
    about = {
        "backup_format": BACKUP_FORMAT,
        "format": int(format_file(workspace).read_text(encoding="ascii")),
        "head": str(head),
        "made_at": datetime.now(UTC).isoformat(),
    }
    _add(archive, "backup.json", canonical(about))
    archive.add(ledger, "ledger.db")
    keys = "*.json" if key_is_weak(workspace) else "*.pub.json"
    wanted = "*" if key_is_weak(workspace) else keys
    for file in sorted(workspace.key_folder.glob(wanted)):
        if file.is_file():
            archive.add(file, f"keys/{file.name}")
    for name, store in (("store", open_store(workspace)), ("archive", open_archive(workspace))):
        for digest in store.digests():
            with store.open_object(digest) as handle:
                member = tarfile.TarInfo(f"{name}/{digest}")
                member.size, member.mode = store.size(digest), 0o444
                archive.addfile(member, handle)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    archive.addfile(member, io.BytesIO(data))


def restore_backup(
    workspace: Workspace, file: str | os.PathLike[str], *, actor: str = "system:restore"
) -> Head:
    """Put an archive's ledger, objects and missing keys in place; return the new head.

    The archive is verified whole before anything is changed. Objects and keys that are there stay.

    Raises:
        WitnessUnreachable: the witness went away in the middle; all is in place but what it knows.
        BackupRefused: it is no backup, of another format, or does not verify; or the witness
            outside, which would hold against the restored ledger, cannot be told.
    """
    _must_reach_witness(workspace, Path(file))
    work = workspace.state / "work" / f"restore.{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    try:
        about = _unpack(Path(file), work)
        _must_verify(workspace, work, Path(file))
        replaced = _current_head(workspace)
        _take_objects(work / "store", open_store(workspace))
        _take_objects(work / "archive", open_archive(workspace))
        _take_keys(work / "keys", workspace)
        head = _note_restore(workspace, work, about, replaced, actor)
        close_ledger(workspace)
        _replace_database(work / "ledger.db", ledger_file(workspace), workspace.state)
        _anchor(workspace, head)
        return head
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _must_reach_witness(workspace: Workspace, file: Path) -> None:
    witness = witness_of(workspace)
    if witness is None:
        return
    try:
        witness.read()
    except WitnessUnreachable as error:
        detail = f"{error} Without `anchor:` in config/settings.yaml it can be restored."
        raise BackupRefused(file=str(file), detail=detail) from None


def _anchor(workspace: Workspace, head: Head) -> None:
    database = database_of(workspace)
    database.anchor.reset(head)
    database.close()
    write_synced(format_file(workspace), f"{tables.FORMAT}\n".encode())
    if database.witness is not None:  # last: if it went away meanwhile, restoring again tells it
        database.witness.reset(head)


def _unpack(file: Path, work: Path) -> dict[str, Any]:
    def refused(detail: str) -> BackupRefused:
        return BackupRefused(file=str(file), detail=detail)

    try:
        with tarfile.open(file, "r:") as archive:
            for member in archive:
                if not member.isfile():
                    raise refused(f"'{member.name}' is no plain file")
                archive.extract(member, work, filter="data")
        about = orjson.loads((work / "backup.json").read_bytes())
    except FileNotFoundError as error:
        raise refused(f"'{Path(error.filename).name}' is missing") from None
    except (tarfile.TarError, orjson.JSONDecodeError, OSError) as error:
        raise refused(f"it is no archive of ours ({type(error).__name__})") from None
    if about.get("backup_format") != BACKUP_FORMAT:
        raise refused(f"its format is {about.get('backup_format')}, not {BACKUP_FORMAT}")
    if about.get("format") != tables.FORMAT:
        raise refused(f"its folder format is {about.get('format')}, not {tables.FORMAT}")
    for name in ("store", "archive", "keys"):
        (work / name).mkdir(exist_ok=True)
    return about


def _must_verify(workspace: Workspace, work: Path, file: Path) -> None:
    trial = _trial(workspace, work)
    try:
        damage = [one for one in verify(trial) if one.severity is Severity.DAMAGE]
    finally:
        close_ledger(trial)
    if damage:
        detail = f"{len(damage)} damage(s), first: {damage[0].which}: {damage[0].what}"
        raise BackupRefused(file=str(file), detail=detail)


def _trial(workspace: Workspace, work: Path) -> Workspace:
    """Return the unpacked archive as a workspace of its own, with its own keys and anchor."""
    root = work / "trial"
    state = root / ".tenure"
    state.mkdir(parents=True, mode=0o700)
    shutil.copy(work / "ledger.db", state / "ledger.db")
    format_file(replace(workspace, root=root)).write_text(f"{tables.FORMAT}\n", encoding="ascii")
    for source in (work / "keys").iterdir():
        (state / "keys").mkdir(mode=0o700, exist_ok=True)
        shutil.copy(source, state / "keys" / source.name)
    trial = replace(
        workspace,
        root=root,
        ledger_url=f"sqlite:///{state / 'ledger.db'}",
        store_url=str(state / "store"),
        anchor_url=None,
        archive_url=None,
    )
    _take_objects(work / "store", open_store(trial))
    _take_objects(work / "archive", open_archive(trial))
    ledger = open_ledger(trial)
    ledger.database.anchor.reset(ledger.head())
    return trial


def _current_head(workspace: Workspace) -> str:
    with contextlib.suppress(TenureError, OSError):
        if format_file(workspace).exists():
            return str(open_ledger(workspace).head())
    return "none that could be read"


def _take_objects(folder: Path, store: Store) -> None:
    for file in sorted(folder.iterdir()):
        digest, _ = store.put_file(file)
        if digest != file.name:
            raise BackupRefused(file=file.name, detail="an object is not what its name says")


def _take_keys(folder: Path, workspace: Workspace) -> None:
    workspace.key_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in sorted(folder.iterdir()):
        target = workspace.key_folder / file.name
        if not target.exists():
            shutil.copy(file, target)
            os.chmod(target, 0o644 if file.name.endswith(".pub.json") else 0o600)


def _note_restore(
    workspace: Workspace, work: Path, about: dict[str, Any], replaced: str, actor: str
) -> Head:
    database = Database(work / "ledger.db", work / "anchor", workspace.clock)
    ledger = Ledger(database)
    database.anchor.reset(ledger.head())
    ledger.note(
        "backup_restored",
        model=None,
        actor=actor,
        reason=f"A backup made at {about['made_at']} was put in place.",
        evidence=about["head"],
        body={"replaced_head": replaced, "restored_head": about["head"]},
    )
    head = ledger.head()
    database.close()
    return head


def _replace_database(source: Path, target: Path, state: Path) -> None:
    # The backup API writes into the live file under SQLite's own locks, so that processes that
    # have it open go on with the restored state; a file that is no database is set aside first.
    copy = sqlite3.connect(source)
    try:
        live = sqlite3.connect(target)
        try:
            live.execute("SELECT count(*) FROM sqlite_master").fetchone()
            copy.backup(live)
            live.execute("PRAGMA journal_mode=WAL")
            return
        finally:
            live.close()
    except sqlite3.DatabaseError:
        aside = state / f"damaged.{datetime.now(UTC):%Y%m%dT%H%M%S}"
        aside.mkdir(mode=0o700)
        for file in _files_of(target):
            os.rename(file, aside / file.name)
        fresh = sqlite3.connect(target)
        copy.backup(fresh)
        fresh.execute("PRAGMA journal_mode=WAL")
        fresh.close()
    finally:
        copy.close()
        sync_folder(target.parent)


def _files_of(target: Path) -> Iterator[Path]:
    for ending in ("", "-wal", "-shm"):
        file = target.with_name(target.name + ending)
        if file.exists():
            yield file
