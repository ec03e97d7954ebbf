"""Which objects does the ledger lead to, and which may go?

An object is reachable if its digest stands in the ledger's state, or in a JSON object that is
reachable itself. What is not reachable is collected after a grace time, which covers work that has
put its bytes down and not yet its row.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import orjson
from sqlalchemy import Connection, select

from tenure.errors import ObjectDamaged, ObjectMissing
from tenure.registry import tables
from tenure.registry.archived import GONE, gone_candidates
from tenure.registry.opening import open_ledger
from tenure.registry.store import Store, open_store
from tenure.workspace import Workspace

GRACE_S = 7 * 24 * 3600.0
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_LARGEST_JSON = 64 << 20


def named_objects(connection: Connection) -> Iterator[tuple[str, int | None, str]]:
    """Give each object that the state must have: digest, size if it is on record, whose it is."""
    batches = tables.batches.c
    for row in connection.execute(
        select(batches.model, batches.digest, batches.kept_object, batches.report)
    ):
        whose = f"batch {row.digest[:12]} of '{row.model}'"
        for digest in (row.kept_object, row.report):
            if digest:
                yield digest, None, whose
    for row in connection.execute(select(tables.snapshots)):
        record = orjson.loads(row.record)
        yield record["object"], record["size"], f"snapshot {row.digest[:12]} of '{row.model}'"
    gone = gone_candidates(connection)
    for row in connection.execute(select(tables.candidates).where(tables.candidates.c.kept == 1)):
        record = orjson.loads(row.record)
        whose = f"candidate {row.id[:12]} of '{row.model}'"
        if row.id not in gone:
            yield record["object"], record["size"], whose
        if record["holdout"]:
            yield record["holdout"], None, whose
    for row in connection.execute(select(tables.versions)):
        whose = f"version {row.number} of '{row.model}'"
        if row.stage not in GONE:
            yield row.object, row.size, whose
        yield row.manifest, None, whose
    for row in connection.execute(select(tables.references)):
        yield row.object, None, f"the reference of version {row.version} of '{row.model}'"
    for row in connection.execute(select(tables.evaluations)):
        yield orjson.loads(row.record)["details"], None, f"evaluation {row.digest[:12]}"


def _rooted(connection: Connection) -> set[str]:
    rooted = {digest for digest, _, _ in named_objects(connection)}
    for table in (
        tables.snapshots,
        tables.candidates,
        tables.evaluations,
        tables.readings,
        tables.cases,
        tables.rollouts,
    ):
        kept = table.c.kept == 1 if "kept" in table.c else table.c.record.is_not(None)
        for row in connection.execute(select(table.c.record).where(kept)):
            rooted |= {found.decode() for found in _DIGEST.findall(row.record.encode())}
    return rooted | _evidence(connection)


def _evidence(connection: Connection) -> set[str]:
    """Return what audit rows alone lead to: tombstones, and specs as they were."""
    kinds = tables.audit.c.kind.in_(("stage_changed", "spec_seen"))
    return set(connection.execute(select(tables.audit.c.evidence).where(kinds)).scalars())


def reachable(connection: Connection, store: Store) -> set[str]:
    """Return the digests of all objects that the ledger leads to."""
    present = set(store.digests())
    found: set[str] = set()
    todo = _rooted(connection) & present
    while todo:
        digest = todo.pop()
        found.add(digest)
        todo |= (_inside(digest, store) & present) - found
    return found


def _inside(digest: str, store: Store) -> set[str]:
    try:
        if store.size(digest) > _LARGEST_JSON:
            return set()
        with store.shelf.open(digest) as handle:
            if handle.read(1) not in (b"{", b"["):
                return set()
        data = store.get_bytes(digest)
    except (ObjectMissing, ObjectDamaged, FileNotFoundError):
        return set()
    found = {one.decode() for one in _DIGEST.findall(data)}
    return found | _inside_envelope(data)


def _inside_envelope(data: bytes) -> set[str]:
    import base64

    try:
        payload = base64.b64decode(orjson.loads(data)["payload"])
    except (ValueError, KeyError, TypeError):
        return set()
    return {one.decode() for one in _DIGEST.findall(payload)}


def collect(workspace: Workspace, *, grace_s: float = GRACE_S) -> list[str]:
    """Remove what nothing leads to and what killed writers left; return what was removed.

    Args:
        workspace: whose store.
        grace_s: younger objects stay, as their row may still come.
    """
    from tenure.registry.store import FolderShelf

    store, now = open_store(workspace), time.time()
    candidates = [one for one in store.digests() if store.shelf.age_s(one, now) > grace_s]
    with open_ledger(workspace).database.steady() as connection:
        kept = reachable(connection, store)
    gone = [digest for digest in candidates if digest not in kept]
    for digest in gone:
        store.shelf.remove(digest)
    if isinstance(store.shelf, FolderShelf):
        for file in store.shelf.leftovers():
            if now - file.stat().st_mtime > grace_s:
                file.unlink(missing_ok=True)
                gone.append(file.name)
    return gone
