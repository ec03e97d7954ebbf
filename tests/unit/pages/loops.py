"""A model that was watched: readings, decisions and cases, as records and in a real ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tenure.records import (
    Action,
    Approval,
    Case,
    CaseState,
    CaseStep,
    Cause,
    Decision,
    Measure,
    Reading,
    RetirementRecord,
    Window,
    canonical,
    digest_of,
    to_json,
)
from tenure.registry import open_ledger, open_store
from tenure.registry.readings import sealed
from tenure.registry.signing import sign
from tenure.workspace import Workspace
from tests.unit.registry import lives

ROBOT, PERSON = "automation:decide", "person:ann"
FIRST = datetime(2026, 9, 7, tzinfo=UTC)
CAUSES = {
    Action.KEEP: Cause.NONE,
    Action.WARN: Cause.DRIFT,
    Action.RETRAIN: Cause.DRIFT,
    Action.RETIRE: Cause.PERFORMANCE,
}


def window(week: int, model: str = "fraud") -> Window:
    start = FIRST + timedelta(weeks=week)
    return Window(model=model, kind="days", start_at=start, end_at=start + timedelta(weeks=1))


def measures(drift: float = 0.05, average_precision: float | None = 0.7) -> tuple[Measure, ...]:
    columns = {"amount": 0.5, "hour": 0.3, "merchant": 0.15, "age": 0.05}
    found = [
        Measure(
            name="drift",
            cause=Cause.DRIFT,
            value=drift * (0.4 + weight),
            column=column,
            method="wasserstein",
            threshold=0.1,
            drifted=drift * (0.4 + weight) > 0.1,
            weight=weight,
        )
        for column, weight in columns.items()
    ]
    share = sum(each.drifted is True for each in found) / 4
    weighted = sum(each.weight or 0 for each in found if each.drifted)
    found += [
        Measure(name="missing_share", cause=Cause.QUALITY, value=0.01, column="amount"),
        Measure(name="drift_share", cause=Cause.DRIFT, value=share),
        Measure(name="weighted_drift_share", cause=Cause.DRIFT, value=weighted),
        Measure(name="volume_ratio", cause=Cause.QUALITY, value=1.03),
        Measure(
            name="metric:average_precision",
            cause=Cause.PERFORMANCE,
            value=average_precision,
            reason="" if average_precision is not None else "No label has arrived yet.",
        ),
    ]
    return tuple(found)


def reading(week: int = 0, model: str = "fraud", version: int = 1, **changes: Any) -> Reading:
    bare = Reading(
        model=model,
        version=version,
        epoch=1,
        window=window(week, model),
        revision=1,
        rows=2050,
        labelled_rows=1800,
        measures=measures(),
        evidently="e1" * 32,
    )
    return sealed(replace(bare, **changes))


def decision(seen: Reading, action: Action = Action.KEEP, **changes: Any) -> Decision:
    bare = Decision(
        id="",
        model=seen.model,
        version=seen.version,
        epoch=seen.epoch,
        action=action,
        wanted=action,
        cause=CAUSES[action],
        rule="" if action is Action.KEEP else f"monitoring.{action.value}.weighted_share",
        reason="Nothing crosses." if action is Action.KEEP else "2 of 3 windows drift, the last.",
        held_back=(),
        readings=(seen.digest,),
        policy="b0" * 32,
    )
    made = replace(bare, **changes)
    return replace(made, id=digest_of(to_json(made)))


def case(decided: Decision, **changes: Any) -> Case:
    made = Case(
        id=decided.id,
        model=decided.model,
        version=decided.version,
        epoch=decided.epoch,
        action=decided.action,
        cause=decided.cause,
        reason=decided.reason,
        state=CaseState.OPEN,
        opened_by=ROBOT,
        opened_at=FIRST + timedelta(weeks=8),
    )
    return replace(made, **changes)


def judge(
    workspace: Workspace, week: int, action: Action = Action.KEEP, *, opens: bool = True, **of: Any
) -> Decision:
    """Put a window and what was decided about it on record; a retrain or retire opens a case."""
    seen = reading(week, **of)
    decided = decision(seen, action)
    acts = opens and action in (Action.RETRAIN, Action.RETIRE)
    opened = case(decided) if acts else None
    return open_ledger(workspace).record_reading(seen, decided, opened, actor=ROBOT)


def serving(workspace: Workspace, model: str = "fraud") -> None:
    """Give a model two versions, of which the second serves."""
    lives.bare_version(workspace, model, "one")
    lives.bare_version(workspace, model, "two")
    lives.promote(workspace, 1, 0, model)
    lives.promote(workspace, 2, 1, model)


STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("verify_successor", {"successor": 1, "kind": "fallback"}),
    ("move_slot", {"epoch": 3}),
    ("drain", {"waited_s": 0.4}),
    ("archive", {"bytes": 412_345}),
)


def retire(workspace: Workspace, decided: Decision) -> Case:
    """Carry a retirement out, step by step, as the ledger sees it."""
    ledger = open_ledger(workspace)
    at = FIRST + timedelta(weeks=9)
    for name, facts in STEPS:
        step = CaseStep(name=name, at=at, actor="automation:retire", facts=facts)
        carried = ledger.note_step(decided.id, step, successor=1)
    record = RetirementRecord(
        case=carried.id,
        model=carried.model,
        version=carried.version,
        cause=carried.cause,
        reason=carried.reason,
        decided_by=ROBOT,
        approvals=(),
        successor=1,
        successor_kind="fallback",
        epoch_before=2,
        epoch_after=3,
        served_from=FIRST,
        served_until=at,
        steps=carried.steps,
        kept={"artifact": "keep", "predictions": "365 days"},
        freed_bytes=412_345,
        memory_freed_bytes=61_000_000,
        closed_at=at,
    )
    signed = sign(canonical(to_json(record)), workspace)
    digest = open_store(workspace).put_bytes(signed)
    return ledger.close_case(
        carried.id,
        actor="automation:retire",
        outcome="Version 2 was retired; version 1 answers.",
        record=digest,
        now=at,
    )


def approval(approved: bool = True, by: str = PERSON) -> Approval:
    at = FIRST + timedelta(weeks=8, hours=3)
    return Approval(by=by, approved=approved, reason="The evidence is clear.", at=at)


def course(workspace: Workspace, weeks: int, worsen: Callable[[int], Action]) -> list[Decision]:
    """Judge a window a week; drift grows with the severity."""
    drift = {Action.KEEP: 0.04, Action.WARN: 0.14, Action.RETRAIN: 0.22, Action.RETIRE: 0.4}
    made = []
    for week in range(weeks):
        action = worsen(week)
        made.append(
            judge(
                workspace,
                week,
                action,
                version=2,
                measures=measures(drift[action], 0.72 - drift[action]),
            )
        )
    return made
