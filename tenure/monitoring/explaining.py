"""Why was something decided? The case, its decision, the readings and the rule, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tenure.errors import CaseNotFound
from tenure.records import Case, Decision, Measure, Reading, to_json
from tenure.registry import Ledger, open_ledger
from tenure.telling.tell import asked_of
from tenure.workspace import Workspace

MOST_MEASURES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What led to a case or a decision; `decision` is None where a person opened the case.

    `asked` says how often the version of a retirement was asked lately.
    """

    case: Case | None
    decision: Decision | None
    readings: tuple[Reading, ...]
    asked: str = ""

    @property
    def text(self) -> list[str]:
        """The explanation in lines, for people."""
        lines = _case_lines(self.case) if self.case else []
        lines += (
            [f"  version {self.case.version}: {self.asked}"] if self.case and self.asked else []
        )
        if self.decision:
            lines += _decision_lines(self.decision)
        for reading in self.readings:
            lines += _reading_lines(reading)
        return lines

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain JSON values."""
        return {
            "case": to_json(self.case) if self.case else None,
            "decision": to_json(self.decision) if self.decision else None,
            "readings": [to_json(reading) for reading in self.readings],
            "asked": self.asked,
        }


def explain(id: str, workspace: Workspace) -> Explanation:  # noqa: A002
    """Return what led to a case or a decision, by its id or (of a case) the beginning of it.

    Raises:
        CaseNotFound: there is neither a case nor a decision of this id.
        AmbiguousCase: more than one case begins so.
    """
    ledger = open_ledger(workspace)
    case = _case(ledger, id)
    decision = _decision(ledger, case.id if case else id)
    if case is None and decision is None:
        raise CaseNotFound(case=id[:64])
    found = [ledger.reading(digest) for digest in decision.readings] if decision else []
    readings = tuple(reading for reading in found if reading is not None)
    asked = asked_of(case, workspace) if case else ""
    return Explanation(case=case, decision=decision, readings=readings, asked=asked)


def _case(ledger: Ledger, id: str) -> Case | None:  # noqa: A002
    try:
        return ledger.case(id)
    except CaseNotFound:
        return None


def _decision(ledger: Ledger, id: str) -> Decision | None:  # noqa: A002
    from tenure.errors import DecisionNotFound

    try:
        return ledger.decision(id)
    except DecisionNotFound:
        return None


def _case_lines(case: Case) -> list[str]:
    lines = [
        f"Case {case.id[:12]}: {case.action.value} version {case.version} of '{case.model}', "
        f"because of {case.cause.value}; {case.state.value}.",
        f"  opened {case.opened_at:%Y-%m-%d %H:%M} UTC by {case.opened_by}: {case.reason}",
    ]
    if case.approvals_wanted:
        until = f" until {case.deadline_at:%Y-%m-%d %H:%M} UTC" if case.deadline_at else ""
        lines.append(f"  wants {case.approvals_wanted} approval(s){until}; then: {case.on_timeout}")
    for answer in case.approvals:
        said = "approved" if answer.approved else "declined"
        lines.append(f"  {answer.by} {said} at {answer.at:%Y-%m-%d %H:%M} UTC: {answer.reason}")
    for step in case.steps:
        facts = ", ".join(f"{name} {value}" for name, value in step.facts.items())
        lines.append(f"  {step.at:%Y-%m-%d %H:%M:%S} {step.name}: {facts}")
    if case.outcome:
        lines.append(f"  outcome: {case.outcome}")
    return lines


def _decision_lines(decision: Decision) -> list[str]:
    dry = " (dry run: nothing was done)" if decision.dry_run else ""
    lines = [f"Decision {decision.action.value}{dry}, by {decision.rule}: {decision.reason}"]
    if decision.wanted is not decision.action:
        lines.append(f"  the rung asked for: {decision.wanted.value}")
    return [*lines, *(f"  held back: {guard}" for guard in decision.held_back)]


def _reading_lines(reading: Reading) -> list[str]:
    window = reading.window
    where = (
        f"{window.start_at:%Y-%m-%d %H:%M} to {window.end_at:%Y-%m-%d %H:%M}"
        if window.start_at and window.end_at
        else f"batches {window.first_seq} to {window.last_seq}"
    )
    head = f"Window {where}, {reading.rows} rows, {reading.labelled_rows} with labels"
    if reading.reason:
        return [f"{head}: unknown, {reading.reason}"]
    shown = sorted(reading.measures, key=_importance, reverse=True)[:MOST_MEASURES]
    return [f"{head}:", *(f"  {_measure_line(each)}" for each in shown)]


def _importance(measure: Measure) -> tuple[bool, bool, float]:
    return (bool(measure.drifted), measure.column is None, measure.weight or 0.0)


def _measure_line(measure: Measure) -> str:
    name = f"{measure.name} of '{measure.column}'" if measure.column else measure.name
    value = f"{measure.value:.4g}" if measure.value is not None else f"unknown, {measure.reason}"
    method = f" ({measure.method})" if measure.method else ""
    bound = f", threshold {measure.threshold:.4g}" if measure.threshold is not None else ""
    return f"{name}{method}: {value}{bound}{', drifted' if measure.drifted else ''}"
