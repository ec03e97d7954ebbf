"""What does a workspace know, when nothing may be made by asking?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tenure.cli.output import Table
from tenure.errors import (
    AmbiguousBatch,
    BadTime,
    BatchNotFound,
    ModelNotFound,
    VersionNotFound,
)
from tenure.spec.mistakes import nearest
from tenure.spec.names import model_names
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.records import Batch, BatchState, Case
    from tenure.registry import Ledger

PAGE = 1_000
SHORTEST_DIGEST = 4


def ledger_if_any(workspace: Workspace) -> Ledger | None:
    """Return the ledger of a workspace that was in use, None otherwise; nothing is made.

    Raises:
        WorkspaceTooNew, WorkspaceTooOld: another release wrote it.
        LedgerMissing, LedgerDamaged: it was in use, and its ledger cannot be opened.
    """
    from tenure.registry.opening import format_file, open_ledger

    return open_ledger(workspace) if format_file(workspace).exists() else None


def must_know(model: str, workspace: Workspace) -> Ledger | None:
    """Return the ledger, if any, once it is clear that the model exists.

    Raises:
        ModelNotFound: neither a spec nor a ledger row bears this name.
    """
    ledger = ledger_if_any(workspace)
    known = {*model_names(workspace), *(ledger.models() if ledger else ())}
    if model not in known:
        near = nearest(model, known)
        said = ", ".join(sorted(known)) or "none"
        raise ModelNotFound(model=model, known=said + (f" ({near})" if near else ""))
    return ledger


def must_have(model: str, version: int, workspace: Workspace) -> Ledger:
    """Return the ledger, once it is clear that the model exists and may have a version.

    Raises:
        ModelNotFound: neither a spec nor a ledger row bears this name.
        VersionNotFound: nothing was ever registered here.
    """
    ledger = must_know(model, workspace)
    if ledger is None:
        raise VersionNotFound(model=model, version=version, newest=0)
    return ledger


def ledger_about(model: str | None, workspace: Workspace) -> Ledger | None:
    """Return the ledger, if any, once it is clear that the model exists; None asks about all.

    Raises:
        ModelNotFound: neither a spec nor a ledger row bears this name.
    """
    return ledger_if_any(workspace) if model is None else must_know(model, workspace)


def count_batches(ledger: Ledger, model: str, state: BatchState) -> int:
    """Return how many of a model's batches are in a state."""
    count, before = 0, None
    while True:
        page = ledger.batches(model, state=state, limit=PAGE, before=before)
        count += len(page)
        if len(page) < PAGE:
            return count
        before = page[-1].seq


def find_batch(ledger: Ledger | None, model: str, beginning: str) -> Batch:
    """Return the batch whose digest begins so.

    Raises:
        BatchNotFound: none does, or fewer than 4 signs were given.
        AmbiguousBatch: several do.
    """
    found: list[Batch] = []
    before: int | None = None
    while ledger is not None and len(beginning) >= SHORTEST_DIGEST:
        page = ledger.batches(model, limit=PAGE, before=before)
        found += [batch for batch in page if batch.digest.startswith(beginning.lower())]
        if len(page) < PAGE:
            break
        before = page[-1].seq
    if not found:
        raise BatchNotFound(model=model, batch=beginning)
    if len(found) > 1:
        raise AmbiguousBatch(model=model, batch=beginning, count=len(found))
    return found[0]


def cases_table(cases: Sequence[Case]) -> Table:
    """Return the table of some cases."""
    return Table(
        ("case", "what", "version", "state", "because of", "opened", "ended", "outcome or reason"),
        [
            (
                case.id[:12],
                case.action.value,
                case.version,
                case.state.value,
                case.cause.value,
                case.opened_at,
                case.closed_at,
                case.outcome or case.reason,
            )
            for case in cases
        ],
    )


def read_time(text: str, option: str = "at") -> datetime:
    """Return a time as UTC; one that carries no zone is meant in this machine's zone.

    >>> read_time("2026-05-03T14:03+02:00").isoformat()
    '2026-05-03T12:03:00+00:00'

    Raises:
        BadTime: it is no time in ISO 8601.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        wanted = "a time such as 2026-05-03T14:03 or 2026-05-03T14:03+02:00"
        raise BadTime(option=option, got=repr(text[:40]), wanted=wanted) from error
