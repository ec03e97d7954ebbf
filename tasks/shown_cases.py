"""What does a platform team see of a model in office: readings, decisions, cases?

Scores, shares and names of columns, never a value out of a row.
"""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.shown import SIGN, show
from tenure.records import Case, Decision, Measure, Outcome, Reading

SHOWN_MEASURES = 200


def reading(seen: Reading) -> None:
    """Show what a monitor saw in a window, the worst first."""
    rows = [_measure(one) for one in sorted(seen.measures, key=_badness)[:SHOWN_MEASURES]]
    words = f"**{seen.model}** version {seen.version}: {seen.rows} rows, "
    words += f"{seen.labelled_rows} of them with labels, revision {seen.revision}. "
    words += f"*Unknown*: {seen.reason}" if seen.reason else ""
    nothing = [{"": SIGN[Outcome.UNKNOWN], "measure": "none", "note": seen.reason}]
    key = f"reading-{seen.model}"
    show(create_table_artifact, key=key, table=rows or nothing, description=words)


def _badness(measure: Measure) -> tuple[bool, bool, float]:
    return (measure.value is not None, not measure.drifted, -(measure.weight or 0.0))


def _measure(one: Measure) -> dict[str, object]:
    outcome = Outcome.FAIL if one.drifted else Outcome.PASS
    return {
        "": SIGN[Outcome.UNKNOWN if one.value is None else outcome],
        "measure": one.name,
        "column": one.column or "",
        "value": "unknown" if one.value is None else f"{one.value:.4g}",
        "threshold": "" if one.threshold is None else f"{one.threshold:.4g}",
        "method": one.method,
        "weight": "" if one.weight is None else f"{one.weight:.3f}",
        "note": one.reason,
    }


def decision(made: Decision) -> None:
    """Show what the ladder made of the readings, by which rule, and what held it back."""
    lines = [
        f"# {made.model} version {made.version}: {made.action.value}",
        made.reason,
        "",
        f"- cause: {made.cause.value}",
        f"- rule: `{made.rule}`",
        f"- decision: `{made.id}`, at epoch {made.epoch}, on {len(made.readings)} reading(s)",
        *(f"- held back from *{made.wanted.value}*: {guard}" for guard in made.held_back),
    ]
    if made.dry_run:
        lines.append("- a dry run: nothing follows")
    words = f"**{made.model}**: {made.action.value}. {made.reason}"
    key, text = f"decision-{made.model}", "\n".join(lines)
    show(create_markdown_artifact, key=key, markdown=text, description=words)


def case(found: Case) -> None:
    """Show a case: why it was opened, who answered, and how far it has come."""
    lines = [
        f"# {found.model} version {found.version}: {found.action.value}, {found.state.value}",
        found.outcome or found.reason,
        "",
        f"- case `{found.id}`, opened by {found.opened_by} at {found.opened_at:%Y-%m-%d %H:%M} UTC",
        f"- cause: {found.cause.value}. {found.reason}",
        *_waiting(found),
        *(
            f"- {each.by} {'approved' if each.approved else 'declined'}: {each.reason}"
            for each in found.approvals
        ),
    ]
    if found.steps:
        lines += ["", "| step | at | what |", "|---|---|---|"]
        lines += [
            f"| {step.name} | {step.at:%Y-%m-%d %H:%M:%S} | {_facts(step.facts)} |"
            for step in found.steps
        ]
    words = f"**{found.model}**: {found.outcome or found.reason}"
    key, text = f"case-{found.model}", "\n".join(lines)
    show(create_markdown_artifact, key=key, markdown=text, description=words)


def _waiting(found: Case) -> list[str]:
    if not found.approvals_wanted or found.deadline_at is None:
        return []
    until = f"{found.deadline_at:%Y-%m-%d %H:%M} UTC"
    return [
        f"- wants {found.approvals_wanted} approval(s) until {until}, then: {found.on_timeout}; "
        "answer by the deployment `approve` or `tenure approve`"
    ]


def _facts(facts: dict[str, object]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in facts.items())
    return said.replace("|", "/").replace("\n", " ")[:500]
