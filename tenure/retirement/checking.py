"""Is the version that is to take over fit to serve, and when was that last seen?

Golden rows are asked at registration and each day; in between, signature and digest say that it is
still the same version in the same environment. What is remembered of that may be lost: then the
golden rows are asked once more.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tenure.errors import ArtifactRefused, ObjectDamaged, ObjectMissing
from tenure.records import Version, digest_of
from tenure.registry import open_ledger, open_store
from tenure.registry.artifacts import check_golden, check_manifest, named
from tenure.registry.manifests import library_versions

if TYPE_CHECKING:
    from tenure.workspace import Workspace

GOOD_FOR = timedelta(hours=24)
GOLDEN, SIGNATURE = "golden rows", "signature and digest"


def prove(version: Version, workspace: Workspace, *, actor: str, afresh: bool = False) -> str:
    """Check that a version is fit to serve; say by what that was seen.

    Signature, identity, library releases, size and digest are checked each time; the golden rows
    unless they were asked in this environment within a day. What is refused leaves an audit row.

    Args:
        version: who is to take over.
        workspace: where it is.
        actor: who asks.
        afresh: ask the golden rows in any case.

    Raises:
        ArtifactRefused, ObjectMissing, ObjectDamaged: it is not fit to serve.
    """
    store = open_store(workspace)
    try:
        manifest = check_manifest(version, store, workspace)
        store.open_object(version.object, version.size).close()
        if not afresh and _is_fresh(version, workspace):
            return SIGNATURE
        check_golden(manifest, store, workspace, named(version))
    except (ArtifactRefused, ObjectMissing, ObjectDamaged) as refusal:
        open_ledger(workspace).note(
            "verify_failed",
            model=version.model,
            actor=actor,
            reason=str(refusal),
            evidence=version.manifest,
            body={"version": version.number, "refused_as": refusal.code},
        )
        raise
    note_check(version, workspace)
    return GOLDEN


def note_check(version: Version, workspace: Workspace) -> None:
    """Remember that a version gave its golden predictions here and now."""
    file = _file(version, workspace)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".fresh")
    at = datetime.now(UTC).isoformat()
    fresh.write_bytes(orjson.dumps({**_identity(version), "at": at}))
    fresh.replace(file)


def _is_fresh(version: Version, workspace: Workspace) -> bool:
    try:
        known: dict[str, Any] = orjson.loads(_file(version, workspace).read_bytes())
        at = datetime.fromisoformat(known.pop("at"))
    except (OSError, ValueError, KeyError):
        return False
    return known == _identity(version) and timedelta() <= datetime.now(UTC) - at < GOOD_FOR


def _identity(version: Version) -> dict[str, Any]:
    environment = {**library_versions(), "python": platform.python_version()}
    environment["machine"] = platform.machine()
    return {"manifest": version.manifest, "environment": digest_of(environment)}


def _file(version: Version, workspace: Workspace) -> Path:
    return workspace.state / "checks" / version.model / f"{version.number}.json"
