"""What lies in quarantine, and why?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenure.errors import BatchNotFound
from tenure.intake.fetching import is_kept_sealed
from tenure.records import Batch, BatchState, Outcome, ValidationReport, Violation, from_json
from tenure.registry import open_ledger, open_store

if TYPE_CHECKING:
    from tenure.workspace import Workspace

_ALL = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A batch in quarantine, with what was found in it.

    Attributes:
        batch: its row; `reason` is the one line.
        report: what validation found, None if it cannot be read any more.
        wrong: the findings that keep it there, in order.
        sealed: whether its bytes are kept sealed; None if none are kept.
    """

    batch: Batch
    report: ValidationReport | None
    wrong: tuple[Violation, ...]
    sealed: bool | None


def quarantined(
    workspace: Workspace,
    model: str | None = None,
    *,
    limit: int = 100,
    before: int | None = None,
) -> list[Batch]:
    """Return the batches in quarantine, newest first; of one model or of all."""
    return open_ledger(workspace).batches(
        model, state=BatchState.QUARANTINED, limit=limit, before=before
    )


def show_quarantined(model: str, digest: str, workspace: Workspace) -> Quarantined:
    """Return one batch with its findings; `digest` may be cut short.

    Raises:
        BatchNotFound: the model has no batch, or more than one, whose digest begins so.
    """
    batch = find_batch(model, digest, workspace)
    report = None
    if batch.report is not None:
        kept = open_store(workspace).get_json(batch.report)
        report = from_json(ValidationReport, {**kept, "digest": batch.report})
    wrong = tuple(
        violation
        for violation in (report.violations if report else ())
        if violation.outcome in (Outcome.FAIL, Outcome.UNKNOWN)
    )
    sealed = is_kept_sealed(batch) if batch.kept_object else None
    return Quarantined(batch=batch, report=report, wrong=wrong, sealed=sealed)


def find_batch(model: str, digest: str, workspace: Workspace) -> Batch:
    """Return the model's only batch whose digest begins with `digest`; raises as `show`."""
    ledger = open_ledger(workspace)
    exact = ledger.batch(model, digest)
    if exact is not None:
        return exact
    found = [
        batch for batch in ledger.batches(model, limit=_ALL) if batch.digest.startswith(digest)
    ]
    if len(found) != 1 or not digest:
        raise BatchNotFound(model=model, batch=digest)
    return found[0]
