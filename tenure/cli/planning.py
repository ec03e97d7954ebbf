"""What will today's specs change, before `sync` does it?

A version carries the spec that it was frozen with; today's is compared with the champion's. What
Prefect has is compared by the builder that `sync` uses, if a server is up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tenure.cli.command import AnyModel, Command, ProjectFolder, WorkspaceFolder
from tenure.cli.looking import ledger_if_any, must_know
from tenure.cli.output import Block, Line, Table
from tenure.errors import TenureError, Unreachable
from tenure.spec import ModelSpec, bad_spec, frozen, frozen_digest, model_names, read_all
from tenure.spec.digests import training_digest
from tenure.spec.mistakes import show as shown
from tenure.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from tenure.registry import Ledger

EFFECTS = {
    "data.source": "batches are looked for in the new place; those that came stay",
    "data.pattern": "other names in the source count as batches; those that came stay",
    "data.columns": "the next batch is judged by the new columns; what is stored stays",
    "data.treat": "the next batch is treated so; what is stored stays as it was treated",
    "data.max_rows": "the next batch is judged by the new bound",
    "expectations": "the next batch is judged by the new suite; what was accepted stays",
    "training.spans": "the next training fits other spans",
    "training.checks": "the next training set is checked by the new bounds",
    "training.on_arrival": "whether an accepted batch leads to training changes with sync",
    "training.allow": "the next artifact may name other code; the champion's list stays",
    "evaluation": "the next candidate is judged so; the champion stays",
    "deployment.serving": "the next version serves so; the champion keeps what it was frozen with",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A key whose value is not the one that the champion was frozen with."""

    key: str
    before: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """What is new about one model, and what follows from it."""

    model: str
    champion: int | None
    changes: tuple[Change, ...]
    effects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will change: in the models, in Prefect, and who would be left without a spec.

    `prefect` is None where no server could be asked; `note` then says why.
    """

    models: tuple[ModelPlan, ...]
    prefect: tuple[str, ...] | None
    note: str
    orphans: tuple[str, ...]


def plan(
    model: AnyModel = None,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Plan:
    """Say what a changed spec will do before sync does it.

    Compares today's specs with the ones that the champions were frozen with, and with what Prefect
    has, if a server is up. Changes nothing. Exit code 1 if a model serves that has no spec.

    Raises:
        BadSpec: a spec has mistakes.
        ModelNotFound: there is no such model.
    """
    opened = open_workspace(workspace, project)
    ledger = ledger_if_any(opened) if model is None else must_know(model, opened)
    readings = [one for one in read_all(opened) if model in (None, one.name)]
    wrong = [mistake for one in readings for mistake in one.mistakes if not mistake.warning]
    if wrong:
        raise bad_spec(wrong)
    specs = [one.spec for one in readings if one.spec is not None]
    lines, note = _ask_prefect(opened)
    if lines is not None and model is not None:
        lines = tuple(line for line in lines if f" {model}" in line)
    return Plan(
        models=tuple(plan_of(spec, ledger, opened) for spec in specs),
        prefect=lines,
        note=note,
        orphans=_orphans(ledger, opened),
    )


def plan_of(spec: ModelSpec, ledger: Ledger | None, workspace: Workspace) -> ModelPlan:
    """Return what today's spec changes for one model."""
    slot = ledger.slot(spec.name) if ledger else None
    if ledger is None or slot is None or slot.version is None:
        said = "no version serves yet: the first training makes one"
        return ModelPlan(model=spec.name, champion=None, changes=(), effects=(said,))
    candidate = ledger.candidate(ledger.version(spec.name, slot.version).candidate)
    digest = candidate.lineage.spec if candidate else ""
    changes: tuple[Change, ...] = ()
    effects: tuple[str, ...] = ()
    if digest != frozen_digest(spec):
        before = _frozen_before(digest, workspace)
        if before is None:
            said = "the spec changed since the champion was trained; its text was not kept"
            effects = (said,)
        else:
            changes = tuple(_changes(before, frozen(spec)))
            effects = tuple(_effects(spec, before, changes))
    return ModelPlan(model=spec.name, champion=slot.version, changes=changes, effects=effects)


def _frozen_before(digest: str, workspace: Workspace) -> dict[str, Any] | None:
    from tenure.registry import open_store

    store = open_store(workspace)
    return store.get_json(digest) if digest and store.exists(digest) else None


def _changes(before: Any, now: Any, path: str = "") -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}, key=str):
            below = f"{path}.{key}" if path else str(key)
            yield from _changes(before.get(key), now.get(key), below)
    elif before != now:
        yield Change(key=path, before=_short(before), now=_short(now))


def _short(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return shown(", ".join(map(str, value)) or "none")
    return shown(value)


def _effects(spec: ModelSpec, before: dict[str, Any], changes: tuple[Change, ...]) -> Iterator[str]:
    if _recipe_before(spec, before) != training_digest(spec):
        gate = spec.evaluation.gate
        judged = "judged on a holdout"
        if gate.compare != "holdout":
            judged += f" until {gate.batches} batches have judged it"
        yield f"will retrain as a new recipe, {judged}; the champion serves until it loses"
    for key, effect in EFFECTS.items():
        if any(change.key == key or change.key.startswith(f"{key}.") for change in changes):
            yield effect


def _recipe_before(spec: ModelSpec, before: dict[str, Any]) -> str:
    sections = {key: before[key] for key in ("data", "training", "evaluation") if key in before}
    try:
        return training_digest(ModelSpec(name=spec.name, owner=spec.owner, **sections))
    except (ValidationError, TypeError):
        return "frozen by a release that knew other keys"


def _ask_prefect(workspace: Workspace) -> tuple[tuple[str, ...] | None, str]:
    from tenure.cli.up import sync

    try:
        answer = sync(plan=True, workspace=workspace.root, project=workspace.project)
    except Unreachable:
        return None, "No Prefect server is up: `tenure up` applies the specs when it starts."
    except TenureError as error:
        return None, str(error)
    return answer.changes, ""


def _orphans(ledger: Ledger | None, workspace: Workspace) -> tuple[str, ...]:
    named = set(model_names(workspace))
    held = ledger.assignments() if ledger else []
    return tuple(
        sorted({one.model for one in held if one.version is not None and one.model not in named})
    )


def _show(found: Plan) -> Iterator[Block]:
    for one in found.models:
        serving = f"version {one.champion} serves" if one.champion else "nobody serves yet"
        yield Line(f"{one.model}: {serving}", "bold")
        if one.changes:
            rows = [(change.key, change.before, change.now) for change in one.changes]
            yield Table(("key", "champion's", "today's"), rows)
        yield from (Line(f"  → {effect}") for effect in one.effects)
        if not one.changes and not one.effects:
            yield Line("  the spec is the one that the champion was frozen with")
    if found.prefect is None:
        yield Line(found.note, "yellow")
    else:
        yield Line("Prefect:" if found.prefect else "Prefect agrees with the specs.", "bold")
        yield from (Line(f"  {line}") for line in found.prefect)
    for name in found.orphans:
        yield Line(f"orphan: '{name}' serves and has no spec config/models/{name}.yaml", "red")


COMMANDS = {
    "plan": Command(
        function=plan,
        show=_show,
        exit_code=lambda result: 1 if result.orphans else 0,
        examples=("tenure plan", "tenure plan fraud --json"),
    )
}
