"""Does each way in which data goes wrong have its outcome? Ids are those of the fault catalogue."""

from __future__ import annotations

import codecs
import io

import pandas as pd
import pytest

from tenure.records import BatchState, Outcome
from tenure.registry import open_ledger
from tests.unit.intake.walking import accepted, kinds, refused

COLUMNS = {"id": "string", "x": "float64", "n": "int64", "kind": "category", "y": "int64"}
HEAD = "id,x,n,kind,y\n"
GOOD = HEAD + "001,1.5,1,a,0\n002,2.5,2,b,1\n003,,3,a,0\n"


@pytest.fixture
def declared(model):
    return model.write(columns=COLUMNS)


def parquet(frame):
    target = io.BytesIO()
    frame.to_parquet(target, index=False)
    return target.getvalue()


def frame():
    return pd.DataFrame(
        {"id": ["001", "002"], "x": [1.5, 2.5], "n": [1, 2], "kind": ["a", "b"], "y": [0, 1]}
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", ""),
        ("a.csv", "\n \n"),
        ("a.csv", HEAD),
        ("a.csv", HEAD + "\n\n"),
        ("a.csv", codecs.BOM_UTF8 + b"\n"),
        ("a.jsonl", ""),
        ("a.parquet", parquet(frame().iloc[:0])),
    ],
)
def test_d1_nothing_or_a_header_alone_is_empty(declared, name, content):
    assert kinds(refused(declared, content, name)) == {("empty", None)}


def test_d2_a_missing_column_is_refused_and_named(declared):
    report = refused(declared, "id,x,n,kind\n001,1.5,1,a\n")
    assert kinds(report) == {("schema", "y")}
    assert report.violations[0].message == "Column 'y' is missing."


def test_d3_an_extra_column_is_refused_with_the_key_to_write(declared):
    report = refused(declared, "id,x,n,kind,y,more\n001,1.5,1,a,0,9\n")
    assert kinds(report) == {("schema", "more")}
    assert "write data.columns with all columns and {more: …}" in report.violations[0].message


def test_d3_columns_in_another_order_are_put_in_order_and_logged(declared, caplog):
    caplog.set_level("INFO")
    back, report = accepted(declared, "y,kind,n,x,id\n0,a,1,1.5,001\n1,b,2,2.5,002\n")
    assert list(back.columns) == list(COLUMNS)
    assert report.outcome is Outcome.PASS
    assert "another order" in caplog.text


def test_d4_duplicate_names_are_refused(declared):
    assert kinds(refused(declared, "id,x,x,kind,y\n001,1,1,a,0\n")) >= {("schema", "x")}
    assert kinds(refused(declared, '{"y": 1, "y": 2}\n', "a.jsonl")) == {("schema", None)}


def test_d4_a_column_without_a_name_is_refused(model):
    assert kinds(refused(model, ",y\n1,0\n")) == {("schema", None)}


@pytest.mark.parametrize(
    ("column", "value"),
    [("x", "much"), ("n", "1.5"), ("n", "0x1F"), ("n", "1_000"), ("x", "nan"), ("x", "1,5")],
)
def test_d5_another_type_in_csv_is_refused(declared, column, value):
    row = {"id": "001", "x": "1", "n": "1", "kind": "a", "y": "0"} | {column: f'"{value}"'}
    report = refused(declared, GOOD + ",".join(row.values()) + "\n")
    assert kinds(report) == {("type", column)}
    (violation,) = report.violations
    assert violation.rows == 1
    assert value not in violation.message


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("x", ["1", "2"]),
        ("n", [1.0, 2.0]),
        ("n", [True, False]),
        ("id", [1, 2]),
        ("kind", [1, 2]),
        ("x", pd.to_datetime(["2026-01-01", "2026-01-02"])),
        ("x", [[1], [2]]),
        ("x", [{"a": 1}, {"a": 2}]),
    ],
)
def test_d5_another_type_in_parquet_is_refused(declared, column, values):
    report = refused(declared, parquet(frame().assign(**{column: values})), "a.parquet")
    assert kinds(report) == {("type", column)}


def test_d5_several_types_under_one_key_of_json_are_refused(declared):
    rows = frame().to_json(orient="records", lines=True).replace("2.5", '"two"')
    report = refused(declared, rows, "a.jsonl")
    assert kinds(report) == {("type", None)}
    assert "in row 2" in report.violations[0].message


def test_d5_exact_widening_is_no_change_of_type(declared):
    narrow = frame().astype({"x": "float32", "n": "int16", "y": "int8", "kind": "category"})
    back, _ = accepted(declared, parquet(narrow), "a.parquet")
    assert back["n"].tolist() == [1, 2]
    whole, _ = accepted(declared, parquet(frame().assign(x=[7, 8])), "b.parquet")
    assert whole["x"].tolist() == [7.0, 8.0]


def test_d6_missing_values_are_refused_by_a_null_share_rule(declared):
    declared.suite(
        {
            "type": "expect_column_proportion_of_non_null_values_to_be_between",
            "column": "x",
            "min_value": 0.9,
        }
    )
    report = refused(declared, GOOD)
    assert kinds(report) == {("missing", "x")}
    assert "with 0.666667" in report.violations[0].message


def test_d7_a_column_without_any_value_is_refused(declared):
    assert kinds(refused(declared, HEAD + "001,,1,a,0\n002,,2,a,1\n")) == {("missing", "x")}


@pytest.mark.parametrize("value", ["1e308", "-1e300", "inf", "-Infinity", "1e999"])
def test_d8_d19_numbers_that_no_estimator_can_hold_are_refused(declared, value):
    assert kinds(refused(declared, GOOD + f"004,{value},4,a,0\n")) == {("range", "x")}


@pytest.mark.parametrize("value", ["9223372036854775808", "-9223372036854775809", "1" * 40])
def test_d9_integers_beyond_int64_are_refused(declared, value):
    report = refused(declared, GOOD + f"004,1,{value},a,0\n")
    assert kinds(report) == {("type", "n")}
    assert "beyond int64 in 1 rows" in report.violations[0].message


def test_d9_integers_beyond_int64_are_refused_also_before_there_is_a_contract(model):
    assert kinds(refused(model, "y,n\n0,9223372036854775808\n1,1\n")) == {("type", "n")}
    lines = '{"y": 0, "n": 9223372036854775808}\n{"y": 1, "n": 1}\n'
    assert kinds(refused(model, lines, "a.jsonl")) == {("type", "n")}
    huge = pd.DataFrame({"y": [0, 1], "n": pd.array([2**63, 1], "uint64")})
    assert kinds(refused(model, parquet(huge), "a.parquet")) == {("type", "n")}


def test_d9_the_edges_of_int64_stay_exact(declared):
    back, _ = accepted(
        declared, HEAD + f"1,1,{2**63 - 1},a,0\n2,2,{-(2**63)},b,1\n3,3,{2**53 + 1},a,1\n"
    )
    assert back["n"].tolist() == [2**63 - 1, -(2**63), 2**53 + 1]


def test_d10_leading_zeros_make_a_column_text_and_are_kept(model):
    back, _ = accepted(model, "code,plain,y\n00123,1,0\n00124,0,1\n")
    assert back["code"].tolist() == ["00123", "00124"]
    assert str(back["plain"].dtype) == "int64"


def test_d11_only_what_data_missing_lists_is_missing(declared):
    texts = ["NA", "None", "null", "NaN", "nan", "N/A", "-"]
    content = HEAD + "".join(f"{text},1.{n},{n},{text},0\n" for n, text in enumerate(texts))
    back, _ = accepted(declared, content)
    assert back["id"].tolist() == texts
    declared.write(missing=["", "NA", "-"])
    again, _ = accepted(declared, content + "x,2,2,a,1\n", "b.csv")
    assert again["id"].isna().sum() == 2


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (GOOD + "004,1,1,a\n", 5),
        (GOOD + "004,1,1,a,0,7\n005,1,1,a,0\n", 5),
        (GOOD + '004,1,1,"a,0\n005,1,1,a,0\n', 5),
        (GOOD + '"004,1,1,a,0\n"005",1,1,a,0\n', 5),
        (GOOD + '004,1,1,"a" b,0\n', 5),
        (GOOD + '"a\nb",1,1,a,0\n005,1\n', 7),
    ],
    ids=["few", "many", "open quote", "quote that joins rows", "after a quote", "after a newline"],
)
def test_d12_a_broken_row_or_quote_is_refused_with_its_line(declared, content, line):
    report = refused(declared, content)
    assert kinds(report) == {("unreadable", None)}
    assert report.violations[0].message.startswith(f"Line {line}")


def test_d12_quotes_that_are_right_are_read(declared):
    back, _ = accepted(declared, HEAD + '"a ""b"", c",1,1,"x\ny",0\n"",2,2,"z",1\n')
    assert back["id"].tolist()[0] == 'a "b", c'
    assert back["id"].isna().tolist() == [False, True]
    assert back["kind"].tolist() == ["x\ny", "z"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (GOOD.encode() + b"00\x004,1,1,a,0\n", "Line 5 "),
        (GOOD.encode() + b"00\xff,1,1,a,0\n", "Line 5 "),
        (GOOD.encode() + b"00\xc3", "Line 5 "),
        (GOOD.encode("utf-16"), "The file is UTF-16"),
        (GOOD.encode("utf-16-le"), "Line 1 holds a NUL"),
        (b"\x93NUMPY\x01", "Line 1 "),
    ],
    ids=["nul", "latin-1", "cut", "utf-16", "utf-16 unmarked", "another format"],
)
def test_d13_what_is_no_utf8_is_refused_with_its_line(declared, content, line):
    report = refused(declared, content)
    assert kinds(report) == {("unreadable", None)}
    assert report.violations[0].message.startswith(line)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"PAR1 and then nothing"),
        ("a.parquet", parquet(frame())[:-20]),
        ("a.parquet", GOOD.encode()),
        ("a.jsonl", b'{"y": 1}\n{"y": \n'),
        ("a.jsonl", b"[1, 2]\n"),
        ("a.jsonl", b'{"y": 1e9999}\n'),
        ("a.xlsx", b"PK"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(declared, name, content):
    assert kinds(refused(declared, content, name)) == {("unreadable", None)}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_d14_a_byte_order_mark_and_any_line_ending_are_taken(declared, ending):
    content = codecs.BOM_UTF8 + GOOD.replace("\n", ending).encode()
    back, _ = accepted(declared, content)
    assert back["id"].tolist() == ["001", "002", "003"]


def test_d14_json_lines_with_a_mark_and_blank_lines_are_taken(declared):
    rows = frame().to_json(orient="records", lines=True)
    back, _ = accepted(declared, codecs.BOM_UTF8 + b"\n" + rows.encode() + b"\n", "a.jsonl")
    assert len(back) == 2


def test_d17_one_row_can_be_taken_in(declared):
    back, _ = accepted(declared, HEAD + "001,1.5,1,a,0\n")
    assert len(back) == 1


def test_d18_a_constant_column_warns(declared):
    _, report = accepted(declared, HEAD + "001,1.5,7,a,0\n002,2.5,7,b,1\n")
    assert [(v.rule, v.column, v.outcome) for v in report.violations] == [
        ("constant", "n", Outcome.WARN)
    ]


def test_d20_d21_formulas_and_html_are_kept_as_they_are(declared):
    texts = ["=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(A1)", "\tx", "<img src=x onerror=alert(1)>"]
    content = HEAD + "".join(f'"{text}",1.{n},{n},"{text}",0\n' for n, text in enumerate(texts))
    back, _ = accepted(declared, content)
    assert back["id"].tolist() == texts


def test_d23_a_flood_of_duplicates_warns_with_its_size(declared):
    _, report = accepted(declared, GOOD + "001,1.5,1,a,0\n" * 97)
    (violation,) = report.violations
    assert (violation.rule, violation.rows, violation.outcome) == ("duplicates", 97, Outcome.WARN)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_d24_a_batch_above_the_cap_is_refused_before_it_is_read(declared, name):
    declared.write(max_rows=50)
    many = pd.concat([frame()] * 100, ignore_index=True)
    spelled = {
        "a.csv": many.to_csv(index=False),
        "a.jsonl": many.to_json(orient="records", lines=True),
        "a.parquet": parquet(many),
    }
    report = refused(declared, spelled[name], name)
    assert kinds(report) == {("volume", None)}
    assert "data.max_rows allows 50" in report.violations[0].message


def test_d24_a_batch_at_the_cap_is_taken(declared):
    declared.write(max_rows=3)
    assert len(accepted(declared, GOOD)[0]) == 3


def test_a_header_in_one_cell_says_what_is_wrong(declared):
    report = refused(declared, GOOD.replace(",", ";"))
    assert "The header is one cell: wanted commas" in report.violations[0].message


def test_a_first_batch_must_bring_what_the_spec_names(model):
    model.write(key=["id"], time={"columns": ["at"]})
    report = refused(model, "y,x\n0,1\n1,2\n")
    assert "'id', 'at', which the spec names, are missing" in report.violations[0].message


def test_later_batches_are_held_to_the_types_that_were_pinned(model):
    accepted(model, "y,x\n0,1\n1,2\n")
    batch, report = model.take("b.csv", "y,x\n0,1.5\n1,2\n")
    assert batch.state is BatchState.QUARANTINED
    assert "{x: float64}" in report.violations[0].message
    assert open_ledger(model.workspace).batches("m", state=BatchState.QUARANTINED) == [batch]
