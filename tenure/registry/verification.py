"""Is what the ledger and the store say what really happened?

Finds any edited row, gap, cut tail, and any missing or changed byte of what is kept. What it cannot
find without a witness outside the workspace, it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DatabaseError

from tenure.errors import TenureError, WitnessUnreachable
from tenure.registry.archived import complaints
from tenure.registry.artifacts import check_manifest
from tenure.registry.chain import GENESIS, Head, Line, line_digest
from tenure.registry.fold import differences, fold, read_state
from tenure.registry.ledger import Ledger
from tenure.registry.opening import normal_schema, open_ledger
from tenure.registry.reach import named_objects, reachable
from tenure.registry.signing import key_is_weak
from tenure.registry.store import FolderShelf, Store, open_store
from tenure.registry.tables import audit, versions
from tenure.registry.versions import as_version, record_columns
from tenure.workspace import Workspace


class Severity(StrEnum):
    """How bad a finding is; only `damage` means that something is not as it was recorded."""

    DAMAGE = "damage"
    WARNING = "warning"
    NOTE = "note"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that `verify` found: what, in which place, and what to do about it."""

    severity: Severity
    what: str
    which: str
    remedy: str


_RESTORE = "`tenure restore-backup FILE` puts the newest backup that verifies in its place."
_SUSPECT = "Do not trust this ledger before you know who changed it. " + _RESTORE


def _damage(what: str, which: str, remedy: str = _SUSPECT) -> Finding:
    return Finding(severity=Severity.DAMAGE, what=what, which=which, remedy=remedy)


def verify(workspace: Workspace, head: str | None = None) -> list[Finding]:
    """Check ledger, anchor, witness, store and signatures; return what was found, damage first.

    Args:
        workspace: what to check.
        head: SEQ:DIGEST as `status` printed it earlier; a witness that no one here could change.
    """
    found: list[Finding] = []
    outside: Outside | None = None
    try:
        ledger, store = open_ledger(workspace), open_store(workspace)
        outside = _ask_outside(ledger)  # before the ledger is read: it never knows more than that
        anchored = ledger.database.anchor.read()
        with ledger.database.steady() as connection:
            found += _database(connection)
            lines = [Line(*row) for row in connection.execute(select(audit).order_by(audit.c.seq))]
            found += _chain(lines)
            found += _anchor(lines, anchored, ledger)
            found += _outside(lines, outside)
            found += _witness(lines, head)
            found += _state(connection, lines)
            found += _objects(connection, store)
            found += _archived(connection, workspace)
            found += _signatures(connection, store, workspace)
            found += _orphans(connection, store)
    except TenureError as error:
        found.append(_damage(str(error), "ledger", _RESTORE))
    except DatabaseError as error:
        found.append(_damage(f"the database cannot be read: {error.orig}", "ledger", _RESTORE))
    found += _limits(workspace, head, outside)
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _database(connection: Connection) -> Iterator[Finding]:
    for row in connection.execute(text("PRAGMA integrity_check(20)")):
        if row[0] != "ok":
            yield _damage(f"SQLite says: {row[0]}", "ledger", _RESTORE)
    made = normal_schema(
        row[0]
        for row in connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
    )
    for missing in sorted(normal_schema() - made):
        yield _damage("a table, index or guard is gone or changed", missing[:60])


def _chain(lines: list[Line]) -> Iterator[Finding]:
    before = Head(0, GENESIS)
    for line in lines:
        which = f"audit row {line.seq}"
        if line.seq != before.seq + 1:
            yield _damage(f"rows {before.seq + 1} to {line.seq - 1} are gone", which)
        elif line.previous != before.digest:
            yield _damage("it does not follow the row before it", which)
        if line_digest(line) != line.digest:
            yield _damage("it was edited: its digest is not that of its content", which)
        before = Head(line.seq, line.digest)


def _at(lines: list[Line], seq: int) -> Line | None:
    # Rows are numbered from 1 without gaps; where they are not, _chain has said so.
    if 0 < seq <= len(lines) and lines[seq - 1].seq == seq:
        return lines[seq - 1]
    return next((line for line in lines if line.seq == seq), None)


def _anchor(lines: list[Line], anchored: Head, ledger: Ledger) -> Iterator[Finding]:
    which = f"anchor {anchored.seq}:{anchored.digest[:12]}"
    newest = lines[-1].seq if lines else 0
    if anchored.seq > newest:
        yield _damage(
            f"the ledger ends at row {newest}; row {anchored.seq} was written once: its tail was "
            "cut, or an old copy was put back",
            which,
        )
        return
    line = _at(lines, anchored.seq)
    if line is not None and line.digest != anchored.digest:
        yield _damage("the row that was anchored has another digest now: history differs", which)
    if ledger.database.anchor.read().seq < newest - 1:
        yield _damage("the anchor lags by more than one commit: it was put back or removed", which)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the witness outside said: the head that it saw, or why it said nothing."""

    where: str
    head: Head | None = None
    silent: str | None = None


def _ask_outside(ledger: Ledger) -> Outside | None:
    witness = ledger.database.witness
    if witness is None:
        return None
    try:
        return Outside(where=witness.where, head=witness.read())
    except WitnessUnreachable as error:
        return Outside(where=witness.where, silent=str(error))


def _outside(lines: list[Line], outside: Outside | None) -> Iterator[Finding]:
    if outside is None:
        return
    which, newest = f"witness {outside.where}", lines[-1].seq if lines else 0
    catches_up = "The next write brings it up; if it had seen more before, somebody put it back."
    if outside.silent is not None:
        look = "Look at `anchor:` of config/settings.yaml, then verify again."
        yield _warning("it was not asked, so an old copy of all cannot be seen", which, look)
    elif outside.head is None:
        if newest > 1:
            yield _warning("it has never seen this workspace", which, catches_up)
    else:
        line = _at(lines, outside.head.seq)
        if outside.head.seq > newest:
            yield _damage(
                f"it saw row {outside.head.seq} and the ledger ends at row {newest}: an old copy "
                "was put back, or the tail was cut",
                which,
            )
        elif line is None or line.digest != outside.head.digest:
            yield _damage(f"it saw another row {outside.head.seq}: history was written anew", which)
        elif outside.head.seq < newest - 1:
            yield _warning(
                f"it is {newest - outside.head.seq} commits behind, as after a time in which it "
                "could not be reached",
                which,
                catches_up,
            )


def _warning(what: str, which: str, remedy: str) -> Finding:
    return Finding(severity=Severity.WARNING, what=what, which=which, remedy=remedy)


def _witness(lines: list[Line], head: str | None) -> Iterator[Finding]:
    if head is None:
        return
    seq, _, digest = head.partition(":")
    line = _at(lines, int(seq)) if seq.isdigit() else None
    if line is None:
        yield _damage("the ledger does not hold the row that the witness saw", f"head {head[:24]}")
    elif line.digest != digest:
        yield _damage("the row that the witness saw has another digest", f"head {head[:24]}")


def _state(connection: Connection, lines: list[Line]) -> Iterator[Finding]:
    folded, unlawful = fold(lines)
    for row in unlawful:
        yield _damage(f"it breaks the rules: {row.says}", f"audit row {row.seq}")
    for table, where, what in differences(folded, read_state(connection)):
        yield _damage(f"the state {what}; the record says otherwise", f"{table} {where}")


def _objects(connection: Connection, store: Store) -> Iterator[Finding]:
    checked: dict[tuple[str, int | None], str | None] = {}
    for digest, size, whose in named_objects(connection):
        if (digest, size) not in checked:
            checked[digest, size] = _complaint(store, digest, size)
        complaint = checked[digest, size]
        if complaint is not None:
            yield _damage(complaint, whose, f"It cannot be used. {_RESTORE}")


def _archived(connection: Connection, workspace: Workspace) -> Iterator[Finding]:
    for what, whose, is_lost in complaints(connection, workspace):
        if is_lost:
            yield _damage(what, whose, f"It cannot be restored. {_RESTORE}")
        else:
            yield _warning(what, whose, "Its retirement was interrupted; `reconcile` ends it.")


def _complaint(store: Store, digest: str, size: int | None) -> str | None:
    try:
        store.open_object(digest, size).close()
    except TenureError as error:
        return str(error)
    return None


def _signatures(connection: Connection, store: Store, workspace: Workspace) -> Iterator[Finding]:
    for row in connection.execute(select(*record_columns()).order_by(versions.c.seq)):
        version = as_version(row)
        try:
            check_manifest(version, store, workspace)
        except TenureError as error:
            which = f"version {version.number} of '{version.model}'"
            yield _damage(str(error), which, "It will not load. Train again, or put its key back.")


def _orphans(connection: Connection, store: Store) -> Iterator[Finding]:
    kept = reachable(connection, store)
    collected = "It is collected after the grace time; a run that is started again reuses it."
    for digest in store.digests():
        if digest not in kept:
            yield Finding(
                severity=Severity.NOTE,
                what="nothing leads to this object: its writer died, or it was let go",
                which=f"object {digest}",
                remedy=collected,
            )
    if isinstance(store.shelf, FolderShelf):
        for file in store.shelf.leftovers():
            yield Finding(
                severity=Severity.NOTE,
                what="a writer that died left this temporary file",
                which=str(file),
                remedy=collected,
            )


def _limits(workspace: Workspace, head: str | None, outside: Outside | None) -> Iterator[Finding]:
    if key_is_weak(workspace):
        yield _warning(
            "the signing key lies inside the folder that it vouches for: it is weak",
            str(workspace.key_folder),
            "Move the key folder elsewhere and set TENURE_KEY_DIR to it.",
        )
    seen = head.partition(":")[0] if head else None
    if outside is not None and outside.head is not None:
        seen = str(max(outside.head.seq, int(seen) if seen and seen.isdigit() else 0))
    if seen is None:
        yield Finding(
            severity=Severity.LIMIT,
            what="someone who may write to all of .tenure/ could have written ledger and anchor "
            "anew, or put back an old copy of all of it: without a witness outside, that "
            "cannot be seen",
            which=str(workspace.state),
            remedy="Name a place outside as `anchor:` in config/settings.yaml, or keep the head "
            "that `tenure status` prints and give it: `tenure verify --head SEQ:DIGEST`.",
        )
        return
    yield Finding(
        severity=Severity.LIMIT,
        what="what was written after the witness's row could still have been written anew, and "
        "all of it by someone who may write to the witness",
        which=f"rows after {seen}",
        remedy="Keep a newer head, and let nobody but Tenure write to the witness.",
    )
