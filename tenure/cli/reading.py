"""Which models are there, what is known of one, and who served when?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tenure.cli.command import Command, Model, ProjectFolder, WorkspaceFolder
from tenure.cli.looking import cases_table, count_batches, ledger_if_any, must_know, read_time
from tenure.cli.output import Block, Line, Table, size
from tenure.records import (
    Assignment,
    BatchState,
    Candidate,
    Case,
    Evaluation,
    Halt,
    Rollout,
    Slot,
    Version,
)
from tenure.records.rollout import step_name
from tenure.spec.names import model_names
from tenure.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from tenure.registry import Ledger
    from tenure.spec import ModelSpec

SHOWN_VERSIONS = 20
SHOWN_CASES = 10
ALL_CASES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLine:
    """A model in a list: who serves, how much came in.

    An orphan holds a slot and has no spec any more; `is_readable` says whether there is a spec
    without mistakes.
    """

    model: str
    owner: str | None
    has_spec: bool
    is_readable: bool
    is_orphan: bool
    champion: int | None
    epoch: int
    since: datetime | None
    newest_version: int
    batches_accepted: int
    batches_quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model with its newest versions and cases, the halt that holds for it, and its standby.

    `standby` are the versions that a rollback may take.
    """

    line: ModelLine
    purpose: str
    schedules: dict[str, str]
    versions: tuple[Version, ...]
    standby: tuple[int, ...]
    cases: tuple[Case, ...]
    halt: Halt | None
    rollout: Rollout | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version with all that led to it, and the cases that were about it."""

    version: Version
    serves: bool
    cases: tuple[Case, ...]
    evaluation: Evaluation
    candidate: Candidate | None
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """A stretch of time in which one version held the slot; `until` is None for who serves now."""

    model: str
    version: int | None
    epoch: int
    since: datetime
    until: datetime | None
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Who served when, and the cases of the time, oldest first.

    With `at` only who served then (nobody if it is empty) and the cases that were open then.
    """

    model: str
    at: datetime | None
    tenures: tuple[Tenure, ...]
    cases: tuple[Case, ...]


def models(
    *, workspace: WorkspaceFolder = None, project: ProjectFolder = None
) -> tuple[ModelLine, ...]:
    """List the models: who serves since when, and what came in."""
    opened = open_workspace(workspace, project)
    ledger = ledger_if_any(opened)
    names = sorted({*model_names(opened), *(ledger.models() if ledger else ())})
    return tuple(model_line(name, opened, ledger) for name in names)


def show(
    model: Model,
    version: Annotated[
        int | None, typer.Argument(help="A version's number.", show_default=False, min=1)
    ] = None,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> ModelView | VersionView:
    """Show a model with its newest versions, or one version with all that led to it.

    Raises:
        ModelNotFound, VersionNotFound: there is none of this name or number.
    """
    opened = open_workspace(workspace, project)
    ledger = must_know(model, opened)
    if version is not None:
        return _version_view(model, version, ledger, opened)
    spec = spec_of(model, opened)
    times = spec.schedules.model_dump(exclude_none=True) if spec else {}
    return ModelView(
        line=model_line(model, opened, ledger),
        purpose=spec.purpose if spec else "",
        schedules=times,
        versions=tuple(ledger.versions(model, limit=SHOWN_VERSIONS)) if ledger else (),
        standby=tuple(one.number for one in ledger.standby(model)) if ledger else (),
        cases=tuple(ledger.cases(model, limit=SHOWN_CASES)[::-1]) if ledger else (),
        halt=ledger.halted(model) if ledger else None,
        rollout=ledger.open_rollout(model) if ledger else None,
    )


def history(
    model: Model,
    *,
    at: Annotated[
        str | None,
        typer.Option(help="Who served then: 2026-05-03T14:03, in this machine's zone if none."),
    ] = None,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> History:
    """Show who served when, who decided it and why, with retrainings and retirements.

    Raises:
        ModelNotFound: there is no such model.
        BadTime: `at` is no time.
    """
    opened = open_workspace(workspace, project)
    when = read_time(str(at)) if at is not None else None
    ledger = must_know(model, opened)
    held = ledger.tenures(model) if ledger else []
    tenures = [
        _tenure(one, held[place + 1].since if place + 1 < len(held) else None)
        for place, one in enumerate(held)
    ]
    if when is not None and ledger is not None:
        then = ledger.champion_at(model, when)
        tenures = [one for one in tenures if then is not None and one.epoch == then.epoch]
    cases = ledger.cases(model, limit=ALL_CASES) if ledger else []
    open_then = tuple(case for case in cases if when is None or _is_open_at(case, when))
    return History(model=model, at=when, tenures=tuple(tenures), cases=open_then)


def _is_open_at(case: Case, at: datetime) -> bool:
    return case.opened_at <= at and (case.closed_at is None or at < case.closed_at)


def model_line(name: str, workspace: Workspace, ledger: Ledger | None) -> ModelLine:
    """Return what a list says of one model."""
    has_spec = name in model_names(workspace)
    spec = spec_of(name, workspace) if has_spec else None
    slot = ledger.slot(name, Slot.CHAMPION) if ledger else None
    newest = ledger.versions(name, limit=1) if ledger else []
    serves = slot is not None and slot.version is not None
    counts = {
        state: count_batches(ledger, name, state) if ledger else 0
        for state in (BatchState.ACCEPTED, BatchState.QUARANTINED)
    }
    return ModelLine(
        model=name,
        owner=spec.owner if spec else None,
        has_spec=has_spec,
        is_readable=spec is not None,
        is_orphan=serves and not has_spec,
        champion=slot.version if slot else None,
        epoch=slot.epoch if slot else 0,
        since=slot.since if slot else None,
        newest_version=newest[0].number if newest else 0,
        batches_accepted=counts[BatchState.ACCEPTED],
        batches_quarantined=counts[BatchState.QUARANTINED],
    )


def spec_of(name: str, workspace: Workspace) -> ModelSpec | None:
    """Return a model's spec, None where there is none or it has mistakes."""
    from tenure.spec import read_spec

    return read_spec(workspace.models_folder / f"{name}.yaml", workspace).spec


def _tenure(one: Assignment, until: datetime | None) -> Tenure:
    return Tenure(
        model=one.model,
        version=one.version,
        epoch=one.epoch,
        since=one.since,
        until=until,
        actor=one.actor,
        reason=one.reason,
    )


def _version_view(
    model: str, number: int, ledger: Ledger | None, workspace: Workspace
) -> VersionView:
    from tenure.errors import VersionNotFound
    from tenure.pages.paths import evaluation_path

    if ledger is None:
        raise VersionNotFound(model=model, version=number, newest=0)
    version = ledger.version(model, number)
    slot = ledger.slot(model, Slot.CHAMPION)
    return VersionView(
        version=version,
        serves=slot is not None and slot.version == number,
        cases=tuple(
            case for case in ledger.cases(model, limit=ALL_CASES) if case.version == number
        ),
        evaluation=ledger.evaluation(model, number),
        candidate=ledger.candidate(version.candidate),
        page=str(workspace.pages / evaluation_path(model, number)),
    )


def lines_table(lines: tuple[ModelLine, ...]) -> Table:
    """Return the table of a list of models."""
    return Table(
        ("model", "owner", "champion", "since", "newest", "accepted", "quarantined", "remark"),
        [
            (
                one.model,
                one.owner,
                one.champion,
                one.since,
                one.newest_version or None,
                one.batches_accepted,
                one.batches_quarantined,
                _remark(one),
            )
            for one in lines
        ],
    )


def _remark(line: ModelLine) -> str:
    if line.is_orphan:
        return "orphan: it serves and has no spec"
    if not line.has_spec:
        return "no spec"
    return "" if line.is_readable else "mistakes in its spec"


def _show_models(lines: tuple[ModelLine, ...]) -> Iterator[Block]:
    if not lines:
        yield Line("There is no model yet: a model is a file config/models/NAME.yaml.")
    else:
        yield lines_table(lines)


def _show_one(view: ModelView | VersionView) -> Iterator[Block]:
    if isinstance(view, VersionView):
        yield from _show_version(view)
        return
    line = view.line
    yield Line(f"{line.model}  {view.purpose}".rstrip(), "bold")
    said = f"version {line.champion} since {line.since}" if line.champion else "nobody yet"
    yield Line(f"owner {line.owner or '-'}; serving: {said} (epoch {line.epoch})")
    batches = f"{line.batches_accepted} accepted, {line.batches_quarantined} in quarantine"
    yield Line(f"batches: {batches}; standby: {', '.join(map(str, view.standby)) or 'none'}")
    if view.versions:
        rows = [
            (one.number, one.stage.value, one.as_of, size(one.size), one.reason)
            for one in view.versions
        ]
        yield Table(("version", "stage", "at", "size", "reason"), rows)
    if view.rollout is not None:
        now = view.rollout
        what = f"version {now.version} is rolled out: {step_name(now.share)}, {now.state.value}"
        yield Line(f"{what}; `tenure rollout status {now.model}` says more", "yellow")
    if view.halt is not None:
        by = f"{view.halt.by} since {view.halt.since:%Y-%m-%d %H:%M} UTC"
        yield Line(f"automation is halted by {by}: {view.halt.reason}", "yellow")
    if view.cases:
        yield cases_table(view.cases)


def _show_version(view: VersionView) -> Iterator[Block]:
    version, evaluation = view.version, view.evaluation
    now = ", serves now" if view.serves else ""
    yield Line(f"{version.model} {version.number}: {version.stage.value}{now}", "bold")
    yield Line(f"{evaluation.verdict.value}: {evaluation.reason}")
    rows = [(one.name, one.value, one.low, one.high, one.rows) for one in evaluation.metrics]
    yield Table(("metric", "value", "low", "high", "rows"), rows)
    checks = [(one.name, one.outcome.value, one.message) for one in evaluation.checks]
    if checks:
        yield Table(("check", "outcome", "what"), checks)
    if view.candidate:
        made, trained = view.candidate.lineage, view.candidate.training_set
        code = f"{made.code_commit or 'none'}{' (changed since)' if made.code_dirty else ''}"
        rows = [
            ("trained on", f"{trained.rows:,} rows, span {trained.span}, set {trained.digest}"),
            ("snapshots", ", ".join(digest[:12] for digest in trained.snapshots)),
            ("pipeline", f"{made.pipeline} with seed {made.seed}"),
            ("code", code),
            ("spec", made.spec),
            ("cost", f"{made.cpu_s:.2f} CPU s, peak {size(made.peak_memory_bytes)}"),
        ]
        yield Table(("lineage", ""), rows)
    if view.cases:
        yield cases_table(view.cases)
    yield Line(f"artifact {version.object} ({size(version.size)}); page {view.page}")


def _show_history(found: History) -> Iterator[Block]:
    if not found.tenures:
        when = f" at {found.at}" if found.at else " yet"
        yield Line(f"Nobody served as champion of '{found.model}'{when}.")
        return
    if found.at is not None:
        one = found.tenures[0]
        who = f"version {one.version}" if one.version else "nobody (the slot was vacant)"
        yield Line(f"At {found.at} champion of '{found.model}' was {who}.", "bold")
    yield Table(
        ("version", "epoch", "since", "until", "by", "reason"),
        [
            (
                one.version or "vacant",
                one.epoch,
                one.since,
                one.until or "now",
                one.actor,
                one.reason,
            )
            for one in found.tenures
        ],
    )
    if found.cases:
        yield cases_table(found.cases)


COMMANDS = {
    "models": Command(
        function=models, show=_show_models, examples=("tenure models", "tenure models --json")
    ),
    "show": Command(
        function=show,
        show=_show_one,
        examples=("tenure show fraud", "tenure show fraud 7 --json"),
    ),
    "history": Command(
        function=history,
        show=_show_history,
        examples=("tenure history fraud", "tenure history fraud --at 2026-05-03T14:03"),
    ),
}
