"""Does a suite refuse, split off and mark what it should, and pass nothing that it cannot judge?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tenure import intake, validation
from tenure.errors import BadSpec
from tenure.records import BatchState, Outcome
from tenure.registry import open_ledger, open_store
from tenure.registry.arrow import read_table
from tenure.registry.frames import read_frames
from tenure.spec import load_spec
from tests.unit.intake.walking import kinds

ROWS = "amount,limit,kind,y\n1,5,a,0\n-2,5,b,1\n3,,a,0\n400,5,z,1\n5,9,b,0\n"
COLUMNS = {"amount": "int64", "limit": "int64", "kind": "category", "y": "int64"}
BETWEEN = {"type": "expect_column_values_to_be_between", "column": "amount", "min_value": 0}


def test_a_failing_rule_refuses_the_batch_and_tells_no_value(model):
    model.suite({**BETWEEN, "max_value": 100})
    batch, report = model.take("a.csv", ROWS)
    assert (batch.state, report.outcome) == (BatchState.QUARANTINED, Outcome.FAIL)
    assert kinds(report) == {("range", "amount")}
    assert "2 of 5 rows fail 'column_values_to_be_between (min 0, max 100)'" in str(batch.reason)
    assert "400" not in str(report)
    assert open_store(model.workspace).get_json(report.failed_rows) == {
        "column_values_to_be_between amount": [1, 3]
    }


def test_rows_can_be_split_off_and_are_kept_with_their_reasons(model):
    model.write(columns=COLUMNS)
    model.suite(
        {**BETWEEN, "id": "not negative", "reject": "rows"},
        {
            "id": "known kind",
            "type": "expect_column_values_to_be_in_set",
            "column": "kind",
            "value_set": ["a", "b"],
            "reject": "rows",
        },
        {**BETWEEN, "id": "large", "max_value": 100, "reject": "tag"},
    )
    batch, report = model.take("a.csv", ROWS)
    assert (batch.state, report.outcome) == (BatchState.ACCEPTED, Outcome.WARN)
    assert (report.rejected_rows, report.tagged_rows) == (2, 2)
    (snapshot,) = open_ledger(model.workspace).snapshots("m")
    frame = read_frames("m", [snapshot.digest], model.workspace)
    assert frame["amount"].tolist() == [1, 3, 5]
    assert list(frame["kind"].cat.categories) == ["a", "b"]
    apart = read_table(report.rejected_object, model.workspace).to_pydict()
    assert apart["amount"] == [-2, 400]
    assert apart["failed_rules"] == ["not negative", "known kind"]
    assert intake.rejected_positions(report, model.workspace) == [1, 3]


def test_rows_are_not_said_to_be_split_off_where_the_whole_batch_is_refused(model):
    model.write(columns=COLUMNS)
    splits = {**BETWEEN, "id": "not negative", "reject": "rows"}
    model.suite(splits)
    _, report = model.take("a.csv", ROWS)
    (found,) = [one for one in report.violations if one.rule == "not negative"]
    assert found.message.endswith("They were split off.")
    model.suite(splits, {**BETWEEN, "id": "limit", "column": "limit", "min_value": 6})
    batch, report = model.take("b.csv", ROWS.replace("400", "300"))
    assert batch.state is BatchState.QUARANTINED
    (found,) = [one for one in report.violations if one.rule == "not negative"]
    assert found.message.endswith("the whole batch is refused.")
    assert "were split off" not in str(report)


def test_a_report_lists_every_rule_with_its_counts(model):
    model.write(columns=COLUMNS)
    model.suite(
        {**BETWEEN, "id": "not negative", "reject": "rows"},
        {**BETWEEN, "id": "any", "min_value": -5},
        {"id": "mean", "type": "expect_column_mean_to_be_between", "column": "y", "max_value": 1},
    )
    report = model.judge("a.csv", ROWS)
    assert len(report.asked) == report.checks
    by_rule = {one.rule: one for one in report.asked}
    assert list(by_rule)[:2] == ["readable", "columns"]
    assert list(by_rule)[-3:] == ["not negative", "any", "mean"]
    told = {name: (one.outcome.value, one.failed_rows) for name, one in by_rule.items()}
    assert told["not negative"] == ("warn", 1)
    assert told["any"] == ("pass", 0)
    assert told["mean"] == ("pass", None)
    assert told["duplicates"] == ("pass", 0)
    assert by_rule["any"].columns == ("amount",)
    unread = model.judge("c.csv", b"\0\0")
    assert [(one.rule, one.outcome.value) for one in unread.asked] == [("readable", "fail")]
    assert validation.load_report(report.digest, model.workspace) == report


def test_more_failing_rows_than_mostly_lets_pass_refuse_the_batch(model):
    model.suite({**BETWEEN, "reject": "rows", "mostly": 0.9})
    batch, _ = model.take("a.csv", ROWS)
    assert batch.state is BatchState.QUARANTINED
    assert "More fail than 'mostly' lets pass" in str(batch.reason)
    model.suite({**BETWEEN, "reject": "rows", "mostly": 0.8})
    held = intake.readmit(
        "m", batch.digest, model.workspace, actor="person:ann", reason="Wider.",
        judge=validation.validate,
    )  # fmt: skip
    assert held.state is BatchState.ACCEPTED


def test_a_batch_of_which_nothing_is_left_is_refused(model):
    model.suite({**BETWEEN, "min_value": 1000, "reject": "rows"})
    batch, report = model.take("a.csv", ROWS)
    assert batch.state is BatchState.QUARANTINED
    assert ("empty", None) in kinds(report)


def test_a_rule_that_only_warns_refuses_nothing(model):
    model.suite({**BETWEEN, "severity": "warning"})
    batch, report = model.take("a.csv", ROWS)
    assert (batch.state, report.outcome) == (BatchState.ACCEPTED, Outcome.WARN)
    assert batch.reason == "13 checks on 5 rows passed, 1 with a warning."


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "expect_column_values_to_be_between", "column": "nowhere", "min_value": 0},
        {"type": "expect_column_mean_to_be_between", "column": "kind", "min_value": 0},
        {**BETWEEN, "min_value": 5, "max_value": 1},
        {"type": "expect_nothing", "column": "amount"},
        {**BETWEEN, "maximum": 5},
        {"column": "amount"},
    ],
    ids=["no such column", "mean of text", "min above max", "unknown", "keyword", "no type"],
)
def test_a_rule_that_cannot_run_blocks_like_a_failure(model, rule):
    model.suite(rule)
    batch, report = model.take("a.csv", ROWS)
    assert (batch.state, report.outcome) == (BatchState.QUARANTINED, Outcome.UNKNOWN)
    assert {kind for kind, _ in kinds(report)} == {"could_not_run"}


def test_a_suite_whose_file_is_gone_blocks(model):
    model.suite(BETWEEN)
    staged = model.stage("a.csv", ROWS)
    (model.workspace.expectations_folder / "suite.yaml").unlink()
    with pytest.raises(BadSpec, match="suite"):
        validation.validate(staged, model.workspace)
    assert open_ledger(model.workspace).snapshots("m") == []


def test_great_expectations_breaking_down_is_unknown_and_never_a_pass(model, monkeypatch):
    from tenure.validation import expectations

    def broken(*_args):
        raise RuntimeError("400 is a value that must not leave")

    model.suite(BETWEEN)
    monkeypatch.setattr(expectations, "_built", broken)
    report = model.judge("a.csv", ROWS)
    assert report.outcome is Outcome.UNKNOWN
    assert "400" not in str(report)


def test_missing_values_fail_no_rule_over_several_columns_unless_asked(model):
    pair = {
        "type": "expect_column_pair_values_a_to_be_greater_than_b",
        "column_A": "limit",
        "column_B": "y",
    }
    model.suite(pair)
    assert model.judge("a.csv", ROWS).outcome is Outcome.PASS
    model.suite({**pair, "ignore_row_if": "neither"})
    report = model.judge("a.csv", ROWS)
    assert report.outcome is Outcome.FAIL
    assert next(iter(report.violations)).rows == 1


def test_types_are_judged_by_the_contract_also_where_values_are_missing(model):
    def of_type(column, kind):
        return {
            "type": "expect_column_values_to_be_of_type",
            "column": column,
            "type_": kind,
            "id": f"{column} {kind}",
        }

    model.write(columns=COLUMNS)
    model.suite(
        of_type("limit", "int64"), of_type("kind", "str"), of_type("kind", "category"),
        of_type("amount", "float64"), of_type("nowhere", "int64"),
    )  # fmt: skip
    report = model.judge("a.csv", ROWS)
    assert [violation.rule for violation in report.violations] == [
        "amount float64",
        "nowhere int64",
    ]


def test_every_kind_of_row_rule_names_its_rows(model):
    model.suite(
        {"id": "unique", "type": "expect_column_values_to_be_unique", "column": "kind"},
        {"id": "regex", "type": "expect_column_values_to_match_regex", "column": "kind",
         "regex": "^[ab]$"},
        {"id": "null", "type": "expect_column_values_to_not_be_null", "column": "limit"},
        {"id": "length", "type": "expect_column_value_lengths_to_equal", "column": "kind",
         "value": 2},
        {"id": "sum", "type": "expect_multicolumn_sum_to_equal",
         "column_list": ["amount", "y"], "sum_total": 1},
        {"id": "pair", "type": "expect_column_pair_values_to_be_equal", "column_A": "amount",
         "column_B": "y"},
        {"id": "compound", "type": "expect_compound_columns_to_be_unique",
         "column_list": ["kind", "y"]},
    )  # fmt: skip
    report = model.judge("a.csv", ROWS)
    assert open_store(model.workspace).get_json(report.failed_rows) == {
        "unique": [0, 1, 2, 4],
        "regex": [3],
        "null": [2],
        "length": [0, 1, 2, 3, 4],
        "sum": [1, 2, 3, 4],
        "pair": [0, 1, 2, 3, 4],
        "compound": [0, 2],
    }


def test_mistakes_in_a_suite_come_with_file_line_and_a_way_out(model):
    model.write(columns={"amount": "int64", "kind": "category", "mail": "string", "y": "int64"},
                treat={"mail": "drop"})  # fmt: skip
    file = model.workspace.expectations_folder / "suite.yaml"
    file.write_text(
        """expectations:
  - {type: expect_column_values_to_be_betwen, column: amount}
  - {type: expect_column_values_to_be_between, column: amout, min_value: 1}
  - type: expect_column_values_to_be_between
    column: amount
    min_valu: 1
  - {type: expect_column_values_to_be_between, column: amount, min_value: 5, max_value: 1, id: x}
  - {type: expect_table_row_count_to_be_between, min_value: 1, reject: rows}
  - {type: expect_column_values_to_not_be_null, column: mail}
  - {type: expect_column_values_to_not_be_null, column: kind, mostly: 2}
  - {type: expect_column_values_to_not_be_null, column: kind, severity: fatal}
  - {type: unexpected_rows_expectation, unexpected_rows_query: select 1}
  - {type: expect_column_values_to_not_be_null, column: y, id: x}
extra: 1
""",
        encoding="utf-8",
    )
    model.expectations = "suite"
    model.write()
    mistakes = validation.check_suite(load_spec("m", model.workspace), model.workspace)
    assert {(mistake.line, mistake.key) for mistake in mistakes} == {
        (2, "expectations[0].type"),
        (3, "expectations[1]"),
        (6, "expectations[2].min_valu"),
        (7, "expectations[3].min_value"),
        (8, "expectations[4].reject"),
        (9, "expectations[5]"),
        (10, "expectations[6].mostly"),
        (11, "expectations[7].severity"),
        (12, "expectations[8].type"),
        (13, "expectations[9]"),
        (14, "extra"),
    }
    said = {mistake.line: str(mistake) for mistake in mistakes}
    assert "did you mean 'expect_column_values_to_be_between'?" in said[2]
    assert "did you mean 'amount'?" in said[3]
    assert "did you mean 'min_value'?" in said[6]
    assert said[7].startswith("config/expectations/suite.yaml:7: ")


def test_a_suite_without_mistakes_has_none(model):
    model.suite(BETWEEN)
    assert validation.check_suite(load_spec("m", model.workspace), model.workspace) == []


TEMPLATE = Path(__file__).parents[3] / "config" / "expectations" / "_template.yaml"
FITTING = "amount,kind,y\n1.5,a,0\n2.5,b,1\n3.5,a,0\n"


@pytest.fixture
def template(model):
    file = model.workspace.expectations_folder / "suite.yaml"
    file.write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
    model.expectations = "suite"
    return model.write(columns={"amount": "float64", "kind": "category", "y": "int64"})


def test_the_template_has_no_mistakes_and_passes_a_good_batch(template):
    spec = load_spec("m", template.workspace)
    assert validation.check_suite(spec, template.workspace) == []
    assert template.judge("a.csv", FITTING).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "content",
    [
        "amount,kind,y\n",
        "amount,kind\n1.5,a\n",
        "amount,kind,y,z\n1.5,a,0,1\n",
        "amount,amount,kind,y\n1,1.5,a,0\n",
        "amount,kind,y\nmuch,a,0\n",
        "amount,kind,y\n,a,0\n,b,1\n",
        "amount,kind,y\n1.5,a,0\n,b,1\n",
        "amount,kind,y\n1.5,c,0\n2.5,a,1\n",
        "amount,kind,y\n-1,a,0\n2.5,b,1\n",
        "amount,kind,y\ninf,a,0\n2.5,b,1\n",
        "amount,kind,y\n1.5,a,\n2.5,b,1\n",
        "amount,kind,y\n2026-01-01,a,0\n",
    ],
)
def test_the_template_fails_closed(template, content):
    assert template.judge("a.csv", content).outcome is Outcome.FAIL
