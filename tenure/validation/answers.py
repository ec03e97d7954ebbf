"""What follows from a suite's answers: which rule refuses what, and which rows are split off?

`reject: batch` refuses the batch; `rows` splits the failing rows off, but refuses the batch where
more fail than the rule's `mostly` lets pass; `tag` only marks and counts. A rule whose severity is
`warning` or `info` never refuses a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tenure.records import AskedRule, Column, Outcome, Staged, Violation, ViolationKind
from tenure.validation.suite import TYPE_RULES, Rule

REASONS = "failed_rules"
_SPELLED = {
    "int64": {"int64", "int", "Int64"},
    "float64": {"float64", "float", "Float64"},
    "string": {"string", "str", "object"},
    "category": {"category", "string", "str", "object"},
    "bool": {"bool", "boolean"},
    "datetime": {"datetime", "datetime64", "datetime64[us, UTC]"},
    "date": {"date", "datetime64[s]"},
}
# An observed mean is a fact about the batch; an observed maximum is a row's value.
_TELLABLE = (
    "mean",
    "median",
    "stdev",
    "proportion",
    "row_count",
    "unique_value_count",
    "column_count",
)
_KINDS = (
    ("row_count", ViolationKind.VOLUME),
    ("null", ViolationKind.MISSING),
    ("type", ViolationKind.TYPE),
    ("table_column", ViolationKind.SCHEMA),
    ("to_exist", ViolationKind.SCHEMA),
    ("unique", ViolationKind.UNIQUE),
    ("set", ViolationKind.CATEGORY),
    ("between", ViolationKind.RANGE),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a suite found.

    Attributes:
        violations: a failing or unknown rule each.
        positions: rule id to positions of the rows that failed it.
        rejected: positions of the rows that are split off, sorted.
        tagged: positions of the rows that are only marked.
        rules: how many rules were asked.
        asked: each of them, with its outcome.
    """

    violations: tuple[Violation, ...] = ()
    positions: dict[str, list[int]] = field(default_factory=dict)
    rejected: tuple[int, ...] = ()
    tagged: tuple[int, ...] = ()
    rules: int = 0
    asked: tuple[AskedRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from one rule's answer; `failed` counts rows, None if it judges none."""

    rule: Rule
    outcome: Outcome
    action: str
    message: str
    rows: tuple[int, ...]
    failed: int | None = None


def suite_findings(frame: Any, staged: Staged, rules: Sequence[Rule]) -> Found:
    """Judge a frame by a suite's rules; rules about types are judged by the contract's types."""
    by_type = [rule for rule in rules if rule.type in TYPE_RULES]
    asked = [rule for rule in rules if rule.type not in TYPE_RULES]
    verdicts = [_type_verdict(rule, staged) for rule in by_type]
    if asked:
        from tenure.validation.expectations import ask

        judged = frame[_needed(asked, list(frame.columns))]
        for answer in ask(judged, asked):
            count = None if answer.rows is None else len(answer.rows)
            verdicts.append(replace(_verdict(answer, staged.rows), failed=count))
    order = {rule.id: place for place, rule in enumerate(rules)}
    verdicts.sort(key=lambda one: order[one.rule.id])
    failed = [one for one in verdicts if one.outcome is not Outcome.PASS]
    return Found(
        violations=tuple(_violation(one) for one in failed),
        positions={one.rule.id: list(one.rows) for one in failed if one.rows},
        rejected=_united(failed, "rows"),
        tagged=_united(failed, "tag"),
        rules=len(rules),
        asked=tuple(
            AskedRule(
                rule=one.rule.id,
                outcome=one.outcome,
                columns=one.rule.columns,
                failed_rows=one.failed,
            )
            for one in verdicts
        ),
    )


def _needed(rules: Sequence[Rule], names: list[str]) -> list[str]:
    """Return the columns that rules look at: GX hashes every value of what it is given, twice."""
    if any(
        rule.type.startswith(("expect_table_column", "expect_column_to_exist")) for rule in rules
    ):
        return names
    named = {name for rule in rules for name in rule.columns}
    conditions = " ".join(str(rule.kwargs.get("row_condition", "")) for rule in rules)
    needed = [name for name in names if name in named or name in conditions]
    return needed or names[:1]


def _united(verdicts: Sequence[Verdict], action: str) -> tuple[int, ...]:
    return tuple(sorted({row for one in verdicts if one.action == action for row in one.rows}))


def _verdict(answer: Any, rows: int) -> Verdict:
    rule: Rule = answer.rule
    failing = answer.rows or ()
    if answer.outcome is Outcome.UNKNOWN:
        message = (
            f"Rule '{rule.id}' could not run, so nothing is known; `tenure check` may say why."
        )
        return Verdict(rule, Outcome.UNKNOWN, "batch", message, ())
    if rule.reject == "batch":
        if answer.outcome is Outcome.PASS:
            return Verdict(rule, Outcome.PASS, "batch", "", ())
        outcome = Outcome.FAIL if rule.severity == "critical" else Outcome.WARN
        return Verdict(rule, outcome, "batch", _message(answer, rows), failing)
    if not failing:
        return Verdict(rule, Outcome.PASS, rule.reject, "", ())
    too_many = "mostly" in rule.kwargs and answer.outcome is Outcome.FAIL
    if rule.reject == "rows" and too_many:
        message = f"{_message(answer, rows)} More fail than 'mostly' lets pass."
        return Verdict(rule, Outcome.FAIL, "batch", message, failing)
    return Verdict(rule, Outcome.WARN, rule.reject, _message(answer, rows), failing)


def _message(answer: Any, rows: int) -> str:
    rule: Rule = answer.rule
    what = f"{rule.type.removeprefix('expect_')}{_bounds(rule)}"
    where = f"Column{'s' if len(rule.columns) > 1 else ''} {', '.join(map(repr, rule.columns))}: "
    place = where if rule.columns else ""
    if answer.rows:
        return f"{place}{len(answer.rows)} of {rows} rows fail '{what}'."
    seen = answer.observed
    tell = seen is not None and any(part in rule.type for part in _TELLABLE)
    return f"{place}'{what}' fails{f' with {seen:.6g}' if tell else ''}."


def _bounds(rule: Rule) -> str:
    shown = [
        f"{key.removesuffix('_value')} {rule.kwargs[key]}"
        for key in ("min_value", "max_value", "value", "mostly")
        if isinstance(rule.kwargs.get(key), int | float)
    ]
    return f" ({', '.join(shown)})" if shown else ""


def _violation(one: Verdict) -> Violation:
    kind = next((kind for part, kind in _KINDS if part in one.rule.type), ViolationKind.RULE)
    return Violation(
        rule=one.rule.id,
        kind=ViolationKind.COULD_NOT_RUN if one.outcome is Outcome.UNKNOWN else kind,
        outcome=one.outcome,
        message=one.message,
        column=one.rule.columns[0] if len(one.rule.columns) == 1 else None,
        rows=len(one.rows) or None,
        action=one.action,
    )


def _type_verdict(rule: Rule, staged: Staged) -> Verdict:
    """Judge a rule about a column's type by the type in which it is stored."""
    kinds = {column.name: column.type for column in staged.columns}
    name = str(rule.kwargs.get("column"))
    wanted = rule.kwargs.get("type_") or rule.kwargs.get("type_list") or []
    allowed = {wanted} if isinstance(wanted, str) else set(wanted)
    if name in kinds and allowed & (_SPELLED[kinds[name]] | {kinds[name]}):
        return Verdict(rule, Outcome.PASS, "batch", "", ())
    got = kinds.get(name, "not there")
    message = f"Column '{name}' is {got}; rule '{rule.id}' wants {' or '.join(sorted(allowed))}."
    outcome = Outcome.FAIL if rule.severity == "critical" else Outcome.WARN
    return Verdict(rule, outcome, "batch", message, ())


def rejected_table(table: Any, staged: Staged, found: Found) -> tuple[Any, tuple[Column, ...]]:
    """Return the rows that were split off, with a column of the rules that each failed."""
    import pyarrow as pa

    by_row: dict[int, list[str]] = {}
    rejecting = {one.rule for one in found.violations if one.action == "rows"}
    for rule, rows in found.positions.items():
        for row in rows if rule in rejecting else ():
            by_row.setdefault(row, []).append(rule)
    reasons = pa.array(["; ".join(by_row[row]) for row in found.rejected], type=pa.string())
    rows = table.take(pa.array(found.rejected, type=pa.int64()))
    name = REASONS
    while name in table.column_names:
        name = f"_{name}"
    columns = (*staged.columns, Column(name=name, type="string"))
    return rows.append_column(name, reasons), columns
