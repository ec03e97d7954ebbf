"""What does not work that only people can mend, and do they know?

An automation that is gone, disabled, silent or failing loses nothing but time, so that nobody would
notice. Each trouble is put on record once, and so is its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from tenure.records import AuditRow
from tenure.registry import open_ledger
from tenure.workspace import Workspace

TROUBLED, WELL = "automation_troubled", "automation_well"
SAID_AGAIN = timedelta(hours=24)
"""An action that fails time and again is told once in this time."""
_LOOKED_BACK = 100


class Kind(StrEnum):
    """What is wrong with an automation."""

    GONE = "gone"
    DISABLED = "disabled"
    SILENT = "silent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An automation that does not do its work, and what to know about it."""

    automation: str
    kind: Kind
    text: str


def note_troubles(
    troubles: Iterable[Trouble], workspace: Workspace, *, actor: str, are_all: bool = True
) -> list[AuditRow]:
    """Put on record which automations do not do their work, and which do again.

    Args:
        troubles: what was found.
        workspace: whose ledger.
        actor: who looked.
        are_all: whether all was looked at; only then an automation without a trouble is well.

    Returns:
        The rows that are new; a trouble that lasts has one.
    """
    ledger, found = open_ledger(workspace), list(troubles)
    rows = ledger.happenings(None, (TROUBLED, WELL), limit=_LOOKED_BACK)
    before = {row.body["automation"]: row for row in rows}
    fresh = []
    for each in found:
        if _is_known(each, before.get(each.automation)):
            continue
        body = {"automation": each.automation, "kind": each.kind.value}
        reason = f"Automation {each.automation}: {each.text}."
        row = {"model": None, "actor": actor, "reason": reason, "evidence": each.automation}
        fresh.append(ledger.note(TROUBLED, **row, body=body))
    troubled = {each.automation for each in found}
    for name, row in before.items():
        lasts = row.kind == TROUBLED and row.body["kind"] != Kind.FAILED
        if are_all and lasts and name not in troubled:
            reason = f"Automation {name} does its work again."
            said = {"model": None, "actor": actor, "reason": reason, "evidence": name}
            fresh.append(ledger.note(WELL, **said, body={"automation": name}))
    return fresh


def _is_known(trouble: Trouble, before: AuditRow | None) -> bool:
    if before is None or before.kind != TROUBLED or before.body["kind"] != trouble.kind:
        return False
    age = datetime.now(UTC) - before.recorded_at
    return trouble.kind is not Kind.FAILED or age < SAID_AGAIN
