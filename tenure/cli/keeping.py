"""Is the record whole, and how is a copy made and put back?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenure.cli.command import Command, ProjectFolder, WorkspaceFolder, actor
from tenure.cli.looking import ledger_if_any
from tenure.cli.output import Block, Line, Table, size
from tenure.cli.prefect import read_up
from tenure.errors import BadHead, FileMissing, NothingRecorded, StillUp
from tenure.workspace import open_workspace

if TYPE_CHECKING:
    from tenure.registry import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a verification found; `is_sound` if nothing differs from what was recorded."""

    is_sound: bool
    head: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A backup that was written or put back, and the head of the record in it."""

    file: str
    head: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """The format that the state folder had, and has; `backup` was written before."""

    before: int
    now: int
    backup: str | None


def verify(
    *,
    head: Annotated[
        str | None, typer.Option(help="SEQ:DIGEST that `tenure status` printed earlier.")
    ] = None,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Verified:
    """Check every row of the record, every stored byte and every signature.

    Finds what was edited, cut off, lost or damaged, and says what it cannot find without a witness:
    with a head that was kept elsewhere it finds an old record that was put back, too.

    Raises:
        NothingRecorded: there is no ledger to check.
        BadHead: the head is not SEQ:DIGEST.
    """
    from tenure.registry import Severity
    from tenure.registry import verify as verify_record

    opened = open_workspace(workspace, project)
    if head is not None and not _is_head(head):
        raise BadHead(got=repr(head[:80]), wanted="SEQ:DIGEST, as `tenure status` prints it")
    ledger = ledger_if_any(opened)
    if ledger is None:
        raise NothingRecorded(folder=str(opened.root))
    found = tuple(verify_record(opened, head))
    return Verified(
        is_sound=all(one.severity is not Severity.DAMAGE for one in found),
        head=str(ledger.head()),
        findings=found,
    )


def backup(
    file: Annotated[Path, typer.Argument(help="A new file.")],
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Kept:
    """Write ledger, artifacts and keys into one new file, while everything runs on.

    The file holds data and, unless TENURE_KEY_DIR names a folder elsewhere, the signing key: keep
    it where only you can read it.

    Raises:
        NothingRecorded: there is nothing to back up.
        BackupRefused: the file is there already.
    """
    from tenure.registry import backup as write_backup

    opened = open_workspace(workspace, project)
    if ledger_if_any(opened) is None:
        raise NothingRecorded(folder=str(opened.root))
    if not file.absolute().parent.is_dir():
        raise FileMissing(file=str(file.absolute().parent))
    head = write_backup(opened, file)
    return Kept(file=str(file.absolute()), head=str(head), bytes=file.stat().st_size)


def restore_backup(
    file: Annotated[Path, typer.Argument(help="A file that `tenure backup` wrote.")],
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Kept:
    """Put a backup in place of the ledger, after it was verified whole.

    Stop everything first (`tenure down`). Artifacts that are there stay; the record says which
    head was replaced, by whom.

    Raises:
        FileMissing, BackupRefused: it is no backup that can be used; nothing was changed.
        StillUp: something that could write is running.
    """
    from tenure.registry import restore_backup as put_back

    opened = open_workspace(workspace, project)
    if not file.is_file():
        raise FileMissing(file=str(file))
    up = read_up(opened)
    running = [name for name, one in (up.parts.items() if up else ()) if one.process()]
    if running:
        raise StillUp(parts=", ".join(running))
    head = put_back(opened, file, actor=actor())
    return Kept(file=str(file.absolute()), head=str(head), bytes=file.stat().st_size)


def upgrade(*, workspace: WorkspaceFolder = None, project: ProjectFolder = None) -> Upgraded:
    """Bring the state folder to this release's format, after a backup.

    Does nothing if it has it already.

    Raises:
        NothingRecorded: the workspace was never used.
        WorkspaceTooNew: a newer Tenure wrote it.
    """
    from tenure.registry import upgrade as bring_up
    from tenure.registry.opening import format_file

    opened = open_workspace(workspace, project)
    file = format_file(opened)
    if not file.exists():
        raise NothingRecorded(folder=str(opened.root))
    before = int(file.read_text(encoding="ascii"))
    kept = bring_up(opened, actor=actor())
    now = int(file.read_text(encoding="ascii"))
    return Upgraded(before=before, now=now, backup=str(kept) if kept else None)


def _is_head(text: str) -> bool:
    seq, colon, digest = text.partition(":")
    is_hex = all(sign in "0123456789abcdef" for sign in digest)
    return seq.isdigit() and colon == ":" and len(digest) == 64 and is_hex


def _show_verified(result: Verified) -> Iterator[Block]:
    rows = [(one.severity.value, one.which, one.what, one.remedy) for one in result.findings]
    if rows:
        yield Table(("severity", "where", "what", "what to do"), rows)
    if result.is_sound:
        yield Line(f"Sound: state, record and bytes agree; head {result.head}", "green")
    else:
        count = sum(1 for one in result.findings if one.severity.value == "damage")
        yield Line(f"{count} damage{'' if count == 1 else 's'} found. Nothing was changed.", "red")


def _show_kept(kept: Kept) -> Iterator[Block]:
    yield Line(f"{kept.file} ({size(kept.bytes)}), head {kept.head}", "green")


def _show_upgraded(result: Upgraded) -> Iterator[Block]:
    if result.before == result.now:
        yield Line(f"The state folder has format {result.now} already.")
    else:
        yield Line(f"The state folder went from format {result.before} to {result.now}.", "green")
        yield Line(f"A backup from before is {result.backup}.")


COMMANDS = {
    "verify": Command(
        function=verify,
        show=_show_verified,
        exit_code=lambda result: 0 if result.is_sound else 1,
        examples=("tenure verify", "tenure verify --head 412:9f2c…"),
    ),
    "backup": Command(
        function=backup, show=_show_kept, examples=("tenure backup /backups/monday.tar",)
    ),
    "restore-backup": Command(
        function=restore_backup,
        show=_show_kept,
        examples=("tenure restore-backup /backups/monday.tar",),
    ),
    "upgrade": Command(function=upgrade, show=_show_upgraded, examples=("tenure upgrade",)),
}
