"""How does a fitted estimator get into the store, and how does it come back unharmed?

A load goes in this order: signature of the manifest, identity against the ledger, size, digest of
the open descriptor, allowlist. The golden rows are asked before a slot moves (deploying.py).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pickle import PicklingError
from typing import Any

from tenure.errors import ArtifactRefused, GlobalNotAllowed, TenureError, VersionRetired
from tenure.records import Candidate, Column, Evaluation, Stage, Version
from tenure.registry import golden, pickles
from tenure.registry.compiling import PlanQuestion, kept_plan, reference_object, tolerance_of
from tenure.registry.leases import Lease
from tenure.registry.manifests import (
    Manifest,
    check_libraries,
    get_manifest,
    make_manifest,
    put_manifest,
    source_digest,
)
from tenure.registry.opening import open_ledger
from tenure.registry.store import FolderShelf, Store, open_store
from tenure.registry.versions import FIT_VERDICTS
from tenure.spec import load_spec, make_importable
from tenure.workspace import Workspace

_UNPICKLABLE = (PicklingError, TypeError, AttributeError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A version in memory, with what was signed about it."""

    estimator: Any
    manifest: Manifest


def dump_estimator(
    estimator: Any, workspace: Workspace, *, allow: Iterable[str] = ()
) -> tuple[str, int, tuple[str, ...]]:
    """Keep a fitted estimator; return its object's digest, its size, and the names in it.

    It is read back through the safe loader before it counts as kept. `allow` names the user's own
    classes and functions (`training.allow`), as module.name.

    Raises:
        GlobalNotAllowed: it names code that is neither on the list nor in `allow`.
        ArtifactRefused: it cannot be pickled.
    """
    import joblib

    make_importable(workspace)
    what = f"a fitted {type(estimator).__name__}"
    with _work_file(workspace) as file:
        try:
            joblib.dump(estimator, file)
        except _UNPICKLABLE as error:
            detail = f"it cannot be pickled ({type(error).__name__}); no lambdas, no open handles"
            raise ArtifactRefused(what=what, detail=detail) from error
        size = file.stat().st_size
        with open(file, "rb") as handle:
            _, names = pickles.read_estimator(handle, promised=size, what=what, allow=tuple(allow))
        digest, size = open_store(workspace).put_file(file)
    return digest, size, names


@contextmanager
def _work_file(workspace: Workspace) -> Iterator[Path]:
    folder = workspace.state / "work"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".joblib")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        os.unlink(name)


def _allowed_today(model: str, workspace: Workspace) -> tuple[str, ...]:
    # config/ is trusted like the repository; a model whose spec is gone names no code of its own.
    try:
        return tuple(load_spec(model, workspace).training.allow)
    except TenureError:
        return ()


def load_candidate(
    candidate: Candidate, workspace: Workspace, *, allow: Iterable[str] | None = None
) -> Any:
    """Return a candidate's estimator; its own code is what today's spec allows.

    Raises:
        ArtifactRefused, ObjectMissing, ObjectDamaged: it is not what was recorded.
    """
    make_importable(workspace)
    allowed = _allowed_today(candidate.model, workspace) if allow is None else tuple(allow)
    with open_store(workspace).open_object(candidate.object, candidate.size) as handle:
        estimator, _ = pickles.read_estimator(
            handle,
            promised=candidate.size,
            what=f"candidate {candidate.id[:12]} of '{candidate.model}'",
            allow=allowed,
            only=candidate.globals,
        )
    return estimator


def load_version(model: str, number: int, workspace: Workspace) -> Loaded:
    """Return a version's estimator and manifest.

    Raises:
        VersionNotFound: there is no such version.
        VersionRetired: it was retired; it loads again once it is restored.
        ArtifactRefused: a check on the way to memory failed; the error says which.
        ObjectMissing, ObjectDamaged: the store lacks its bytes, or they are not the same.
    """
    version = open_ledger(workspace).version(model, number)
    if version.stage in (Stage.RETIRED, Stage.ARCHIVED, Stage.PURGED):
        raise VersionRetired(model=model, version=number, stage=version.stage.value)
    store = open_store(workspace)
    manifest = check_manifest(version, store, workspace)
    make_importable(workspace)
    what = named(version)
    with store.open_object(manifest.object, manifest.size) as handle:
        estimator, _ = pickles.read_estimator(
            handle,
            promised=manifest.unpacked_size,
            what=what,
            allow=tuple(manifest.user_names),
            only=manifest.names,
        )
    if any(source_digest(name) != known for name, known in manifest.user_names.items()):
        check_golden(manifest, store, workspace, what)
    return Loaded(estimator=estimator, manifest=manifest)


def named(version: Version) -> str:
    """Return how an error calls a version."""
    return f"version {version.number} of '{version.model}'"


def check_manifest(version: Version, store: Store, workspace: Workspace) -> Manifest:
    """Return a version's manifest once signature, identity and library releases hold.

    Raises:
        ArtifactRefused, ObjectMissing, ObjectDamaged: one of them does not.
    """
    what = named(version)
    manifest = get_manifest(version.manifest, store, workspace, what)
    for field, signed, recorded in (
        ("model", manifest.model, version.model),
        ("version", manifest.version, version.number),
        ("candidate", manifest.candidate, version.candidate),
        ("object", manifest.object, version.object),
        ("size", manifest.size, version.size),
        ("training set", manifest.training_set, version.training_set),
        ("evaluation", manifest.evaluation, version.evaluation),
    ):
        if signed != recorded:
            detail = f"its manifest says {field} {signed}, the ledger {recorded}"
            raise ArtifactRefused(what=what, detail=detail)
    check_libraries(manifest, what)
    return manifest


@contextmanager
def _local_file(store: Store, digest: str, workspace: Workspace) -> Iterator[Path]:
    match store.shelf:
        case FolderShelf() as shelf:
            store.size(digest)
            yield shelf.path(digest)
        case _:
            with _work_file(workspace) as file:
                file.write_bytes(store.get_bytes(digest))
                yield file


def _ask(
    candidate: Candidate | Manifest,
    *,
    what: str,
    rows: str,
    features: tuple[Column, ...],
    allow: tuple[str, ...],
    names: tuple[str, ...],
    store: Store,
    workspace: Workspace,
    plan: PlanQuestion | None = None,
) -> dict[str, Any]:
    roots = tuple(str(root) for root in (workspace.root, workspace.project) if root)
    with (
        _local_file(store, candidate.object, workspace) as object_file,
        _local_file(store, rows, workspace) as rows_file,
    ):
        return golden.ask(
            golden.Question(
                what=what,
                object_file=str(object_file),
                digest=candidate.object,
                size=candidate.size,
                promised=candidate.size,
                rows_file=str(rows_file),
                features=features,
                allow=allow,
                only=names,
                roots=roots,
                plan=plan,
            )
        )


def _predictions(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: answer[key] for key in ("predict", "predict_proba") if key in answer}


def check_golden(manifest: Manifest, store: Store, workspace: Workspace, what: str) -> None:
    """Refuse an artifact that predicts its golden rows differently than at registration.

    Raises:
        GoldenMismatch: it does.
        ArtifactRefused: it crashes, takes too long or wants too much memory.
    """
    from tenure.registry.agreement import must_agree

    found = _ask(
        manifest,
        what=what,
        rows=manifest.golden_rows,
        features=manifest.features,
        allow=tuple(manifest.user_names),
        names=manifest.names,
        store=store,
        workspace=workspace,
    )
    must_agree(_predictions(found), manifest.golden, tolerance=manifest.tolerance, what=what)


def _own_names(candidate: Candidate, workspace: Workspace, what: str) -> tuple[str, ...]:
    own = tuple(name for name in candidate.globals if name not in pickles.frozen_list())
    allowed = _allowed_today(candidate.model, workspace)
    for name in own:
        if name not in allowed:
            raise GlobalNotAllowed(what=what, name=name)
    return own


def _ask_to_register(
    candidate: Candidate,
    what: str,
    rows: str,
    own: tuple[str, ...],
    tolerance: float | None,
    store: Store,
    workspace: Workspace,
) -> dict[str, Any]:
    ask = partial(
        _ask,
        candidate,
        what=what,
        rows=rows,
        features=candidate.features,
        allow=own,
        names=candidate.globals,
        store=store,
        workspace=workspace,
    )
    if tolerance is None:
        return ask()
    known = partial(
        PlanQuestion, classes=candidate.classes, task=candidate.task, tolerance=tolerance
    )
    reference = reference_object(candidate, workspace)
    try:
        if reference is None or not store.exists(reference):
            return ask(plan=known(reference_file=None))
        with _local_file(store, reference, workspace) as file:
            return ask(plan=known(reference_file=str(file)))
    except ArtifactRefused:
        # Perhaps it was the plan that crashed or took too long: the artifact has its own chance.
        return ask()


def register(
    candidate: Candidate,
    evaluation: Evaluation,
    golden_rows: bytes,
    workspace: Workspace,
    *,
    actor: str,
    lease: Lease | None = None,
) -> Version:
    """Make a judged candidate a version: number, signed manifest, golden predictions, audit row.

    A candidate that is a version already stays that version. `golden_rows` is Parquet of at most
    20 rows of features.

    Raises:
        GlobalNotAllowed: the artifact names code that today's spec does not allow.
        ArtifactRefused: it cannot predict its golden rows within the limits.
        CandidateNotFound, LeaseLost: nothing was changed.
    """
    ledger, store = open_ledger(workspace), open_store(workspace)
    known = ledger.version_of_candidate(candidate.id)
    if known is not None:
        return known
    make_importable(workspace)
    what = f"candidate {candidate.id[:12]} of '{candidate.model}'"
    own = _own_names(candidate, workspace, what)
    rows = store.put_bytes(golden_rows)
    is_fit = evaluation.verdict in FIT_VERDICTS
    tolerance = tolerance_of(candidate, store, workspace) if is_fit else None
    answer = _ask_to_register(candidate, what, rows, own, tolerance, store, workspace)
    plan = None if tolerance is None else kept_plan(answer, store, tolerance, what)

    def seal(number: int) -> str:
        manifest = make_manifest(
            candidate,
            number,
            evaluation=evaluation.digest,
            user_names={name: source_digest(name) for name in own},
            golden_rows=rows,
            golden=_predictions(answer),
            plan=plan,
        )
        return put_manifest(manifest, store, workspace)

    return ledger.register_version(candidate, evaluation, seal, actor=actor, lease=lease)
