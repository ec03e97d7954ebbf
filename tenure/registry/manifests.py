"""What is signed about a version, so that its bytes cannot pass for another's?

Canonical JSON in a signed envelope, kept in the store by digest. How to change it:
docs/decisions/0101-formats.md.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
from dataclasses import dataclass
from typing import Any

import orjson

from tenure.errors import ArtifactRefused
from tenure.plans import Compiled
from tenure.records import Candidate, Column, canonical, from_json, to_json
from tenure.registry.signing import open_envelope, sign
from tenure.registry.store import Store
from tenure.workspace import Workspace

MANIFEST_FORMAT = 2
_READ = (1, MANIFEST_FORMAT)
"""Format 1 knew no plan."""

BOUND_LIBRARIES = ("scikit-learn", "numpy")
"""An artifact loads only with the very releases of these that it was made with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is signed about a version.

    `names` are all classes and functions that the artifact asks for; `user_names` maps those that
    are the user's own to the digest of their source. `golden_rows` is the digest of a Parquet
    object with features, `golden` what was predicted on them at registration; labels must be equal
    and numbers within `tolerance` (relative) at each later check. `plan` is what may answer in the
    artifact's place, None where it was not measured to agree.
    """

    format: int
    model: str
    version: int
    candidate: str
    object: str
    size: int
    unpacked_size: int
    libraries: dict[str, str]
    names: tuple[str, ...]
    user_names: dict[str, str]
    task: str
    target: str
    features: tuple[Column, ...]
    classes: tuple[Any, ...]
    training_set: str
    evaluation: str
    golden_rows: str
    golden: dict[str, Any]
    tolerance: float
    plan: Compiled | None = None


def library_versions() -> dict[str, str]:
    """Return the releases of the libraries that an artifact is bound to or was made with."""
    from importlib.metadata import version

    return {name: version(name) for name in (*BOUND_LIBRARIES, "joblib", "pandas", "scipy")}


def put_manifest(manifest: Manifest, store: Store, workspace: Workspace) -> str:
    """Sign a manifest, keep it, and return the digest of its envelope."""
    return store.put_bytes(sign(canonical(to_json(manifest)), workspace))


def get_manifest(digest: str, store: Store, workspace: Workspace, what: str) -> Manifest:
    """Return a manifest whose signature holds.

    Raises:
        ArtifactRefused: the signature does not hold, or the format is unknown.
        ObjectMissing, ObjectDamaged: the envelope is gone or changed.
    """
    content = orjson.loads(open_envelope(store.get_bytes(digest), workspace, what))
    if content.get("format") not in _READ:
        detail = f"its manifest has format {content.get('format')}, not {MANIFEST_FORMAT}"
        raise ArtifactRefused(what=what, detail=detail)
    return from_json(Manifest, content)


def source_digest(name: str) -> str:
    """Return the sha256 of the source of a class or function, named as module.name."""
    thing = _resolve(name)
    try:
        source = inspect.getsource(thing)
    except (OSError, TypeError):
        source = repr(thing)
    return hashlib.sha256(source.encode()).hexdigest()


def _resolve(name: str) -> Any:
    module, _, rest = name.rpartition(".")
    return getattr(importlib.import_module(module), rest)


def check_libraries(manifest: Manifest, what: str) -> None:
    """Refuse an artifact that another scikit-learn or numpy made.

    Raises:
        ArtifactRefused: with the releases that it was made with and those that are there.
    """
    now = library_versions()
    for name in BOUND_LIBRARIES:
        if manifest.libraries.get(name) != now[name]:
            made = manifest.libraries.get(name)
            detail = f"it was made with {name} {made}; here is {now[name]}: train it again"
            raise ArtifactRefused(what=what, detail=detail)


def make_manifest(
    candidate: Candidate,
    number: int,
    *,
    evaluation: str,
    user_names: dict[str, str],
    golden_rows: str,
    golden: dict[str, Any],
    plan: Compiled | None = None,
) -> Manifest:
    """Return the manifest of a candidate that becomes version `number`."""
    return Manifest(
        format=MANIFEST_FORMAT,
        model=candidate.model,
        version=number,
        candidate=candidate.id,
        object=candidate.object,
        size=candidate.size,
        unpacked_size=candidate.size,
        libraries=library_versions(),
        names=candidate.globals,
        user_names=user_names,
        task=candidate.task,
        target=candidate.target,
        features=candidate.features,
        classes=candidate.classes,
        training_set=candidate.training_set.digest,
        evaluation=evaluation,
        golden_rows=golden_rows,
        golden=golden,
        tolerance=1e-9,
        plan=plan,
    )
