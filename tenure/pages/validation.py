"""What was found in a batch, rule by rule, and which rows were split off?

Rules, columns and counts stand on this page; a value of a row never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tenure.errors import BatchNotFound
from tenure.pages.happened import remark_rows, remarks_about
from tenure.pages.paths import batch_path
from tenure.pages.render import write_page
from tenure.pages.rows import Interval, bars
from tenure.pages.svg import count
from tenure.records import Batch, BatchState, Column, Outcome, ValidationReport
from tenure.registry import Ledger, open_ledger
from tenure.workspace import Workspace

HEADLINES = {
    Outcome.PASS: "Every rule holds",
    Outcome.WARN: "Usable, with warnings",
    Outcome.FAIL: "Not usable: kept in quarantine",
    Outcome.UNKNOWN: "Could not be judged, so it does not count",
}

CONSEQUENCES = {"batch": "the batch", "rows": "rows split off", "tag": "rows tagged"}
CONSEQUENCES_REFUSED = {
    "batch": "the batch",
    "rows": "none: the batch is refused",
    "tag": "none: the batch is refused",
}


def write_validation_page(report: ValidationReport, workspace: Workspace) -> Path:
    """Draw the page of a batch from its validation report.

    Raises:
        BatchNotFound: the ledger knows no such batch.
    """
    ledger = open_ledger(workspace)
    batch = ledger.batch(report.model, report.batch)
    if batch is None:
        raise BatchNotFound(model=report.model, batch=report.batch[:12])
    columns = _columns(batch, ledger)
    said = remarks_about(ledger, report.model, batch=report.batch)
    remarks = remark_rows(said, report.model, "../../")
    return write_page(
        "validation.html",
        batch_path(report.model, report.batch),
        workspace,
        trail=[
            ("Tenure", "../../index.html"),
            (report.model, "../index.html"),
            (batch.name, None),
        ],
        **validation_facts(report, batch, columns, remarks=remarks),
    )


def validation_facts(
    report: ValidationReport,
    batch: Batch,
    columns: tuple[Column, ...],
    *,
    remarks: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return what the template names, from the records alone."""
    troubled = {v.column: v.outcome for v in report.violations if v.column}
    refused = report.outcome in (Outcome.FAIL, Outcome.UNKNOWN)
    split = report.rejected_rows and not refused and batch.state is not BatchState.QUARANTINED
    return {
        "report": report,
        "batch": batch,
        "columns": columns,
        "remarks": remarks,
        "troubled": troubled,
        "headline": HEADLINES[report.outcome],
        "sentence": _sentence(report, batch),
        "kept_rows": report.rows - report.rejected_rows if split else report.rows,
        "split": split,
        "refused": refused,
        "chart": _failing_rows(report),
        "consequences": CONSEQUENCES_REFUSED if refused else CONSEQUENCES,
    }


def _sentence(report: ValidationReport, batch: Batch) -> str:
    if batch.reason:
        return batch.reason
    failing = [v for v in report.violations if v.outcome is not Outcome.PASS]
    if not failing:
        return f"{report.checks} checks on {report.rows} rows found nothing."
    return failing[0].message if len(failing) == 1 else f"{len(failing)} findings, listed below."


def _failing_rows(report: ValidationReport) -> Markup | None:
    """Draw how many rows each finding concerns, None where none names rows."""
    counted = [v for v in report.violations if v.rows]
    if not counted:
        return None
    role = {Outcome.FAIL: "bad", Outcome.WARN: "warn"}
    return bars(
        "Rows that break a rule",
        [
            Interval(
                label=f"{v.rule} {v.column or ''}".strip(),
                value=float(v.rows or 0),
                role=role.get(v.outcome, "quiet"),
            )
            for v in sorted(counted, key=lambda v: -(v.rows or 0))
        ],
        label=f"rows, of {count(report.rows)}",
        note="A row may break several.",
        whole=True,
        wide=True,
    )


def _columns(batch: Batch, ledger: Ledger) -> tuple[Column, ...]:
    """Return the batch's columns if it was accepted, else those that the model expects."""
    if batch.snapshot is not None:
        snapshot = ledger.snapshot(batch.model, batch.snapshot)
        return snapshot.columns if snapshot else ()
    return ledger.contract(batch.model) or ()
