"""Does a judged batch become a snapshot, or does it go to quarantine?

Once, whatever runs twice: the ledger's row decides. The bytes and the report of a bad batch are in
the store before its row says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tenure.errors import BatchNotFound, BytesNotKept
from tenure.intake.fetching import has_bytes, keep_bytes
from tenure.intake.staging import stage, time_bounds
from tenure.records import (
    Batch,
    BatchState,
    Outcome,
    Snapshot,
    Staged,
    ValidationReport,
    ViolationKind,
)
from tenure.registry import open_ledger, open_store
from tenure.registry.arrow import read_table, with_categories, write_table
from tenure.registry.specs import spec_in_force

if TYPE_CHECKING:
    from tenure.workspace import Workspace

ACCEPTED = (Outcome.PASS, Outcome.WARN)


def admit(staged: Staged, report: ValidationReport, workspace: Workspace, *, actor: str) -> Batch:
    """Accept a batch as a snapshot, without the rows that were split off, or quarantine it.

    The first good batch pins the model's columns. A batch that was settled before stays as it is.

    Raises:
        BatchNotFound: no such batch arrived.
    """
    ledger = open_ledger(workspace)
    batch = ledger.batch(staged.model, staged.batch)
    if batch is None:
        raise BatchNotFound(model=staged.model, batch=staged.batch)
    if batch.state is not BatchState.ARRIVED:
        return batch
    if staged.object is None or report.outcome not in ACCEPTED:
        spec = spec_in_force(staged.model, workspace)
        kept = keep_bytes(batch, spec, workspace, sealed=staged.sealed)
        return ledger.quarantine_batch(
            staged.model,
            staged.batch,
            report=report.digest,
            kept_object=kept,
            reason=why_refused(report),
            actor=actor,
        )
    ledger.accept_batch(
        _snapshot(staged, report, workspace),
        actor=actor,
        reason=_why_accepted(report),
        pin=staged.arrival or None,
    )
    return ledger.batch(staged.model, staged.batch) or batch


def why_refused(report: ValidationReport) -> str:
    """Return in one line why a batch was refused."""
    wrong = [v for v in report.violations if v.outcome in (Outcome.FAIL, Outcome.UNKNOWN)]
    if not wrong:
        return "Its validation did not say that it is good."
    more = f" ({len(wrong) - 1} more findings)" if len(wrong) > 1 else ""
    return wrong[0].message + more


def _why_accepted(report: ValidationReport) -> str:
    split = f" {report.rejected_rows} rows were split off." if report.rejected_rows else ""
    warned = sum(v.outcome is Outcome.WARN for v in report.violations)
    notes = f", {warned} with a warning" if warned else ""
    return f"{report.checks} checks on {report.rows} rows passed{notes}.{split}"


def _snapshot(staged: Staged, report: ValidationReport, workspace: Workspace) -> Snapshot:
    assert staged.object is not None
    assert staged.digest is not None
    facts: dict[str, Any] = {
        "digest": staged.digest,
        "object": staged.object,
        "size": staged.size,
        "rows": staged.rows,
        "columns": staged.columns,
        "start_at": staged.start_at,
        "end_at": staged.end_at,
    }
    if report.rejected_rows:
        facts = _without_rejected(staged, report, workspace)
    return Snapshot(model=staged.model, batch=staged.batch, report=report.digest, **facts)


def _without_rejected(
    staged: Staged, report: ValidationReport, workspace: Workspace
) -> dict[str, Any]:
    import numpy as np

    assert staged.object is not None
    keep = np.ones(staged.rows, dtype=bool)
    keep[rejected_positions(report, workspace)] = False
    table = read_table(staged.object, workspace).filter(keep)
    columns = with_categories(table, staged.columns)
    object_digest, size, digest = write_table(table, columns, workspace)
    start_at, end_at = time_bounds(table, columns, spec_in_force(staged.model, workspace))
    return {
        "digest": digest,
        "object": object_digest,
        "size": size,
        "rows": table.num_rows,
        "columns": columns,
        "start_at": start_at,
        "end_at": end_at,
    }


def rejected_positions(report: ValidationReport, workspace: Workspace) -> list[int]:
    """Return the positions of the rows that rules with `reject: rows` split off, sorted."""
    if report.failed_rows is None:
        return []
    by_rule = open_store(workspace).get_json(report.failed_rows)
    rules = {violation.rule for violation in report.violations if violation.action == "rows"}
    return sorted({row for rule in rules for row in by_rule.get(rule, ())})


def readmit(
    model: str,
    digest: str,
    workspace: Workspace,
    *,
    actor: str,
    reason: str,
    judge: Callable[[Staged, Workspace], ValidationReport] | None = None,
) -> Batch:
    """Let a quarantined batch be judged again, under today's spec, from the bytes that were kept.

    Args:
        model: its name.
        digest: of the batch.
        workspace: where the ledger is.
        actor: who wants it.
        reason: why; it goes on record.
        judge: `tenure.validation.validate`, to judge it here and now; without it the batch is
            marked as arrived, and the next `ingest` judges it.

    Raises:
        BatchNotFound: no such batch arrived.
        BatchIsSettled: it was accepted.
        BytesNotKept: neither the store nor the source has its bytes.
    """
    ledger = open_ledger(workspace)
    batch = ledger.batch(model, digest)
    if batch is None:
        raise BatchNotFound(model=model, batch=digest)
    if batch.state is BatchState.QUARANTINED and not has_bytes(
        batch, spec_in_force(model, workspace), workspace
    ):
        raise BytesNotKept(model=model, batch=digest[:12])
    batch = ledger.readmit_batch(model, digest, actor=actor, reason=reason)
    if judge is None:
        return batch
    staged = stage(batch, workspace)
    return admit(staged, judge(staged, workspace), workspace, actor=actor)


def is_personal(report: ValidationReport) -> bool:
    """Say whether a batch was refused because it holds personal data that nobody declared."""
    return any(violation.kind is ViolationKind.PERSONAL for violation in report.violations)
