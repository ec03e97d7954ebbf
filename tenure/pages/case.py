"""Why was a case opened, who answered, what was done, and how did it end?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tenure.errors import TenureError
from tenure.notices import Links
from tenure.pages.happened import REMARK, remark_rows, told_about
from tenure.pages.paths import case_path, evaluation_path
from tenure.pages.render import when, write_page
from tenure.pages.watched import (
    Seen,
    charts_of,
    policy_if_any,
    read_seen,
    reading_rows,
)
from tenure.records import (
    Action,
    AuditRow,
    Case,
    CaseState,
    Decision,
    RetirementRecord,
)
from tenure.registry import Ledger, open_ledger
from tenure.retirement.record import load_record
from tenure.telling import links_of
from tenure.telling.tell import asked_of
from tenure.workspace import Workspace

BASE = "../../"
"""The way from a case's page to the pages folder."""

STATES = {
    CaseState.WAITING: ("warn", "It waits for approval"),
    CaseState.OPEN: ("warn", "It is being carried out"),
    CaseState.CLOSED: ("good", "It is closed"),
    CaseState.DECLINED: ("", "It was declined; nothing was changed"),
}
OF_CASES = ("case_opened", "case_answered", "case_lapsed", "case_closed")


def write_case_page(case: Case, workspace: Workspace, links: Links | None = None) -> Path:
    """Draw a case: why it was opened, the windows behind it, each step, and its end."""
    ledger = open_ledger(workspace)
    return write_page(
        "case.html",
        case_path(case.model, case.id),
        workspace,
        trail=[
            ("Tenure", f"{BASE}index.html"),
            (case.model, "../index.html"),
            (f"case {case.id[:12]}", None),
        ],
        **case_facts(case, ledger, workspace),
        links=links or links_of(workspace),
    )


def case_facts(case: Case, ledger: Ledger, workspace: Workspace) -> dict[str, Any]:
    """Return what the template names."""
    decision = ledger.decisions_of([case.id]).get(case.id)
    policy = policy_if_any(case.model, workspace)
    seen = _until(read_seen(case.model, ledger, policy), decision, case)
    changes = _changes(case, ledger)
    retired = case.action is Action.RETIRE and case.record is not None
    tone, headline = STATES[case.state]
    return {
        "case": case,
        "decision": decision,
        "tone": "bad" if retired else tone,
        "headline": f"Version {case.version} was retired" if retired else headline,
        "title": case_title(case),
        "charts": charts_of(seen, policy),
        "windows": reading_rows(_cited(seen, decision), {}, BASE, workspace),
        "version_link": BASE + evaluation_path(case.model, case.version),
        "successor_link": BASE + evaluation_path(case.model, case.successor or 0),
        "changes": changes,
        "told": told_about([row.seq for row in changes], case.model, ledger),
        "remarks": remark_rows(_remarks(case, ledger), case.model, BASE),
        "record": read_record(case, workspace),
        "commands": commands(case),
        "asked": asked_of(case, workspace),
    }


def case_title(case: Case) -> str:
    """Return what a case is about, in a few words."""
    verbs = {Action.RETIRE: "Retire", Action.RETRAIN: "Retrain", Action.PROMOTE: "Promote"}
    verb = verbs.get(case.action, "Look at")
    return f"{verb} version {case.version}"


def commands(case: Case) -> list[tuple[str, str]]:
    """Return what a person might do about a case: (why, command)."""
    halt = ("Stop automation", f'tenure halt {case.model} --reason "…"')
    id12 = case.id[:12]
    match case.state:
        case CaseState.WAITING:
            return [("Answer it", f'tenure approve {id12} --reason "…"'), halt]
        case CaseState.OPEN:
            return [halt]
        case CaseState.CLOSED if case.action is Action.RETIRE:
            restore = f'tenure restore {case.model} {case.version} --reason "…"'
            return [("Take it back", restore)]
        case _:
            return []


def read_record(case: Case, workspace: Workspace) -> RetirementRecord | None:
    """Return the signed record that a retirement ended with, None where there is none to trust."""
    if case.record is None:
        return None
    try:
        return load_record(case, workspace)
    except (TenureError, ValueError):
        return None


def _until(seen: list[Seen], decision: Decision | None, case: Case) -> list[Seen]:
    """Return what had been seen when the case was opened."""
    digest = decision.readings[-1] if decision and decision.readings else None
    for place, one in enumerate(seen):
        if one.reading.digest == digest:
            return seen[: place + 1]
    return [one for one in seen if one.reading.as_of and one.reading.as_of <= case.opened_at]


def _cited(seen: list[Seen], decision: Decision | None) -> list[Seen]:
    cited = set(decision.readings) if decision else set()
    return [one for one in seen if one.reading.digest in cited][-12:]


def _changes(case: Case, ledger: Ledger) -> list[AuditRow]:
    kinds = (*OF_CASES, "retrain_decided", "retirement_decided", "warning_decided")
    rows = ledger.happenings(case.model, kinds)
    return [row for row in rows if row.body.get("case") == case.id]


def _remarks(case: Case, ledger: Ledger) -> list[AuditRow]:
    rows = ledger.happenings(case.model, (REMARK,))
    return [row for row in rows if row.body.get("case") == case.id]


def case_rows(cases: Sequence[Case], model: str) -> list[dict[str, Any]]:
    """Return cases as a model's page lists them, newest first."""
    return [
        {
            "case": case,
            "title": case_title(case),
            "link": case_path(model, case.id).removeprefix(f"{model}/"),
            "state": STATES[case.state],
            "ended": when(case.closed_at) if case.closed_at else "",
        }
        for case in reversed(cases)
    ]
