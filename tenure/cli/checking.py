"""What is wrong with the specs, all of it at once, before anything runs?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from tenure.cli.command import AnyModel, Command, ProjectFolder, WorkspaceFolder
from tenure.cli.output import Block, Line, Table
from tenure.errors import ModelNotFound
from tenure.spec import Mistake, ModelSpec, Reading, read_all
from tenure.spec.cron import times_a_year
from tenure.spec.mistakes import nearest
from tenure.workspace import Workspace, open_workspace

NIGHTS = 365
EDITOR = (
    "Save this as a file and let the first line of a spec be "
    "'# yaml-language-server: $schema=PATH-OF-THAT-FILE': editors then complete and check."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check knows of one model.

    `promotions_a_year` says how often its gate promotes where nothing differs, at
    `trainings_a_year`; it is None where the spec could not be read.
    """

    model: str
    is_right: bool
    task: str | None = None
    estimator: str | None = None
    trainings_a_year: int = 0
    promotions_a_year: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Every model that was checked, every mistake, and what is doubtful."""

    models: tuple[Checked, ...]
    mistakes: tuple[Mistake, ...]
    doubts: tuple[Mistake, ...]
    strict: bool = False


def check(
    model: AnyModel = None,
    *,
    strict: Annotated[bool, typer.Option(help="Leave with 1 if anything is doubtful.")] = False,
    schema: Annotated[bool, typer.Option(help="Print the specs' JSON schema instead.")] = False,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> CheckResult | dict[str, Any]:
    """Find every mistake in the specs before anything runs.

    Reads every spec, imports and builds each pipeline in a process of its own (30 s at most), reads
    each suite, and prints all mistakes with file, line, key, what stands there and what was wanted.
    Nothing is written. Says how many promotions a year each gate makes where nothing differs.

    Returns:
        The findings, or with `schema` the JSON schema of a spec.

    Raises:
        ModelNotFound: the model that was named has no spec.
    """
    if schema:
        return {"$comment": EDITOR, **ModelSpec.model_json_schema()}
    opened = open_workspace(workspace, project)
    readings = read_all(opened)
    chosen = _chosen(model, readings)
    checked, found = [], _shared_sources(readings)
    for reading in chosen:
        about, mistakes = check_one(reading, opened)
        checked.append(about)
        found += mistakes
    files = {reading.document.file for reading in chosen}
    return CheckResult(
        models=tuple(checked),
        mistakes=tuple(one for one in found if not one.warning),
        doubts=tuple(one for one in found if one.warning and one.file in files),
        strict=strict,
    )


def _chosen(model: str | None, readings: list[Reading]) -> list[Reading]:
    names = [reading.name for reading in readings]
    if model is not None and model not in names:
        near = nearest(model, names)
        known = (", ".join(names) or "none") + (f" ({near})" if near else "")
        raise ModelNotFound(model=model, known=known)
    return [reading for reading in readings if model in (None, reading.name)]


def check_one(reading: Reading, workspace: Workspace) -> tuple[Checked, list[Mistake]]:
    """Check one spec with all that it names."""
    found, spec = list(reading.mistakes), reading.spec
    if spec is None:
        return Checked(model=reading.name, is_right=False), _by_line(found)
    found += _missing_source(reading, spec, workspace) + _suite_mistakes(spec, workspace)
    found += _dates_that_are_features(reading, spec)
    made, wrong = _build(reading, spec, workspace)
    found += wrong
    task = made.get("task")
    if task is not None:
        found += _metric_mistakes(reading, spec, task)
    trainings = times_a_year(spec.schedules.train) if spec.schedules.train else NIGHTS
    about = Checked(
        model=spec.name,
        is_right=all(one.warning for one in found),
        task=task,
        estimator=made.get("estimator"),
        trainings_a_year=trainings,
        promotions_a_year=_promise(spec, trainings),
    )
    return about, _by_line(found)


def _build(reading: Reading, spec: ModelSpec, workspace: Workspace) -> tuple[Any, list[Mistake]]:
    """Let a spec's pipeline be built elsewhere; return what it is, and what is wrong with it."""
    from tenure.cli import building

    found = building.ask(spec.name, workspace)
    if printed := found.get("printed"):
        sys.stderr.write(printed)
    at = ("training", "pipeline")
    if "mistakes" in found:
        return found, _with_lines(found["mistakes"], reading)
    if "late" in found:
        wanted = f"'{spec.training.pipeline}' to be imported and called in that time"
        hint = "what takes long belongs into the fit, not into the module or the function"
        return found, [_at(reading, at, found["late"], wanted, hint)]
    if "refused" in found:
        wanted = "a pipeline that another process can load, of classes and functions with names"
        return found, [_at(reading, at, found["refused"], wanted)]
    return found, [
        _at(
            reading,
            ("training", "allow"),
            "a list without it",
            f"'{name}' in it, since the pipeline holds it",
        )
        for name in found["names"]
    ]


def _metric_mistakes(reading: Reading, spec: ModelSpec, task: str) -> list[Mistake]:
    from tenure.evaluation.metrics import KNOWN

    kinds = {"regression"} if task == "regression" else {"binary", "many"}
    known = {name: metric for name, metric in KNOWN.items() if metric.kinds & kinds}
    evaluation, found = spec.evaluation, []
    named: list[tuple[tuple[str | int, ...], str, Any]] = [
        (("evaluation", "gates", name), name, floor) for name, floor in evaluation.gates.items()
    ]
    named += [
        (("evaluation", "slice_floors", index, "metric"), floor.metric, floor)
        for index, floor in enumerate(evaluation.slice_floors)
    ]
    if evaluation.primary is not None:
        named.append((("evaluation", "primary"), evaluation.primary, None))
    for path, name, floor in named:
        if name not in known:
            wanted = f"a metric of {task}: {', '.join(known)}"
            found.append(_at(reading, path, f"'{name}'", wanted, nearest(name, known)))
        elif floor is not None and not known[name].higher_is_better and floor.at_most is None:
            wanted = "at_most, since less of it is better"
            found.append(_at(reading, path, "only at_least", wanted, warning=True))
    return found


def _suite_mistakes(spec: ModelSpec, workspace: Workspace) -> list[Mistake]:
    from tenure.validation import check_suite

    return list(check_suite(spec, workspace))


def _missing_source(reading: Reading, spec: ModelSpec, workspace: Workspace) -> list[Mistake]:
    from pathlib import Path

    place = workspace.locate(spec.data.source)
    if "://" in place or Path(place).is_dir():
        return []
    wanted = "a folder that is there; nothing can arrive until then"
    return [_at(reading, ("data", "source"), f"'{spec.data.source}'", wanted, warning=True)]


def _dates_that_are_features(reading: Reading, spec: ModelSpec) -> list[Mistake]:
    """A date that nothing names as time goes into the fit as a number that only ever grows."""
    data = spec.data
    if data.time is not None:
        return []
    named = {data.target, data.group, *data.key, *data.leave_out}
    named |= {name for name, how in data.treat.items() if how == "drop"}
    return [
        _at(
            reading,
            ("data", "columns", name),
            f"a {kind} that is a feature",
            f"data.time: {{columns: [{name}]}} if rows happened then, or it in data.leave_out",
            warning=True,
        )
        for name, kind in data.columns.items()
        if kind in ("date", "datetime") and name not in named
    ]


def _shared_sources(readings: list[Reading]) -> list[Mistake]:
    takers: dict[tuple[str, str], list[Reading]] = {}
    for reading in readings:
        if reading.spec is not None:
            data = reading.spec.data
            takers.setdefault((data.source.rstrip("/"), data.pattern), []).append(reading)
    return [
        _at(
            reading,
            ("data", "source"),
            f"'{source}', which {', '.join(one.name for one in those if one is not reading)} reads",
            "a folder or a pattern of its own, unless both models learn from the same batches",
            warning=True,
        )
        for (source, _), those in takers.items()
        if len(those) > 1
        for reading in those
    ]


def _promise(spec: ModelSpec, trainings: int) -> float:
    """Return how many promotions a year a gate makes where no candidate differs."""
    from tenure.evaluation.gate import promised_chance

    gate = spec.evaluation.gate
    match gate.mode:
        case "dry_run":
            return 0.0
        case "disabled":
            return float(trainings)
        case _:
            return trainings * promised_chance(gate.rule, gate.z)


def _at(
    reading: Reading,
    path: tuple[str | int, ...],
    got: str,
    wanted: str,
    hint: str = "",
    *,
    warning: bool = False,
) -> Mistake:
    from tenure.spec.mistakes import key_path

    return Mistake(
        file=reading.document.file,
        line=reading.document.line(path),
        key=key_path(path),
        got=got,
        wanted=wanted,
        hint=hint,
        warning=warning,
    )


def _with_lines(facts: list[dict[str, Any]], reading: Reading) -> list[Mistake]:
    return [
        replace(mistake, line=reading.document.line(tuple(mistake.key.split("."))))
        for mistake in (Mistake(**each) for each in facts)
    ]


def _by_line(mistakes: list[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda one: (one.line or 0, one.key))


def _show(result: CheckResult | dict[str, Any]) -> Iterator[Block]:
    if isinstance(result, dict):
        import orjson

        yield Line(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
        return
    yield from (Line(str(one), "red") for one in result.mistakes)
    yield from (Line(f"doubt: {one}", "yellow") for one in result.doubts)
    right = [one for one in result.models if one.is_right]
    if right:
        yield Table(
            ("model", "task", "estimator", "trainings a year", "promotions a year by chance"),
            [
                (
                    one.model,
                    one.task,
                    one.estimator,
                    one.trainings_a_year,
                    f"{one.promotions_a_year or 0.0:.1f}",
                )
                for one in right
            ],
        )
    yield Line(_sum_up(result), "red" if result.mistakes else "green")


def _sum_up(result: CheckResult) -> str:
    if not result.models:
        return "There is no spec yet: a model is a file config/models/NAME.yaml."
    count = len(result.mistakes)
    doubts = f", {len(result.doubts)} doubtful" if result.doubts else ""
    specs = f"{len(result.models)} spec{'' if len(result.models) == 1 else 's'}"
    if count:
        return f"{specs}: {count} mistake{'' if count == 1 else 's'}{doubts}. Nothing was changed."
    return f"{specs}: no mistakes{doubts}."


def _exit_code(result: CheckResult | dict[str, Any]) -> int:
    if isinstance(result, dict):
        return 0
    if result.mistakes:
        return 2
    return 1 if result.strict and result.doubts else 0


COMMANDS = {
    "check": Command(
        function=check,
        show=_show,
        exit_code=_exit_code,
        examples=(
            "tenure check                      all specs",
            "tenure check fraud --strict       one spec; doubts count",
            "tenure check --schema > spec.json for an editor to complete from",
        ),
    )
}
