"""Where do the bytes of a retired version lie, so that nothing that serves can open them?

In an archive of its own, beside the store or wherever `archive:` of the settings says: the store's
handle, which the prediction server and every loader have, does not lead there. Bytes are in the
archive before the version is archived, and leave the store after it, so that they are always
somewhere; whoever was killed in between does the rest when called again.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import UnsupportedOperation
from typing import BinaryIO

from sqlalchemy import Connection, func, select

from tenure.errors import TenureError
from tenure.records import Stage, Version
from tenure.registry import tables
from tenure.registry.manifests import get_manifest
from tenure.registry.opening import open_ledger
from tenure.registry.store import Store, open_place, open_store
from tenure.workspace import Workspace

GONE = (Stage.ARCHIVED.value, Stage.PURGED.value)
"""Versions in these stages have no bytes in the store."""

_FILE_MODE = 0o400


def open_archive(workspace: Workspace) -> Store:
    """Return the archive of retired artifacts; the first use makes its folder.

    Raises:
        StoreExposed: others may write to the folder.
    """
    url = workspace.archive_url
    if url is None:
        store = workspace.store_url
        is_folder = "://" not in store or store.startswith("file://")
        url = str(workspace.state / "archive") if is_folder else f"{store.rstrip('/')}-archive"
    return open_place(workspace.locate(url), workspace, _FILE_MODE)


def put_away(version: Version, workspace: Workspace) -> None:
    """Copy a version's bytes to the archive; again does nothing.

    Raises:
        ObjectMissing, ObjectDamaged: the store does not hold what was recorded.
    """
    archive = open_archive(workspace)
    if archive.exists(version.object) and archive.size(version.object) == version.size:
        return
    with open_store(workspace).open_object(version.object, version.size) as source:
        archive.shelf.put(source, version.object)
    archive.open_object(version.object, version.size).close()


def take_out(version: Version, workspace: Workspace) -> tuple[str, ...]:
    """Remove an archived version's bytes from the store; return who else needs them there.

    While somebody does, the bytes stay, under that one's name alone. Its plan goes with them, for
    good: a version that is restored is served by its estimator.
    """
    with open_ledger(workspace).database.steady() as connection:
        others = tuple(_users(connection, version.object))
    if not others:
        shelf = open_store(workspace).shelf
        plan = _plan(version, workspace)
        if plan is not None:
            shelf.remove(plan)
        shelf.remove(version.object)
    return others


def _plan(version: Version, workspace: Workspace) -> str | None:
    what = f"version {version.number} of '{version.model}'"
    try:
        signed = get_manifest(version.manifest, open_store(workspace), workspace, what).plan
    except TenureError:
        return None
    return None if signed is None else signed.object


def purge(version: Version, workspace: Workspace) -> None:
    """Remove a version's bytes from the archive, unless another archived one has the same."""
    with open_ledger(workspace).database.steady() as connection:
        if not list(_archived_as(connection, version.object)):
            open_archive(workspace).shelf.remove(version.object)


class Joined:
    """The shelf of several stores, read-only: what an archived version needs lies in two."""

    def __init__(self, *stores: Store) -> None:
        self._shelves = [store.shelf for store in stores]
        self.where = ", ".join(shelf.where for shelf in self._shelves)

    def put(self, source: BinaryIO, digest: str) -> None:
        """Refuse: nothing is written here."""
        raise UnsupportedOperation(f"{self.where} is read-only")

    def open(self, digest: str) -> BinaryIO:
        """Open an object for reading; raises FileNotFoundError."""
        for shelf in self._shelves:
            try:
                return shelf.open(digest)
            except FileNotFoundError:
                continue
        raise FileNotFoundError(digest)

    def size(self, digest: str) -> int:
        """Return an object's size in bytes; raises FileNotFoundError."""
        with self.open(digest) as handle:
            return handle.seek(0, 2)

    def digests(self) -> Iterator[str]:
        """Give the name of every object."""
        for shelf in self._shelves:
            yield from shelf.digests()

    def remove(self, digest: str) -> None:
        """Refuse: nothing is removed here."""
        raise UnsupportedOperation(f"{self.where} is read-only")

    def age_s(self, digest: str, now: float) -> float:
        """Return for how many seconds an object has been there; raises FileNotFoundError."""
        for shelf in self._shelves:
            try:
                return shelf.age_s(digest, now)
            except FileNotFoundError:
                continue
        raise FileNotFoundError(digest)


def archived_objects(connection: Connection) -> Iterator[tuple[str, int, str]]:
    """Give each object that the archive must have: digest, size, whose it is."""
    versions = tables.versions.c
    asked = select(versions.model, versions.number, versions.object, versions.size)
    for row in connection.execute(asked.where(versions.stage == Stage.ARCHIVED.value)):
        yield row.object, row.size, f"version {row.number} of '{row.model}'"


def gone_candidates(connection: Connection) -> set[str]:
    """Return the candidates whose bytes went with the version that they became."""
    versions = tables.versions.c
    return set(
        connection.execute(select(versions.candidate).where(versions.stage.in_(GONE))).scalars()
    )


def complaints(connection: Connection, workspace: Workspace) -> Iterator[tuple[str, str, bool]]:
    """Give what is wrong with archived bytes: what, whose, and whether something is lost."""
    archive, store = open_archive(workspace), open_store(workspace)
    for digest, size, whose in archived_objects(connection):
        try:
            archive.open_object(digest, size).close()
        except TenureError as error:
            yield f"the archive: {error}", whose, True
        if store.exists(digest) and not list(_users(connection, digest)):
            yield "it is archived, and the store still holds its bytes", whose, False


def _users(connection: Connection, digest: str) -> Iterator[str]:
    """Give who needs an object in the store: versions that are not gone, kept candidates."""
    versions, candidates = tables.versions.c, tables.candidates.c
    asked = select(versions.model, versions.number).where(
        versions.object == digest, versions.stage.not_in(GONE)
    )
    for row in connection.execute(asked):
        yield f"version {row.number} of '{row.model}'"
    gone = gone_candidates(connection)
    kept = select(candidates.id, candidates.model).where(
        candidates.kept == 1, func.json_extract(candidates.record, "$.object") == digest
    )
    became = set(connection.execute(select(versions.candidate)).scalars())
    for row in connection.execute(kept):
        if row.id not in gone and row.id not in became:
            yield f"candidate {row.id[:12]} of '{row.model}'"


def _archived_as(connection: Connection, digest: str) -> Iterator[str]:
    for found, _, whose in archived_objects(connection):
        if found == digest:
            yield whose


def tombstone(version: Version, reason: str, workspace: Workspace) -> str:
    """Keep what is left to say of a version whose bytes were deleted; return its digest."""
    said = {
        "model": version.model,
        "version": version.number,
        "object": version.object,
        "size": version.size,
        "manifest": version.manifest,
        "training_set": version.training_set,
        "reason": reason,
    }
    return open_store(workspace).put_json(said)
