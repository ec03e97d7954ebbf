"""Is a staged batch good, and what is wrong with it, rule by rule?

Three sources speak: what staging found, the built-in checks, the suite. A rule that could not run
is unknown and blocks like a failure. The report is kept in the store; its digest is its identity.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenure.records import (
    AskedRule,
    Outcome,
    Staged,
    ValidationReport,
    Violation,
    ViolationKind,
    digest_of,
    from_json,
    to_json,
)
from tenure.registry import open_store
from tenure.registry.arrow import read_table, write_table
from tenure.registry.frames import to_frame
from tenure.registry.specs import spec_in_force
from tenure.registry.times import row_times
from tenure.spec import ModelSpec
from tenure.spec.document import Document
from tenure.validation import builtin
from tenure.validation.answers import Found, rejected_table, suite_findings
from tenure.validation.suite import bounds_wrong, read_rules

if TYPE_CHECKING:
    from tenure.workspace import Workspace

log = logging.getLogger(__name__)
STAGING_RULES = ("readable", "columns", "types", "personal", "treatment")
_WORST = (Outcome.UNKNOWN, Outcome.FAIL, Outcome.WARN)


def validate(staged: Staged, workspace: Workspace) -> ValidationReport:
    """Judge a staged batch and keep the report.

    Rows that rules with `reject: rows` name are counted as rejected; they and the reasons are kept
    as an object of their own. A batch of which no row would be left is refused.

    Raises:
        ModelNotFound, BadSpec: the spec cannot be read.
        ObjectMissing, ObjectDamaged: the staged rows are gone.
    """
    spec = spec_in_force(staged.model, workspace)
    suite = digest_of(spec.suite) if spec.suite is not None else "built-in"
    found = list(staged.violations)
    by_rule = Found()
    checks, asked = len(STAGING_RULES), _asked(_rules_of(staged), found)
    if staged.object is not None:
        table = read_table(staged.object, workspace)
        built_in = builtin.check(_judged(staged, table, spec, workspace))
        by_rule = _by_suite(staged, table, spec)
        found += [*built_in, *by_rule.violations]
        asked += [*_asked(builtin.RULES, built_in), *by_rule.asked]
        checks += len(builtin.CHECKS) + by_rule.rules
        if by_rule.rejected and len(by_rule.rejected) == staged.rows:
            found.append(_nothing_left())
    outcome = _worst(found)
    found = [_with_consequence(one, outcome) for one in found]
    report = ValidationReport(
        model=staged.model,
        batch=staged.batch,
        outcome=outcome,
        violations=tuple(found),
        rows=staged.rows,
        rejected_rows=len(by_rule.rejected),
        tagged_rows=len(by_rule.tagged),
        suite=suite,
        checks=checks,
        failed_rows=_keep_positions(by_rule, workspace),
        rejected_object=_keep_rejected(staged, by_rule, workspace),
        asked=tuple(asked),
    )
    return _kept(report, workspace)


def _worst(found: Sequence[Violation]) -> Outcome:
    return next((one for one in _WORST if any(v.outcome is one for v in found)), Outcome.PASS)


def _rules_of(staged: Staged) -> tuple[str, ...]:
    """Return what staging asked: of a file that cannot be read, nothing else."""
    unread = any(one.rule == "readable" for one in staged.violations)
    return STAGING_RULES[:1] if unread else STAGING_RULES


def _asked(rules: Sequence[str], found: Sequence[Violation]) -> list[AskedRule]:
    """Return rules of our own with the worst that each found."""
    asked = []
    for rule in rules:
        mine = [one for one in found if one.rule == rule or one.rule.startswith(f"{rule}_")]
        of_rows = rule in builtin.OF_ROWS or any(one.rows for one in mine)
        asked.append(
            AskedRule(
                rule=rule,
                outcome=_worst(mine),
                columns=tuple(dict.fromkeys(one.column for one in mine if one.column)),
                failed_rows=max((one.rows or 0 for one in mine), default=0) if of_rows else None,
            )
        )
    return asked


def _with_consequence(violation: Violation, outcome: Outcome) -> Violation:
    """Say what becomes of rows that a rule splits off or marks, now that the outcome is known."""
    is_refused = outcome in (Outcome.FAIL, Outcome.UNKNOWN)
    match violation.action:
        case "rows" if is_refused:
            then = "They would have been split off; the whole batch is refused."
        case "rows":
            then = "They were split off."
        case "tag" if not is_refused:
            then = "They are marked."
        case _:
            return violation
    return replace(violation, message=f"{violation.message} {then}")


def _kept(report: ValidationReport, workspace: Workspace) -> ValidationReport:
    content = to_json(report)
    del content["digest"]
    return replace(report, digest=open_store(workspace).put_json(content))


def load_report(digest: str, workspace: Workspace) -> ValidationReport:
    """Return a report by its digest.

    Raises:
        ObjectMissing, ObjectDamaged: the store does not have it as it was.
    """
    content = open_store(workspace).get_json(digest)
    return from_json(ValidationReport, {**content, "digest": digest})


def _judged(staged: Staged, table: Any, spec: ModelSpec, workspace: Workspace) -> builtin.Judged:
    names = {column.name for column in staged.columns}
    has_time = spec.data.time is not None and names.issuperset(spec.data.time.columns)
    times = row_times(table, staged.columns, spec.data) if has_time else None
    return builtin.Judged(
        staged=staged, table=table, data=spec.data, times=times, workspace=workspace
    )


def _nothing_left() -> Violation:
    return Violation(
        rule="rows",
        kind=ViolationKind.EMPTY,
        outcome=Outcome.FAIL,
        message="Every row was split off by a rule; nothing is left to accept.",
    )


def _by_suite(staged: Staged, table: Any, spec: ModelSpec) -> Found:
    """Ask the suite; one that cannot be read or run makes the batch unknown."""
    if spec.expectations is None:
        return Found()
    document = Document(file=f"config/expectations/{spec.expectations}.yaml", value=spec.suite)
    rules = [placed.rule for placed in read_rules(document)]
    crossed = [rule.id for rule in rules if bounds_wrong(rule)]
    if document.mistakes or crossed:
        count = len(document.mistakes) + len(crossed)
        return _could_not_run(f"has {count} mistakes; `tenure check` prints them", len(rules))
    try:
        return suite_findings(_frame(staged, table), staged, rules)
    except Exception:  # noqa: BLE001 - whatever a suite does, the batch is unknown, not lost
        log.warning("Suite '%s' of '%s' could not run.", spec.expectations, spec.name)
        return _could_not_run("could not run; `tenure check` says whether it is at fault", 1)


def _could_not_run(what: str, rules: int) -> Found:
    violation = Violation(
        rule="suite",
        kind=ViolationKind.COULD_NOT_RUN,
        outcome=Outcome.UNKNOWN,
        message=f"The expectation suite {what}.",
    )
    return Found(violations=(violation,), rules=rules)


def _frame(staged: Staged, table: Any) -> Any:
    plain = tuple(
        replace(column, type="string", categories=()) if column.type == "category" else column
        for column in staged.columns
    )
    return to_frame(table, plain)


def _keep_positions(found: Found, workspace: Workspace) -> str | None:
    return open_store(workspace).put_json(found.positions) if found.positions else None


def _keep_rejected(staged: Staged, found: Found, workspace: Workspace) -> str | None:
    if not found.rejected or staged.object is None:
        return None
    table, columns = rejected_table(read_table(staged.object, workspace), staged, found)
    return write_table(table, columns, workspace)[0]
