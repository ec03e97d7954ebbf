"""What does a platform team see of a run in Prefect's pages?

Tables, markdown and links under keys of a model, so that each run adds a version to what its model
has shown before. Showing never decides: where the server cannot be reached the run goes on without.
Nothing here holds a value out of a row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from tasks.addresses import endpoint_address
from tenure.records import (
    Assignment,
    Batch,
    BatchState,
    Evaluation,
    MetricValue,
    Outcome,
    ValidationReport,
    Version,
)
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.serving import Acknowledgement, ScoreSummary
    from tenure.training import TrainingPlan

log = logging.getLogger(__name__)

EVERY_S = 1.0
SIGN = {Outcome.PASS: "✓", Outcome.WARN: "!", Outcome.FAIL: "✗", Outcome.UNKNOWN: "?"}


def show(make: Callable[..., Any], **content: Any) -> Any:
    """Make an artifact; where the server does not answer the run goes on without it."""
    try:
        return make(**content)
    except (httpx.HTTPError, PrefectException) as error:
        log.warning("Nothing is shown of this, the server does not answer: %s", error)
        return None


def page(model: str, kind: str, file: Path, workspace: Workspace, text: str) -> None:
    """Link to a page that was drawn; to its file where no server shows it."""
    address = endpoint_address(workspace)
    place = file.relative_to(workspace.pages).as_posix()
    link = f"{address}/pages/{place}" if address else file.as_uri()
    key = f"{kind}-page-{model}"
    show(create_link_artifact, key=key, link=link, link_text=text, description=f"{text}: {link}")


def validation(report: ValidationReport, batch: Batch) -> None:
    """Show what was found in a batch, and what became of it."""
    found = [
        {
            "": SIGN[violation.outcome],
            "rule": violation.rule,
            "column": violation.column or "(batch)",
            "rows": violation.rows,
            "what": violation.message,
        }
        for violation in report.violations
    ] or [{"": SIGN[Outcome.PASS], "rule": f"all {report.checks} checks", "what": "nothing found"}]
    is_in = batch.state is BatchState.ACCEPTED
    split = f", {report.rejected_rows} of them split off" if is_in and report.rejected_rows else ""
    words = f"**{batch.name}** of *{batch.model}*: {batch.state.value}, {report.rows} rows{split}. "
    words += batch.reason or ""
    show(create_table_artifact, key=f"validation-{batch.model}", table=found, description=words)


def training_sets(plan: TrainingPlan) -> None:
    """Show which data the fits of a plan use."""
    table = [
        {
            "span": order.training_set.span,
            "rows": order.training_set.rows,
            "snapshots": len(order.training_set.snapshots),
            "from": _day(order.training_set.start_at),
            "to": _day(order.training_set.end_at),
            "holds out": "yes" if order.holdout else "no",
            "training set": order.training_set.digest[:12],
        }
        for order in plan.fits
    ]
    show(
        create_table_artifact,
        key=f"training-sets-{plan.model}",
        table=table,
        description=" ".join(
            [f"What the fits of **{plan.model}** use; judged by *{plan.mode}*.", *plan.notes]
        ),
    )


def _day(at: Any) -> str:
    return at.date().isoformat() if at else ""


class Progress:
    """A progress bar in the run's artifacts: how many of how many steps are done."""

    def __init__(self, key: str, description: str) -> None:
        self.bar = show(create_progress_artifact, progress=0, key=key, description=description)
        self._said_at = time.monotonic()

    def show(self, done: int, total: int, _next: str = "") -> None:
        """Say how far it has come."""
        if self.bar is not None:
            share = 100 * done / max(total, 1)
            show(update_progress_artifact, artifact_id=self.bar, progress=share)

    def say(self, share: float, words: str, *, is_over: bool) -> None:
        """Say how far it has come (0 to 1), in words too; at most once a second but at the end."""
        if self.bar is None or not (is_over or time.monotonic() - self._said_at > EVERY_S):
            return
        self._said_at = time.monotonic()
        said = {"progress": 100 * min(share, 1.0), "description": words}
        show(update_progress_artifact, artifact_id=self.bar, **said)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _interval(metric: MetricValue) -> str:
    return "" if metric.low is None else f"{_number(metric.low)} … {_number(metric.high)}"


def evaluation(judged: Evaluation) -> None:
    """Show the gate's questions and answers, and the candidate's metrics."""
    model = judged.model
    checks = [
        {
            "": SIGN[check.outcome],
            "check": check.name,
            "wanted": check.wanted,
            "got": check.got,
            "answer": check.message,
        }
        for check in judged.checks
    ]
    verdict = f"**{judged.verdict.value}**: {judged.reason}"
    show(create_table_artifact, key=f"gate-{model}", table=checks, description=verdict)
    metrics = [
        {
            "metric": metric.name + (" (primary)" if metric.name == judged.primary else ""),
            "value": _number(metric.value),
            "95 % interval": _interval(metric),
            "rows": metric.rows,
        }
        for metric in judged.metrics
    ]
    show(create_table_artifact, key=f"metrics-{model}", table=metrics, description=verdict)


def version(made: Version) -> None:
    """Show a version's identities."""
    lines = [
        f"# {made.model} version {made.number}: {made.stage.value}",
        made.reason,
        "",
        "| what | identity |",
        "|---|---|",
        f"| candidate | `{made.candidate}` |",
        f"| artifact | `{made.object}` ({made.size:,} bytes) |",
        f"| manifest | `{made.manifest}` |",
        f"| training set | `{made.training_set}` |",
        f"| evaluation | `{made.evaluation}` |",
    ]
    words = f"Version {made.number} of **{made.model}** is {made.stage.value}. {made.reason}"
    markdown, key = "\n".join(lines), f"version-{made.model}"
    show(create_markdown_artifact, key=key, markdown=markdown, description=words)


def assignment(placed: Assignment) -> None:
    """Show who holds a slot now, and why."""
    text = (
        f"# {placed.model}: version {placed.version} is {placed.slot.value}\n"
        f"{placed.reason}\n\n*Epoch {placed.epoch}, since {placed.since:%Y-%m-%d %H:%M:%S %Z}, "
        f"by {placed.actor}.*"
    )
    words = f"Version {placed.version} of **{placed.model}** serves. {placed.reason}"
    key = f"{placed.slot.value}-{placed.model}"
    show(create_markdown_artifact, key=key, markdown=text, description=words)


def table(key: str, rows: list[dict[str, Any]], description: str) -> None:
    """Show rows of a summary."""
    show(create_table_artifact, key=key, table=rows, description=description)


def scoring(summary: ScoreSummary) -> None:
    """Show which files were scored, by which versions, and what could not be."""
    rows = [{"file": name, "": SIGN[Outcome.PASS], "what": "scored"} for name in summary.scored]
    rows += [
        {"file": name, "": SIGN[Outcome.FAIL], "what": reason} for name, reason in summary.failed
    ]
    rows += [{"file": name, "": "…", "what": "still being written"} for name in summary.waiting]
    versions = ", ".join(map(str, summary.versions)) or "none"
    words = f"**{summary.model}**: {summary.rows} rows into {summary.destination} by version(s) "
    table(f"scored-{summary.model}", rows, f"{words}{versions}; {summary.known} known before.")


def roll_out(followed: Acknowledgement) -> None:
    """Show how many of the prediction server's processes serve a slot's new epoch."""
    rows = [{"processes": followed.processes, "serving": followed.serving, "": ""}]
    rows += [{"processes": "", "serving": "", "": reason} for reason in followed.refused]
    words = f"**{followed.model}** at epoch {followed.epoch}, after {followed.waited_s:.1f} s."
    table(f"roll-out-{followed.model}", rows, words)
