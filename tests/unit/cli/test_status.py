"""What a person has to know at once stands in the status: halts, and cases that are not over."""

from __future__ import annotations

from datetime import UTC, datetime

from tenure.records import Action, Case, CaseState, Cause
from tenure.registry import open_ledger
from tests.unit.cli.calling import Shell


def test_what_is_halted_and_what_waits_is_named(shell: Shell) -> None:
    ledger = open_ledger(shell.workspace)
    ledger.halt("fraud", actor="person:ann", reason="the feed is looked at")
    waiting = Case(
        id="c" * 64,
        model="fraud",
        version=7,
        epoch=3,
        action=Action.RETIRE,
        cause=Cause.PERFORMANCE,
        reason="accuracy 0.31 is below 0.5.",
        state=CaseState.WAITING,
        opened_by="person:bob",
        opened_at=datetime(2026, 5, 3, tzinfo=UTC),
        approvals_wanted=1,
    )
    ledger.open_case(waiting, actor="person:bob", evidence="readings")
    said = shell("status").out
    assert "automation of 'fraud' is halted by person:ann: the feed is looked at" in said
    assert f"case {'c' * 12}: retire version 7 of 'fraud', waiting. accuracy 0.31" in said
    ledger.resume("fraud", actor="person:ann", reason="the feed is right")
    assert "is halted by" not in shell("status").out
    assert '"cases"' in shell("status", "--json").out
