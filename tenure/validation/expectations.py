"""What does Great Expectations say about a frame?

The only module that imports it, and late: it takes seconds. One suite, one `validate`, every
failing row; a rule that raised is unknown, which is no pass and no failure of the data.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tenure.records import Outcome
from tenure.spec.mistakes import nearest, show
from tenure.validation.suite import Rule

# These need a database to ask; on a frame they could only raise.
_NEED_DATABASE = {
    "unexpected_rows_expectation",
    "expect_query_results_to_match_comparison",
    "expect_table_row_count_to_equal_other_table",
}
# By default a missing value fails a rule over several columns; whether it may be missing is the
# business of a rule of its own.
_IGNORED = {"pair": "either_value_is_missing", "many": "any_value_is_missing"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A mistake in one rule, at a key below it."""

    key: tuple[str, ...]
    got: str
    wanted: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one rule: its outcome, failing rows if it judges rows, an aggregate if safe."""

    rule: Rule
    outcome: Outcome
    rows: tuple[int, ...] | None = None
    observed: float | None = None


def _library() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations

    return great_expectations


def known_types() -> list[str]:
    """Return the names of the expectations that can judge a frame."""
    _library()
    from great_expectations.expectations import registry

    return sorted(set(registry.list_registered_expectation_implementations()) - _NEED_DATABASE)


def _shape(kind: str) -> str:
    """Say whether an expectation judges each `row`, `pair` or `many` of a row, or the `whole`."""
    from great_expectations.expectations import expectation, registry

    found = registry.get_expectation_impl(kind)
    if issubclass(found, expectation.ColumnMapExpectation):
        return "row"
    if issubclass(found, expectation.ColumnPairMapExpectation):
        return "pair"
    return "many" if issubclass(found, expectation.MulticolumnMapExpectation) else "whole"


def judges_rows(kind: str) -> bool:
    """Say whether an expectation names the rows that fail it."""
    return kind in known_types() and _shape(kind) != "whole" and "_type" not in kind


def mistakes_in(rule: Rule) -> list[Wrong]:
    """Return what Great Expectations would not take of a rule, and what it would take in error."""
    from pydantic import ValidationError
    from pydantic.v1 import ValidationError as OldValidationError

    types = known_types()
    if rule.type not in types:
        wanted = "an expectation of Great Expectations that judges a frame"
        return [Wrong(("type",), show(rule.type), wanted, nearest(rule.type, types))]
    wrong = []
    try:
        _built(rule)
    except (OldValidationError, ValidationError) as error:
        wrong = [_wrong(one, rule) for one in error.errors()]
        # A keyword that is misspelt is also one that is missing: only the first is told.
        wrong = [one for one in wrong if one.key and one.key[0] in rule.kwargs] or wrong
    except (TypeError, ValueError) as error:
        wrong = [Wrong((), type(error).__name__, "keywords that the expectation takes")]
    if rule.reject != "batch" and not judges_rows(rule.type):
        wrong.append(Wrong(("reject",), rule.reject, "batch: this rule names no rows"))
    return wrong


def _wrong(one: Any, rule: Rule) -> Wrong:
    key = tuple(str(part) for part in one["loc"][:1] if part != "__root__")
    if "extra" in one["type"]:
        keys = _keywords(rule.type)
        return Wrong(key, "an unknown key", " | ".join(keys), nearest(key[0], keys))
    got = show(rule.kwargs.get(key[0])) if key else "these keywords"
    return Wrong(key, got, " ".join(str(one["msg"]).split())[:160])


def _keywords(kind: str) -> list[str]:
    from great_expectations.expectations import registry

    fields: Any = registry.get_expectation_impl(kind).__fields__
    hidden = {
        "batch_id", "catch_exceptions", "description", "id", "library_metadata", "meta", "notes",
        "rendered_content", "result_format", "severity", "windows",
    }  # fmt: skip
    return sorted(set(fields) - hidden)


def _built(rule: Rule) -> Any:
    _library()
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    kwargs = dict(rule.kwargs)
    ignored = _IGNORED.get(_shape(rule.type))
    if ignored:
        kwargs.setdefault("ignore_row_if", ignored)
    return ExpectationConfiguration(
        type=rule.type,
        kwargs=kwargs,
        severity=rule.severity,  # type: ignore[arg-type]
        meta={"rule": rule.id},
    ).to_domain_obj()


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Great Expectations' warnings about broken rules, with values in them, out of logs."""
    logger = logging.getLogger("great_expectations")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def ask(frame: Any, rules: Sequence[Rule]) -> list[Answer]:
    """Judge a frame (RangeIndex) by rules; answers come in the order of the rules."""
    gx = _library()
    from great_expectations.data_context.types.base import ProgressBarsConfig

    with _quietly():
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_pandas("tenure").add_dataframe_asset("batch")
        definition = source.add_batch_definition_whole_dataframe("whole")
        built = [_built(rule) for rule in rules]
        suite = context.suites.add(gx.ExpectationSuite(name="suite", expectations=built))
        result = definition.get_batch(batch_parameters={"dataframe": frame}).validate(
            suite, result_format={"result_format": "COMPLETE"}
        )
    by_id = {one.expectation_config.meta["rule"]: one for one in result.results}
    return [_answer(rule, by_id.get(rule.id)) for rule in rules]


def _answer(rule: Rule, one: Any) -> Answer:
    if one is None or _raised(one.exception_info) or not isinstance(one.success, bool | int):
        return Answer(rule, Outcome.UNKNOWN)
    details = one.result or {}
    rows = details.get("unexpected_index_list")
    outcome = Outcome.PASS if one.success else Outcome.FAIL
    places = tuple(sorted({int(row) for row in rows})) if rows is not None else None
    return Answer(rule, outcome, places, _aggregate(details.get("observed_value")))


def _raised(info: Any) -> bool:
    if not info:
        return False
    shapes = [info] if "raised_exception" in info else list(info.values())
    return any(shape.get("raised_exception") for shape in shapes)


def _aggregate(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
