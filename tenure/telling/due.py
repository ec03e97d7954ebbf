"""Which changes of a model have not been told yet, and to whom?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from tenure.errors import TenureError
from tenure.records import Action, AuditRow, Decision, Stage
from tenure.registry import Ledger, open_ledger
from tenure.registry.specs import ORPHANED, spec_in_force
from tenure.spec import ModelSpec, read_all
from tenure.telling.alarms import TROUBLED, WELL
from tenure.workspace import Workspace

NO_OLDER_THAN = timedelta(days=3)
"""A change that could not be told for so long is not told any more."""

DECIDED = ("warning_decided", "retrain_decided", "retirement_decided")
OF_CASES = ("case_opened", "case_answered", "case_lapsed", "case_closed")
OF_HALTS = ("automation_halted", "automation_resumed")
OF_PARTS = (TROUBLED, WELL)
"""What is about no model; told to the platform team, or to everybody where none is named."""
OF_ROLLOUTS = ("rollout_held", "rollout_ended")
TOLD = (*DECIDED, *OF_CASES, *OF_HALTS, *OF_PARTS, *OF_ROLLOUTS, ORPHANED, "stage_changed")
_OUT_OF_OFFICE = (Stage.RETIRED.value, Stage.ARCHIVED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A change that is to be told, and the names of the addresses that do not know it yet."""

    row: AuditRow
    to: tuple[str, ...]

    @property
    def about(self) -> str:
        """The change's name among notices."""
        return f"row {self.row.seq}"


def due_notices(model: str | None, workspace: Workspace) -> list[Due]:
    """Return what a model's people are not told yet, oldest first.

    Of one case only the newest change counts, and a decision that repeats the one before it is no
    news. None asks for what is about all models: a halt of everything.
    """
    names = notified(model, workspace)
    if not names:
        return []
    team = workspace.notify_to or names
    ledger = open_ledger(workspace)
    since = workspace.clock.now() - NO_OLDER_THAN
    rows = news(ledger.happenings(model, TOLD, since=since), ledger)
    if not rows:
        return []
    settled = ledger.settled_notices(model, after_seq=rows[0].seq)
    due = []
    for row in rows:
        whom = team if row.kind in OF_PARTS else names
        left = tuple(name for name in whom if (f"row {row.seq}", name) not in settled)
        due += [Due(row=row, to=left)] if left else []
    return due


def notified(model: str | None, workspace: Workspace) -> tuple[str, ...]:
    """Return the names of the addresses that a model's spec tells; of all for None."""
    if model is None:
        specs = [reading.spec for reading in read_all(workspace) if reading.spec is not None]
        told = [*workspace.notify_to, *(name for spec in specs for name in spec.notify.to)]
        return tuple(dict.fromkeys(told))
    spec = spec_if_any(model, workspace)
    return tuple(dict.fromkeys(spec.notify.to)) if spec else ()


def spec_if_any(model: str, workspace: Workspace) -> ModelSpec | None:
    """Return a model's spec, None where it has none or it cannot be read."""
    try:
        return spec_in_force(model, workspace)
    except TenureError:
        return None


def news(rows: Iterable[AuditRow], ledger: Ledger) -> list[AuditRow]:
    """Return the rows that are worth a message, in their order."""
    newest_of_case: dict[str, int] = {}
    kept = []
    for row in rows:
        case = case_of(row)
        if case:
            newest_of_case[case] = row.seq
        if row.kind == "stage_changed" and not _is_restore(row):
            continue
        if row.kind in DECIDED and not case and _repeats(row, ledger):
            continue
        kept.append(row)
    return [row for row in kept if newest_of_case.get(case_of(row), row.seq) == row.seq]


def case_of(row: AuditRow) -> str:
    """Return the id of the case that a row is about, or nothing."""
    return str(row.body.get("case") or "")


def _is_restore(row: AuditRow) -> bool:
    return row.body["to"] == Stage.VALIDATED.value and row.body["from"] in _OUT_OF_OFFICE


def _repeats(row: AuditRow, ledger: Ledger) -> bool:
    now = ledger.decision(row.body["decision"])
    before = ledger.decision_before(now)
    return (
        before is not None
        and before.action is not Action.KEEP
        and _news_of(before) == _news_of(now)
    )


def _news_of(decision: Decision) -> tuple[object, ...]:
    return decision.version, decision.action, decision.cause, decision.rule, decision.dry_run
