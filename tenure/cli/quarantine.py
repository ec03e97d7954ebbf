"""Which batches were refused, why, and how is one judged again?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from tenure.cli.command import (
    AnyModel,
    Command,
    Model,
    ProjectFolder,
    Reason,
    WorkspaceFolder,
    actor,
    must_say,
)
from tenure.cli.looking import PAGE, find_batch, ledger_if_any, must_know
from tenure.cli.output import Block, Line, Table, size
from tenure.errors import BatchNotFound
from tenure.records import Batch, BatchState, ValidationReport
from tenure.workspace import Workspace, open_workspace

Digest = Annotated[str, typer.Argument(help="The batch's digest, or how it begins (4 signs).")]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch and what its validation found; `page` is the file with the result page."""

    batch: Batch
    report: ValidationReport | None
    page: str


def list(  # noqa: A001
    model: AnyModel = None,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> tuple[Batch, ...]:
    """List the batches in quarantine, newest first, at most a thousand.

    Raises:
        ModelNotFound: there is no such model.
    """
    opened = open_workspace(workspace, project)
    ledger = must_know(model, opened) if model is not None else ledger_if_any(opened)
    if ledger is None:
        return ()
    return tuple(ledger.batches(model, state=BatchState.QUARANTINED, limit=PAGE))


def show(
    model: Model,
    batch: Digest,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> BatchView:
    """Show why a batch was refused: rules, columns and counts, never a row's value.

    Raises:
        ModelNotFound, BatchNotFound, AmbiguousBatch: it is not clear which batch is meant.
    """
    from tenure.pages.paths import batch_path

    opened = open_workspace(workspace, project)
    found = find_batch(must_know(model, opened), model, batch)
    return BatchView(
        batch=found,
        report=_report(found, opened),
        page=str(opened.pages / batch_path(model, found.digest)),
    )


def readmit(
    model: Model,
    batch: Digest,
    *,
    reason: Reason,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Batch:
    """Let a refused batch be judged again, by today's spec and suite.

    It leaves quarantine and is judged by the next `tenure ingest`, or by the watcher.

    Raises:
        ModelNotFound, BatchNotFound, AmbiguousBatch: it is not clear which batch is meant.
        BatchIsSettled: it is not in quarantine.
    """
    from tenure import intake

    opened = open_workspace(workspace, project)
    ledger = must_know(model, opened)
    if ledger is None:
        raise BatchNotFound(model=model, batch=batch)
    found = find_batch(ledger, model, batch)
    return intake.readmit(model, found.digest, opened, actor=actor(), reason=must_say(reason))


def _report(batch: Batch, workspace: Workspace) -> ValidationReport | None:
    if batch.report is None:
        return None
    from tenure.validation import load_report

    return load_report(batch.report, workspace)


def _show_list(batches: tuple[Batch, ...]) -> Iterator[Block]:
    if not batches:
        yield Line("Nothing is in quarantine.")
        return
    yield Table(
        ("model", "batch", "file", "arrived", "size", "reason"),
        [
            (one.model, one.digest[:12], one.name, one.arrived_at, size(one.size), one.reason)
            for one in batches
        ],
    )


def _show_one(view: BatchView) -> Iterator[Block]:
    batch, report = view.batch, view.report
    yield Line(f"{batch.model} {batch.digest[:12]} {batch.name}: {batch.state.value}", "bold")
    if batch.reason:
        yield Line(batch.reason)
    if report is not None:
        yield Line(f"{report.rows:,} rows, {report.checks} checks: {report.outcome.value}")
        rows = [
            (one.outcome.value, one.kind.value, one.column, one.rows, one.message)
            for one in report.violations
        ]
        if rows:
            yield Table(("outcome", "kind", "column", "rows", "what"), rows)
    yield Line(f"page {view.page}")


def _show_readmitted(batch: Batch) -> Iterator[Block]:
    yield Line(f"Batch {batch.digest[:12]} of '{batch.model}' is {batch.state.value}.", "green")
    if batch.state is BatchState.ARRIVED:
        yield Line(f"`tenure ingest {batch.model}` judges it now.")


COMMANDS = {
    "list": Command(
        function=list,
        show=_show_list,
        examples=("tenure quarantine list", "tenure quarantine list fraud --json"),
    ),
    "show": Command(
        function=show, show=_show_one, examples=("tenure quarantine show fraud 9f2c41",)
    ),
    "readmit": Command(
        function=readmit,
        show=_show_readmitted,
        examples=('tenure quarantine readmit fraud 9f2c41 --reason "the rule was too narrow"',),
    ),
}
