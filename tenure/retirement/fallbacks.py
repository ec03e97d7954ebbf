"""Who answers once the champion is gone, and where does that version come from?

A fallback is a version like any other: registered, signed, checked on golden rows. It is fitted on
the rows of the version that it stands in for, those that were held out left out, so that a later
candidate can be compared with it on rows that neither has seen.
"""

from __future__ import annotations

import io
import platform
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenure.errors import FallbackRefused, Halted, TenureError
from tenure.records import (
    Candidate,
    Evaluation,
    GateVerdict,
    Stage,
    Version,
    digest_of,
    to_json,
)
from tenure.registry import dump_estimator, open_ledger, open_store, register
from tenure.registry.artifacts import check_manifest
from tenure.registry.manifests import BOUND_LIBRARIES, library_versions
from tenure.registry.specs import spec_in_force
from tenure.retirement.checking import note_check
from tenure.spec import build_pipeline, load_spec, model_names
from tenure.spec.model import DeploymentSpec, ModelSpec, Task

if TYPE_CHECKING:
    from tenure.workspace import Workspace

FITTED = 1
"""The part, in a candidate's `holdout` object, of the rows that it was fitted on."""


def register_fallback(
    model: str, number: int, workspace: Workspace, *, actor: str
) -> Version | None:
    """Register what stands in for a version by today's spec; return it, None for `fallback: none`.

    One that is there already for the same features, classes and libraries is returned as it is.

    Args:
        model: its name.
        number: the version that it is to stand in for, on whose rows it is fitted.
        workspace: where it is.
        actor: who registers it.

    Raises:
        FallbackRefused: the constant is no class of the model, or the rule cannot be fitted.
        VersionNotFound: there is no such version.
        Halted: automation of the model is halted.
    """
    spec = load_spec(model, workspace)
    wanted = wanted_of(spec.deployment)
    if wanted is None:
        return None
    ledger = open_ledger(workspace)
    version = ledger.version(model, number)
    base = ledger.candidate(version.candidate)
    assert base is not None, "a version names the candidate that it was"
    recipe = _recipe(wanted, base)
    fit = (each for each in ledger.fallbacks(model) if _is_made_by(each, recipe, workspace))
    known = next(fit, None)
    if known is not None:
        return known
    candidate = _candidate(spec, wanted, recipe, version, base, workspace)
    candidate = ledger.record_candidate(candidate, actor=actor)
    store = open_store(workspace)
    rows = store.get_bytes(check_manifest(version, store, workspace).golden_rows)
    judged = _evaluation(wanted, version, candidate, workspace)
    made = register(candidate, judged, rows, workspace, actor=actor)
    note_check(made, workspace)
    return made


def wanted_of(deployment: DeploymentSpec) -> dict[str, Any] | None:
    """Return what is to be registered by a spec: kind and what belongs to it, None for nothing.

    `previous` wants the gate's dummy as well, for the time when there is no former champion.
    """
    match deployment.fallback:
        case "none":
            return None
        case "constant":
            return {"kind": "constant", "constant": deployment.constant}
        case "rule":
            return {"kind": "rule", "rule": deployment.rule}
        case _:
            return {"kind": "baseline"}


def fallback_of(model: str, workspace: Workspace) -> int | None:
    """Return who would answer if the champion went now, by today's spec; None for nobody.

    A model whose spec is gone, or names what is not registered yet, falls back on what is.
    """
    exact, others = _registered(model, workspace)
    return exact if exact is not None else next(iter(others), None)


def ensure_fallback(model: str, number: int, workspace: Workspace, *, actor: str) -> int | None:
    """Return who would answer if a version went now; register it if today's spec names another.

    Where that cannot be made, whoever was registered before answers.

    Raises:
        FallbackRefused: it cannot be made, and nobody else was registered.
        Halted: automation of the model is halted.
    """
    exact, others = _registered(model, workspace)
    if exact is not None or model not in model_names(workspace):
        return exact if exact is not None else next(iter(others), None)
    try:
        made = register_fallback(model, number, workspace, actor=actor)
    except Halted:
        raise
    except TenureError:
        if not others:
            raise
        return others[0]
    return made.number if made is not None and made.number != number else None


def _registered(model: str, workspace: Workspace) -> tuple[int | None, list[int]]:
    """Return who answers by today's spec, and who else could, of those that do not serve."""
    deployment = deployment_of(model, workspace)
    wanted = wanted_of(deployment)
    if wanted is None:
        return None, []
    ledger = open_ledger(workspace)
    if deployment.fallback == "previous":
        standby = ledger.standby(model, limit=1)
        if standby:
            return standby[0].number, []
    now = ledger.slot(model)
    serving = now.version if now else None
    exact, others = None, []
    for each in ledger.fallbacks(model):
        if each.number == serving:
            continue
        candidate = ledger.candidate(each.candidate)
        is_wanted = candidate is not None and candidate.lineage.parameters == wanted
        if is_wanted and exact is None:
            exact = each.number
        else:
            others.append(each.number)
    return exact, others


def deployment_of(model: str, workspace: Workspace) -> DeploymentSpec:
    """Return how a model is deployed by today's spec, the defaults where it has none."""
    try:
        return spec_in_force(model, workspace).deployment
    except TenureError:
        return DeploymentSpec()


def is_fallback(version: Version, workspace: Workspace) -> bool:
    """Say whether a version only stands in for others."""
    judged = open_ledger(workspace).evaluation(version.model, version.number)
    return judged.verdict is GateVerdict.FALLBACK


def _is_made_by(version: Version, recipe: str, workspace: Workspace) -> bool:
    candidate = open_ledger(workspace).candidate(version.candidate)
    return version.stage is Stage.VALIDATED and candidate is not None and candidate.recipe == recipe


def _recipe(wanted: dict[str, Any], base: Candidate) -> str:
    libraries = library_versions()
    return digest_of(
        {
            "fallback": wanted,
            "features": [[each.name, each.type] for each in base.features],
            "classes": list(base.classes),
            "task": base.task,
            "libraries": {name: libraries[name] for name in BOUND_LIBRARIES},
        }
    )


def _candidate(
    spec: ModelSpec,
    wanted: dict[str, Any],
    recipe: str,
    version: Version,
    base: Candidate,
    workspace: Workspace,
) -> Candidate:
    estimator = _fitted(spec, wanted, version, base, workspace)
    kept, size, names = dump_estimator(estimator, workspace, allow=spec.training.allow)
    made_of = {"model": version.model, "recipe": recipe, "holdout": base.holdout}
    made_of["training_set"] = base.training_set.digest
    lineage = replace(
        base.lineage,
        pipeline=wanted.get("rule") or f"tenure.retirement:{wanted['kind']}",
        parameters=wanted,
        libraries=library_versions(),
        python=platform.python_version(),
        cpu_s=0.0,
        wall_s=0.0,
        peak_memory_bytes=0,
        warm_started_from=None,
    )
    return replace(
        base,
        id=digest_of(made_of),
        object=kept,
        size=size,
        globals=names,
        recipe=recipe,
        lineage=lineage,
    )


def _fitted(
    spec: ModelSpec,
    wanted: dict[str, Any],
    version: Version,
    base: Candidate,
    workspace: Workspace,
) -> Any:
    import numpy as np

    names = [each.name for each in base.features] if wanted["kind"] == "rule" else []
    frame, target = _rows(spec, base, names, workspace)
    if wanted["kind"] == "rule":
        return _fitted_rule(spec, wanted["rule"], base, frame, target, workspace)
    primary = open_ledger(workspace).evaluation(version.model, version.number).primary
    estimator = _dummy(spec.name, wanted, base, primary)
    looked_at = np.broadcast_to(np.float64(0.0), (len(target), len(base.features)))
    return estimator.fit(looked_at, target)


def _rows(
    spec: ModelSpec, base: Candidate, names: list[str], workspace: Workspace
) -> tuple[Any, Any]:
    """Return features and labels of the rows that a candidate was fitted on."""
    import numpy as np

    from tenure.registry.rows import labels, read_rows

    ledger = open_ledger(workspace)
    known = {each.digest: each for each in ledger.snapshots(spec.name)}
    snapshots = [known[digest] for digest in base.training_set.snapshots]
    rows = read_rows(spec.name, spec.data, snapshots, workspace, names)
    used = rows.used(base.training_set.start_at, None)
    if base.holdout is not None:
        data = open_store(workspace).get_bytes(base.holdout)
        used = used & (np.load(io.BytesIO(data), allow_pickle=False) == FITTED)
    target = labels(rows.frame[spec.data.target][used], Task(base.task))
    return rows.frame.loc[used, names].reset_index(drop=True), target


def _dummy(model: str, wanted: dict[str, Any], base: Candidate, primary: str) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    is_number = base.task == Task.REGRESSION.value
    if wanted["kind"] == "baseline":
        middle = "median" if "absolute" in primary else "mean"
        return DummyRegressor(strategy=middle) if is_number else DummyClassifier(strategy="prior")
    given = wanted["constant"]
    if is_number:
        if isinstance(given, (str, bool)):
            raise FallbackRefused(model=model, detail="deployment.constant is no number")
        return DummyRegressor(strategy="constant", constant=float(given))
    label = next((each for each in base.classes if each == given), None)
    if label is None:
        known = ", ".join(map(str, base.classes))
        raise FallbackRefused(model=model, detail=f"deployment.constant is none of {known}")
    return DummyClassifier(strategy="constant", constant=label)


def _fitted_rule(
    spec: ModelSpec, rule: str, base: Candidate, frame: Any, target: Any, workspace: Workspace
) -> Any:
    from tenure.failures import keep
    from tenure.registry.frames import cast

    training = spec.training.model_copy(update={"pipeline": rule, "parameters": {}})
    estimator = build_pipeline(spec.model_copy(update={"training": training}), workspace)
    try:
        return estimator.fit(cast(frame, base.features), target)
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a user's code may raise anything
        detail = f"its rule could not be fitted: {keep(error, workspace)}"
        raise FallbackRefused(model=spec.name, detail=detail) from None


def _evaluation(
    wanted: dict[str, Any], version: Version, candidate: Candidate, workspace: Workspace
) -> Evaluation:
    base = open_ledger(workspace).evaluation(version.model, version.number)
    bare = Evaluation(
        model=version.model,
        candidate=candidate.id,
        verdict=GateVerdict.FALLBACK,
        promotes=False,
        reason=f"Fallback ({wanted['kind']}): it answers when a champion of '{version.model}' is "
        "retired without a successor.",
        primary=base.primary,
        metrics=(),
        checks=(),
        comparison=None,
        champion_epoch=0,
        details=_details(base, candidate, workspace),
    )
    body = to_json(bare)
    del body["digest"]
    return replace(bare, digest=open_store(workspace).put_json(body))


def _details(base: Evaluation, candidate: Candidate, workspace: Workspace) -> str:
    """Keep details of the same shape as the version's, emptied: a fallback was never judged."""
    store = open_store(workspace)
    known = store.get_json(base.details)
    empty = {name: [] if isinstance(value, list) else None for name, value in known.items()}
    said = ("format", "model", "task", "target", "classes", "positive", "primary", "judged")
    kept = {name: known[name] for name in said if name in known}
    if isinstance(kept.get("judged"), dict):
        nothing = {"rows": 0, "compared_rows": 0, "seen_by_champion": 0, "champion": None}
        kept["judged"] = {**kept["judged"], **nothing, "start_at": None, "end_at": None}
    notes = ["A fallback is not judged: it stands in, and any better fit takes its place."]
    return store.put_json({**empty, **kept, "candidate": candidate.id, "notes": notes})
