"""By which spec is a model ruled whose own is gone?

Each spec is kept as it was when somebody acted by it: one object in the store, named by an audit
row. A model that holds a slot and has no YAML any more is *orphaned*: data of it are taken in and
judged on by the last spec that was kept, but nothing is trained and nothing is scored by it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tenure.errors import ObjectDamaged, ObjectMissing
from tenure.records import digest_of
from tenure.registry.opening import format_file, open_ledger
from tenure.registry.store import open_store

if TYPE_CHECKING:
    from tenure.records import AuditRow
    from tenure.spec import ModelSpec
    from tenure.workspace import Workspace

log = logging.getLogger(__name__)

SEEN, ORPHANED = "spec_seen", "model_orphaned"


def keep_spec(spec: ModelSpec, workspace: Workspace, *, actor: str) -> str:
    """Keep a spec and its suite as they stand; return the digest that names them.

    Only what is new, or back after the model was orphaned, is put on record.
    """
    content = _content(spec)
    digest = digest_of(content)
    before = _newest(spec.name, workspace)
    if before is not None and (before.kind, before.evidence) == (SEEN, digest):
        return digest
    open_store(workspace).put_json(content)
    is_back = before is not None and before.kind == ORPHANED
    said = "is back" if is_back else "has changed" if before else "was seen for the first time"
    row = open_ledger(workspace).note(
        SEEN,
        model=spec.name,
        actor=actor,
        reason=f"The spec of '{spec.name}' {said}.",
        evidence=digest,
        body={"spec": digest},
    )
    _remember(row, workspace)
    return digest


def spec_digest(spec: ModelSpec) -> str:
    """Return the digest of a whole spec and its suite, under which `keep_spec` keeps them."""
    return digest_of(_content(spec))


def last_spec(model: str, workspace: Workspace) -> ModelSpec | None:
    """Return the newest spec that was kept of a model, None if none was or it cannot be read."""
    from pydantic import ValidationError

    from tenure.spec.model import ModelSpec

    row = _newest(model, workspace)
    if row is None or not row.body["spec"]:
        return None
    try:
        kept: dict[str, Any] = open_store(workspace).get_json(row.body["spec"])
        spec = ModelSpec.model_validate_json(orjson.dumps(kept["spec"]), strict=True)
    except (ObjectMissing, ObjectDamaged, ValidationError, KeyError) as error:
        log.error("The last spec of '%s' cannot be read: %s", model, type(error).__name__)
        return None
    return spec.with_suite(kept["suite"])


def spec_in_force(model: str, workspace: Workspace) -> ModelSpec:
    """Return the spec that a model is watched and retired by: today's, else the last one kept.

    Raises:
        BadSpec: its file has mistakes.
        ModelNotFound: it has no file, and no spec of it was kept.
    """
    from tenure.spec import load_spec, model_names

    if model in model_names(workspace) or not format_file(workspace).exists():
        return load_spec(model, workspace)
    kept = last_spec(model, workspace)
    return kept if kept is not None else load_spec(model, workspace)


def spec_to_act_by(model: str, workspace: Workspace, *, actor: str) -> ModelSpec:
    """As `spec_in_force`; today's is kept, so that what follows from it can be read later.

    Raises:
        BadSpec, ModelNotFound: as there.
    """
    from tenure.spec import model_names

    spec = spec_in_force(model, workspace)
    if model in model_names(workspace):
        keep_spec(spec, workspace, actor=actor)
    return spec


def specs_in_force(workspace: Workspace) -> list[ModelSpec]:
    """Return every sound spec, and the last one of each orphaned model, which trains nothing."""
    from tenure.spec import read_all

    today = [reading.spec for reading in read_all(workspace) if reading.spec is not None]
    return [*today, *orphaned_specs(workspace)]


def orphaned_specs(workspace: Workspace) -> list[ModelSpec]:
    """Return what is left to do for each orphaned model: its last spec without training."""
    kept = [last_spec(model, workspace) for model in orphans(workspace)]
    return [_untrained(spec) for spec in kept if spec is not None]


def orphans(workspace: Workspace) -> list[str]:
    """Return the models of which a version holds a slot, and which have no spec."""
    from tenure.spec import model_names

    named = set(model_names(workspace))
    held = {one.model for one in open_ledger(workspace).assignments() if one.version is not None}
    return sorted(held - named)


def note_orphans(workspace: Workspace, *, actor: str) -> list[str]:
    """Put on record which models were orphaned since the last look; return their names."""
    fresh = []
    for model in orphans(workspace):
        before = _newest(model, workspace)
        if before is not None and before.kind == ORPHANED:
            continue
        kept = before.evidence if before else ""
        by = "it is watched on by its last one" if kept else "none was kept: nobody watches it"
        row = open_ledger(workspace).note(
            ORPHANED,
            model=model,
            actor=actor,
            reason=f"'{model}' serves and has no spec config/models/{model}.yaml; {by}.",
            evidence=kept or "no spec",
            body={"spec": kept},
        )
        _remember(row, workspace)
        fresh.append(model)
    return fresh


def _content(spec: ModelSpec) -> dict[str, Any]:
    return {"spec": spec.model_dump(mode="json"), "suite": spec.suite}


def _untrained(spec: ModelSpec) -> ModelSpec:
    schedules = spec.schedules.model_copy(update={"train": None, "score": None})
    training = spec.training.model_copy(update={"on_arrival": False})
    twin = spec.model_copy(update={"schedules": schedules, "training": training})
    return twin.with_suite(spec.suite)


def _newest(model: str, workspace: Workspace) -> AuditRow | None:
    """Return the newest row about a model's spec; where it was last is remembered beside."""
    ledger = open_ledger(workspace)
    try:
        seq = int(_file(model, workspace).read_text(encoding="ascii"))
    except (OSError, ValueError):
        seq = 0
    if seq:
        row = next(iter(ledger.audit(model, after_seq=seq - 1, limit=1)), None)
        if row is not None and row.seq == seq and row.kind in (SEEN, ORPHANED):
            return row
    row = next(iter(ledger.happenings(model, (SEEN, ORPHANED), limit=1)), None)
    if row is not None:
        _remember(row, workspace)
    return row


def _remember(row: AuditRow, workspace: Workspace) -> None:
    assert row.model is not None
    file = _file(row.model, workspace)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}.fresh")
    fresh.write_text(str(row.seq), encoding="ascii")
    fresh.replace(file)


def _file(model: str, workspace: Workspace) -> Path:
    return workspace.state / "checks" / model / "spec"
