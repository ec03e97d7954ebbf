"""What else happened to a model: who was halted when, what people remarked, who was told?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tenure.pages.paths import batch_path, case_path, evaluation_path
from tenure.records import AuditRow
from tenure.registry import Ledger

OF_HALTS = ("automation_halted", "automation_resumed")
OF_NOTICES = ("notice_sent", "notice_failed", "notice_lost")
REMARK = "remark"
SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stretch of time in which automation was halted; `until` None while it is."""

    since: datetime
    until: datetime | None
    by: str
    reason: str
    of_all: bool


def read_stops(model: str, ledger: Ledger) -> list[Stop]:
    """Return when automation of a model was halted, those of all models too, oldest first."""
    stops = []
    for scope in (model, None):
        began: AuditRow | None = None
        for row in ledger.happenings(scope, OF_HALTS, limit=SHOWN):
            if row.kind == "automation_halted":
                began = row
            elif began is not None:
                stops.append(_stop(began, row.as_of))
                began = None
        stops += [_stop(began, None)] if began else []
    return sorted(stops, key=lambda one: one.since)


def _stop(row: AuditRow, until: datetime | None) -> Stop:
    return Stop(
        since=row.as_of, until=until, by=row.actor, reason=row.reason, of_all=row.model is None
    )


def read_remarks(model: str, ledger: Ledger) -> list[AuditRow]:
    """Return what people remarked on a model and its parts, oldest first."""
    return ledger.happenings(model, (REMARK,), limit=SHOWN)


def remarks_about(ledger: Ledger, model: str, **part: object) -> list[AuditRow]:
    """Return what people remarked on one part of a model, as `version=7`, oldest first."""
    return [
        row
        for row in read_remarks(model, ledger)
        if "case" not in row.body and all(row.body.get(name) == it for name, it in part.items())
    ]


def remark_rows(remarks: Sequence[AuditRow], model: str, base: str) -> list[dict[str, Any]]:
    """Return remarks as a page lists them, newest first; `base` leads to the pages folder."""
    return [{"row": row, **_subject(row, model, base)} for row in reversed(remarks)]


def _subject(row: AuditRow, model: str, base: str) -> dict[str, Any]:
    match row.body:
        case {"case": str(case)}:
            return {"about": f"case {case[:12]}", "link": base + case_path(model, case)}
        case {"batch": str(batch)}:
            return {"about": f"batch {batch[:12]}", "link": base + batch_path(model, batch)}
        case {"version": int(number)}:
            return {"about": f"version {number}", "link": base + evaluation_path(model, number)}
        case _:
            return {"about": "the model", "link": None}


def told_about(rows: Sequence[int], model: str, ledger: Ledger) -> list[AuditRow]:
    """Return who was told of some audit rows, or could not be, oldest first."""
    wanted = {f"row {seq}" for seq in rows}
    found = ledger.happenings(model, OF_NOTICES, limit=SHOWN)
    return [row for row in found if row.body["about"] in wanted]
