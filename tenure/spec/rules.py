"""Do the parts of a spec fit together?

Each rule looks at a typed spec and notes its mistakes in the document that the spec was read from,
so that they carry a line. What needs the estimator, or the suite's rules, is for `tenure check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePath
from zoneinfo import ZoneInfo, available_timezones

from tenure.spec.cron import cron_fault
from tenure.spec.document import Document, Path_
from tenure.spec.loop_rules import note_loop_conflicts, watched_columns
from tenure.spec.mistakes import nearest
from tenure.spec.model import Coarsen, ModelSpec
from tenure.workspace import STATE_FOLDER, Workspace

LEAST_QUIET_Z = 1.28


def note_conflicts(spec: ModelSpec, document: Document, workspace: Workspace) -> None:
    """Note every mistake that lies between the parts of one spec."""
    _columns_exist(spec, document)
    _target_is_free(spec, document)
    _treated_columns_are_not_needed(spec, document)
    _time_is_readable(spec, document)
    _time_is_there(spec, document)
    _split_fits(spec, document)
    _gate_is_quiet(spec, document)
    _floors_say_something(spec, document)
    _schedules_come_due(spec, document)
    _places_are_apart(spec, document, workspace)
    note_loop_conflicts(spec, document)
    _suite_is_there(spec, document, workspace)


def named_columns(spec: ModelSpec) -> Iterator[tuple[Path_, str]]:
    """Yield each place of a spec that names a column, and the column."""
    data, evaluation = spec.data, spec.evaluation
    yield ("data", "target"), data.target
    if data.group is not None:
        yield ("data", "group"), data.group
    lists = {
        ("data", "key"): data.key,
        ("data", "leave_out"): data.leave_out,
        ("data", "not_personal"): data.not_personal,
        ("data", "time", "columns"): data.time.columns if data.time else [],
        ("evaluation", "slices"): evaluation.slices,
        ("evaluation", "leakage", "accept"): evaluation.leakage.accept,
        ("deployment", "serving", "log_leave_out"): spec.deployment.serving.log_leave_out,
    }
    for path, names in lists.items():
        for index, name in enumerate(names):
            yield (*path, index), name
    for name in data.treat:
        yield ("data", "treat", name), name
    for index, floor in enumerate(evaluation.slice_floors):
        yield ("evaluation", "slice_floors", index, "column"), floor.column
    yield from watched_columns(spec)


def _columns_exist(spec: ModelSpec, document: Document) -> None:
    known = spec.data.columns
    if not known:
        return
    for path, name in named_columns(spec):
        if name not in known:
            wanted = "one of data.columns: " + ", ".join(list(known)[:12])
            document.mistake(path, f"'{name}'", wanted, nearest(name, known))
    if known.get(spec.data.target) in ("datetime", "date"):
        document.mistake(
            ("data", "columns", spec.data.target),
            f"a target of type {known[spec.data.target]}",
            "a number, a text, a bool or a category to predict",
        )


def _target_is_free(spec: ModelSpec, document: Document) -> None:
    data = spec.data
    taken = {
        "treat": set(data.treat),
        "leave_out": set(data.leave_out),
        "key": set(data.key),
        "group": {data.group},
    }
    for name, columns in taken.items():
        if data.target in columns:
            document.mistake(
                ("data", name), f"the target '{data.target}'", "columns other than the target"
            )
    if data.time and data.target in data.time.columns:
        document.mistake(
            ("data", "time", "columns"), f"the target '{data.target}'", "a column that says when"
        )


def _treated_columns_are_not_needed(spec: ModelSpec, document: Document) -> None:
    data = spec.data
    needed = dict.fromkeys(data.key, "data.key")
    if data.group:
        needed[data.group] = "data.group"
    for column in data.time.columns if data.time else ():
        needed[column] = "data.time"
    for column, how in data.treat.items():
        said = "coarsen" if isinstance(how, Coarsen) else how
        fit = "coarsen" if needed.get(column) == "data.time" else "pseudonymise"
        if column in needed and said != fit:
            document.mistake(
                ("data", "treat", column),
                f"'{said}' of a column that {needed[column]} needs",
                f"'{fit}', which leaves what is needed",
            )
        if how == "drop" and column in spec.evaluation.slices:
            document.mistake(
                ("evaluation", "slices"), f"'{column}', which data.treat drops", "a kept column"
            )


def _time_is_readable(spec: ModelSpec, document: Document) -> None:
    if spec.data.time is None:
        return
    _zone_is_known(spec.data.time.timezone, ("data", "time", "timezone"), document)
    form = spec.data.time.format
    if form is not None:
        try:
            datetime.strptime(datetime(2024, 2, 29, 13, 5).strftime(form), form)
        except ValueError as error:
            document.mistake(
                ("data", "time", "format"), f"'{form}'", "a strptime format", str(error)[:80]
            )


def _zone_is_known(name: str, path: Path_, document: Document) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = nearest(name, available_timezones())
        hint = hint or next(
            (
                f"did you mean '{zone}'?"
                for zone in sorted(available_timezones())
                if zone.lower() == name.lower() or zone.lower().endswith(f"/{name.lower()}")
            ),
            "",
        )
        document.mistake(path, f"'{name}'", "a time zone such as 'Europe/Berlin' or 'UTC'", hint)


def _time_is_there(spec: ModelSpec, document: Document) -> None:
    if spec.data.time is not None:
        return
    for index, span in enumerate(spec.training.spans):
        if span.endswith(("days", "weeks")):
            document.mistake(
                ("training", "spans", index),
                f"'{span}' without data.time",
                "'all' or a number of batches",
                "say under data.time which column tells when a row happened",
            )
    for name in ("max_gap_days", "max_age_days"):
        if getattr(spec.training.checks, name) is not None:
            document.mistake(
                ("training", "checks", name), "a bound in days without data.time", "data.time"
            )


def _split_fits(spec: ModelSpec, document: Document) -> None:
    by, path = spec.training.split.by, ("training", "split", "by")
    if by == "time" and spec.data.time is None:
        document.mistake(path, "'time' without data.time", "data.time, or 'stratified'")
    if by == "grouped" and spec.data.group is None:
        document.mistake(path, "'grouped' without data.group", "data.group, or 'stratified'")
    if spec.data.on_correction == "latest_wins" and not spec.data.key:
        document.mistake(
            ("data", "on_correction"), "'latest_wins' without data.key", "data.key, or 'reject'"
        )


def _gate_is_quiet(spec: ModelSpec, document: Document) -> None:
    gate = spec.evaluation.gate
    if gate.accept_noise:
        return
    path: Path_ = ("evaluation", "gate")
    hint = "`accept_noise: true` accepts promotions by chance; `tenure check` counts them"
    if gate.rule == "not_worse":
        document.mistake((*path, "rule"), "'not_worse' alone", "'better', or accept_noise", hint)
    elif gate.z < LEAST_QUIET_Z:
        document.mistake(
            (*path, "z"), f"{gate.z:g}", f"at least {LEAST_QUIET_Z}, or accept_noise", hint
        )


def _floors_say_something(spec: ModelSpec, document: Document) -> None:
    evaluation = spec.evaluation
    floors = [(("evaluation", "gates", name), floor) for name, floor in evaluation.gates.items()]
    slices = [
        (("evaluation", "slice_floors", index), floor)
        for index, floor in enumerate(evaluation.slice_floors)
    ]
    for path, floor in [*floors, *slices]:
        low, high = floor.at_least, floor.at_most
        if low is None and high is None:
            document.mistake(path, "no bound", "at_least or at_most")
        elif low is not None and high is not None and low > high:
            document.mistake(path, f"at_least {low:g} above at_most {high:g}", "a range")


def _schedules_come_due(spec: ModelSpec, document: Document) -> None:
    schedules = spec.schedules
    _zone_is_known(schedules.timezone, ("schedules", "timezone"), document)
    for verb in ("train", "ingest", "score", "monitor"):
        line = getattr(schedules, verb)
        fault = cron_fault(line) if line is not None else None
        if fault:
            wanted = "five fields: minute hour day month weekday, such as '0 2 * * *'"
            document.mistake(("schedules", verb), f"'{line}': {fault}", wanted)
    if schedules.score is not None and spec.scoring is None:
        document.mistake(("schedules", "score"), "a schedule without scoring", "a scoring section")


def _places_are_apart(spec: ModelSpec, document: Document, workspace: Workspace) -> None:
    places = {("data", "source"): spec.data.source}
    if spec.scoring:
        places[("scoring", "source")] = spec.scoring.source
        places[("scoring", "destination")] = spec.scoring.destination
    for path, place in places.items():
        _place_is_usable(path, place, document, workspace)
    if spec.scoring is None:
        return
    put = PurePath(workspace.locate(spec.scoring.destination))
    for path in (("data", "source"), ("scoring", "source")):
        taken = PurePath(workspace.locate(places[path]))
        if put == taken or taken in put.parents:
            document.mistake(
                ("scoring", "destination"),
                f"'{spec.scoring.destination}' inside {'.'.join(path)}",
                "a folder apart, or predictions would be taken in as data",
            )
            break
    if workspace.locate(spec.scoring.source) == workspace.locate(spec.data.source):
        document.mistake(
            ("scoring", "source"),
            f"'{spec.scoring.source}', which is data.source",
            "another folder",
        )


def _place_is_usable(path: Path_, place: str, document: Document, workspace: Workspace) -> None:
    if "://" in place:
        import fsspec

        protocol = place.partition("://")[0]
        try:
            fsspec.get_filesystem_class(protocol)
        except (ImportError, ValueError) as error:
            document.mistake(
                path, f"'{protocol}://'", "a kind of place that fsspec opens", str(error)
            )
    elif not place.strip():
        document.mistake(path, "an empty text", "a folder or an fsspec URL")
    elif place.startswith("~"):
        document.mistake(path, f"'{place}'", "a whole path", "'~' is no folder here")
    else:
        located = PurePath(workspace.locate(place))
        state = workspace.root / STATE_FOLDER
        if located == workspace.root or located == state or state in located.parents:
            document.mistake(
                path, f"'{place}'", "a folder of its own", "not the workspace, not its state"
            )


def _suite_is_there(spec: ModelSpec, document: Document, workspace: Workspace) -> None:
    name = spec.expectations
    if name is None:
        return
    folder = workspace.expectations_folder
    if not (folder / f"{name}.yaml").is_file() or PurePath(name).name != name:
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        wanted = f"a suite in config/expectations/: {', '.join(known) or 'there is none yet'}"
        document.mistake(
            ("expectations",), f"'{name}'", wanted, nearest(name.removesuffix(".yaml"), known)
        )
