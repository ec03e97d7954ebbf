from __future__ import annotations

import pytest

from tenure.errors import BadSpec, ModelNotFound
from tenure.spec import load_all, load_spec, model_names
from tenure.workspace import Workspace
from tests.unit.spec.specs import GOOD, must_say, read, write_spec


def test_a_good_spec_has_no_mistakes(workspace: Workspace) -> None:
    reading = read(workspace, GOOD)
    assert reading.mistakes == ()
    assert reading.spec is not None
    assert reading.spec.data.columns["amount"] == "float64"


def test_ten_lines_are_a_spec(workspace: Workspace) -> None:
    short = "name: m\nowner: o\ndata: {source: in, target: y}\ntraining: {pipeline: a.b:c}\n"
    assert read(workspace, short, "m").mistakes == ()


# What is changed in GOOD → line, key, got, wanted, hint (parts of each)
CASES = {
    "unknown key": (
        "owner:",
        "ownr:",
        2,
        "ownr",
        "an unknown key",
        "owner",
        "did you mean 'owner'?",
    ),
    "unknown key below": (
        "  pipeline:",
        "  pipline:",
        10,
        "training.pipline",
        "an unknown key",
        "pipeline | parameters",
        "did you mean 'pipeline'?",
    ),
    "missing key": ("owner: risk@bank.example\n", "", 1, "owner", "nothing", "Who answers for", ""),
    "wrong type": ("owner: risk@bank.example", "owner: 5", 2, "owner", "5", "a text", "in quotes"),
    "number in quotes": (
        "  key: [card]",
        "  key: [card]\n  max_rows: '5'",
        9,
        "data.max_rows",
        "'5'",
        "a whole number",
        "without quotes",
    ),
    "a boolean for a number": (
        "  pipeline: recipes:make",
        "  pipeline: recipes:make\n  seed: true",
        11,
        "training.seed",
        "true",
        "a whole number",
        "",
    ),
    "below its bound": (
        "  key: [card]",
        "  key: [card]\n  max_rows: 0",
        9,
        "data.max_rows",
        "0",
        "at least 1",
        "",
    ),
    "above its bound": (
        "at_least: 0.6}}",
        "at_least: 0.6}}\n  gate: {z: 11}",
        13,
        "evaluation.gate.z",
        "11",
        "at most 10",
        "",
    ),
    "not a choice": (
        "  key: [card]",
        "  key: [card]\n  format: cvs",
        9,
        "data.format",
        "'cvs'",
        "'auto' or 'csv' or 'parquet'",
        "",
    ),
    "list for a mapping": ("data:\n", "data:\n- a\nrest:\n", 3, "data", "a list", "a mapping", ""),
    "text for a list": ("  key: [card]", "  key: card", 8, "data.key", "'card'", "a list", ""),
    "bad name": ("name: fraud", "name: Fraud_1", 1, "name", "'Fraud_1'", "a-z, 0-9 and '-'", ""),
    "not its file's name": ("name: fraud", "name: scam", 1, "name", "'scam'", "'fraud'", ""),
    "bad import path": (
        "recipes:make",
        "lambda x",
        10,
        "training.pipeline",
        "'lambda x'",
        "module:function",
        "",
    ),
    "bad treatment": (
        "  key: [card]",
        "  key: [card]\n  treat: {amount: {coarsen: -1}}",
        9,
        "data.treat.amount",
        "a mapping",
        "drop | mask | pseudonymise",
        "",
    ),
    "bad span": (
        "recipes:make",
        "recipes:make\n  spans: [8 week]",
        11,
        "training.spans[0]",
        "'8 week'",
        "'all' or a number of days",
        "",
    ),
    "more windows than are looked at": (
        "schedules:",
        "monitoring: {retire: {share: 0.5, windows: 3 of 2}}\nschedules:",
        13,
        "monitoring.retire",
        "",
        "not more windows than are looked at",
        "",
    ),
    "a section of later": (
        "  gates:",
        "  fairness: {}\n  gates:",
        12,
        "evaluation.fairness",
        "does not know yet",
        "gates",
        "leave it out",
    ),
    "windows of two kinds": (
        "schedules:",
        "monitoring: {window: {days: 7, rows: 100}}\nschedules:",
        13,
        "monitoring.window",
        "",
        "one of days, rows and batches",
        "",
    ),
    "an unknown rung": (
        "schedules:",
        "monitoring: {retrian: {share: 0.5}}\nschedules:",
        13,
        "monitoring.retrian",
        "an unknown key",
        "retrain",
        "did you mean 'retrain'?",
    ),
    "an unknown method": (
        "schedules:",
        "monitoring: {numeric_method: kolmogorov}\nschedules:",
        13,
        "monitoring.numeric_method",
        "'kolmogorov'",
        "wasserstein",
        "",
    ),
    "a fate that is none": (
        "schedules:",
        "retirement: {retention: {artifact: burn}}\nschedules:",
        13,
        "retirement.retention.artifact",
        "'burn'",
        "keep",
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_says_file_line_key_got_and_wanted(case: str, workspace: Workspace) -> None:
    old, new, line, key, got, wanted, hint = CASES[case]
    assert old in GOOD
    reading = read(workspace, GOOD.replace(old, new, 1))
    mistake = must_say(reading, key)
    assert mistake.line == line
    assert got in mistake.got
    assert wanted in mistake.wanted
    assert hint in mistake.hint


# Text of a whole file → line, got, hint
BROKEN = {
    "empty": ("", None, "an empty file", ""),
    "no mapping": ("- a\n- b\n", 1, "no mapping", ""),
    "a tab": ("name: fraud\ndata:\n\tsource: in\n", 3, "a tab", "blanks"),
    "unclosed": ("name: fraud\ndata: {source: in\n", 3, "expected", ""),
    "a colon in a text": ("name: fraud\npurpose: a: b\n", 2, "mapping values", "quotes"),
    "a percent sign": ("name: fraud\npurpose: %d\n", 2, "cannot start any token", "quotes"),
    "a key twice": ("name: fraud\nowner: a\nowner: b\n", 3, "second time", ""),
    "a tag that makes objects": (
        "name: !!python/object/apply:os.system [id]\n",
        1,
        "list",
        "",
    ),
    "a scalar with a tag of Python": ("name: !!python/name:os.system x\n", 1, "tagged", ""),
    "two documents": ("name: a\n---\nname: b\n", 2, "another document", ""),
    "a key that is no text": ("? [a, b]\n: c\n", 1, "a key that is no text", ""),
    "a control character": ("name: a\x00b\n", None, "signs that YAML does not allow", ""),
    "too deep": ("name: " + "[" * 9_000, None, "grow without bound", ""),
    "no number": ("name: .nan\n", 1, "nan", "the function"),
    "a huge number": (f"name: {10**30}\n", 1, "10000", ""),
    "an unknown anchor": ("name: *nowhere\n", 1, "undefined alias", ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_no_spec_is_refused_with_its_line(case: str, workspace: Workspace) -> None:
    text, line, got, hint = BROKEN[case]
    reading = read(workspace, text)
    assert reading.spec is None
    mistake = next(one for one in reading.mistakes if got in one.got)
    assert mistake.line == line
    assert hint in mistake.hint


def test_references_cannot_make_a_file_grow(workspace: Workspace) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    reading = read(workspace, "\n".join(lines))
    assert [one.wanted for one in reading.mistakes] == ["at most 20,000 values, 24 levels deep"]


def test_a_reference_to_itself_ends(workspace: Workspace) -> None:
    assert "bound" in read(workspace, "a: &a [*a]\n").mistakes[0].got


def test_a_huge_file_is_not_read(workspace: Workspace) -> None:
    assert "300,000 bytes" in read(workspace, "#" * 300_000).mistakes[0].got


def test_bytes_that_are_no_text_are_refused(workspace: Workspace) -> None:
    file = write_spec(workspace)
    file.write_bytes(b"name: fr\xff")
    with pytest.raises(BadSpec, match="UTF-8"):
        load_spec("fraud", workspace)


def test_texts_stay_texts(workspace: Workspace) -> None:
    text = GOOD.replace(
        "  key: [card]", "  key: [card]\n  missing: [no, off, 2024-01-01, 12:30, 0x1F, NA]"
    )
    spec = read(workspace, text).spec
    assert spec is not None
    assert spec.data.missing == ["no", "off", "2024-01-01", "12:30", "0x1F", "NA"]


def test_numbers_are_read_as_python_writes_them_and_keys_of_parameters_stay_numbers(
    workspace: Workspace,
) -> None:
    given = "\n  parameters: {rate: 1e-3, balance: {0: 1.0, 1: 5.0}, loud: true}"
    spec = read(workspace, GOOD.replace("recipes:make", "recipes:make" + given)).spec
    assert spec is not None
    wanted = {"rate": 0.001, "balance": {0: 1.0, 1: 5.0}, "loud": True}
    assert spec.training.parameters == wanted


def test_merges_and_references_work(workspace: Workspace) -> None:
    text = GOOD.replace("gates: {", "gates:\n    roc_auc: &half {at_least: 0.5}\n    ").replace(
        "average_precision: {at_least: 0.6}}", "average_precision: {<<: *half, at_most: 0.9}"
    )
    spec = read(workspace, text).spec
    assert spec is not None
    floor = spec.evaluation.gates["average_precision"]
    assert (floor.at_least, floor.at_most) == (0.5, 0.9)


def test_all_mistakes_of_all_specs_come_at_once(workspace: Workspace) -> None:
    write_spec(workspace, GOOD.replace("owner:", "ownr:").replace("0 2 * * *", "never"))
    write_spec(workspace, "name: other\nowner: x\n", "other")
    write_spec(workspace, GOOD.replace("name: fraud", "name: fine"), "fine")
    with pytest.raises(BadSpec) as caught:
        load_all(workspace)
    mistakes = caught.value.facts["mistakes"]
    assert {(one["file"], one["key"]) for one in mistakes} >= {
        ("config/models/fraud.yaml", "ownr"),
        ("config/models/fraud.yaml", "owner"),
        ("config/models/other.yaml", "data"),
        ("config/models/other.yaml", "training"),
    }
    assert caught.value.exit_code == 2
    assert load_spec("fine", workspace).name == "fine"


def test_mistakes_between_parts_come_beside_each_other(workspace: Workspace) -> None:
    text = GOOD.replace("0 2 * * *", "never").replace("[card]", "[crad]")
    found = {one.key for one in read(workspace, text).mistakes}
    assert found == {"data.key[0]", "schedules.train"}


def test_a_model_that_is_not_there_is_named_with_the_nearest(workspace: Workspace) -> None:
    write_spec(workspace)
    (workspace.models_folder / ".hidden.yaml").write_text("x", encoding="utf-8")
    (workspace.models_folder / "notes.txt").write_text("x", encoding="utf-8")
    assert model_names(workspace) == ["fraud"]
    with pytest.raises(ModelNotFound, match="did you mean 'fraud'"):
        load_spec("frauds", workspace)


def test_another_ending_is_said_not_skipped(workspace: Workspace) -> None:
    (workspace.models_folder / "fraud.yml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(BadSpec, match=r"the ending '.yml'; wanted 'fraud.yaml'"):
        load_all(workspace)
