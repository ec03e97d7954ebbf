"""Does anything that nobody may read ever reach the disk, a report or a log?"""

from __future__ import annotations

import pytest

from tenure import intake, validation
from tenure.records import BatchState
from tenure.registry import open_ledger
from tenure.registry.frames import read_frames
from tests.unit.intake.walking import kinds

SECRETS = ("ann@bank.example", "Ann Lee", "c-4711", "1980-05-17")
ROWS = """mail,name,customer,born,x,y
ann@bank.example,Ann Lee,c-4711,1980-05-17,1,0
bob@bank.example,Bob Ray,c-4712,1981-06-18,2,1
"""
TREAT = {
    "mail": "drop",
    "name": "mask",
    "customer": "pseudonymise",
    "born": {"coarsen": "year"},
}
COLUMNS = {
    "mail": "string",
    "name": "string",
    "customer": "string",
    "born": "date",
    "x": "int64",
    "y": "int64",
}


def leaks(model):
    kept = model.kept_bytes()
    return [secret for secret in SECRETS if secret.encode() in kept]


@pytest.fixture
def treated(model):
    return model.write(columns=COLUMNS, treat=TREAT)


def test_declared_columns_are_treated_before_anything_is_stored(treated, caplog):
    caplog.set_level("DEBUG")
    batch, _ = treated.take("a.csv", ROWS)
    assert batch.state is BatchState.ACCEPTED
    back = read_frames("m", [batch.snapshot], treated.workspace)
    assert list(back.columns) == ["name", "customer", "born", "x", "y"]
    assert back["name"].tolist() == ["***", "***"]
    assert leaks(treated) == []
    assert not any(secret in caplog.text for secret in SECRETS)
    assert [column.name for column in open_ledger(treated.workspace).contract("m")] == list(COLUMNS)


@pytest.mark.parametrize(
    "content",
    [
        ROWS.replace(",2,1", ",two,1"),
        ROWS.replace("born", "birth"),
        ROWS + "cut",
        ROWS.replace(",2,1", ",,1").replace(",1,0", ",,0"),
    ],
    ids=["type", "schema", "unreadable", "judged bad"],
)
def test_a_bad_batch_is_kept_sealed_and_can_be_read_again(treated, content):
    batch, report = treated.take("a.csv", content)
    assert batch.state is BatchState.QUARANTINED
    assert leaks(treated) == []
    assert intake.show_quarantined("m", batch.digest, treated.workspace).sealed
    assert not any(secret in str(report) + str(batch) for secret in SECRETS)
    (treated.source / "a.csv").unlink()
    again = intake.readmit(
        "m", batch.digest, treated.workspace, actor="person:ann", reason="Look again.",
        judge=validation.validate,
    )  # fmt: skip
    assert (again.state, again.reason) == (BatchState.QUARANTINED, batch.reason)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_d25_undeclared_personal_data_is_refused_and_kept_sealed(model, name):
    content = {
        "a.csv": "y,remark\n0,ann@bank.example\n1,nothing\n",
        "a.jsonl": '{"y":0,"remark":"ann@bank.example"}\n{"y":1,"remark":"nothing"}\n',
    }
    batch, report = model.take(name, content[name])
    assert batch.state is BatchState.QUARANTINED
    assert kinds(report) == {("personal", "remark")}
    assert batch.reason.startswith("Column 'remark' holds e-mail addresses in 1 rows; write data.")
    assert leaks(model) == []


def test_d25_it_is_found_in_columns_that_are_wrong_for_another_reason(model):
    model.write(columns={"y": "int64", "x": "float64"})
    _, extra = model.take("a.csv", "y,x,contact\n0,1,ann@bank.example\n1,2,x\n")
    assert {kind for kind, _ in kinds(extra)} == {"schema", "personal"}
    _, typed = model.take("b.csv", "y,x\n0,ann@bank.example\n1,2\n")
    assert {kind for kind, _ in kinds(typed)} == {"type", "personal"}
    _, twice = model.take("c.csv", "y,x,x\n0,ann@bank.example,1\n1,1,2\n")
    assert {kind for kind, _ in kinds(twice)} == {"schema", "personal"}
    assert leaks(model) == []


def test_a_column_that_is_declared_not_personal_is_not_searched(model):
    model.write(not_personal=["remark"])
    batch, _ = model.take("a.csv", "y,remark\n0,shop@bank.example\n1,nothing\n")
    assert batch.state is BatchState.ACCEPTED


def test_after_a_treatment_is_declared_a_sealed_batch_can_be_taken_in(model):
    batch, _ = model.take("a.csv", "y,remark\n0,ann@bank.example\n1,nothing\n")
    (model.source / "a.csv").unlink()
    model.write(treat={"remark": "drop"})
    again = intake.readmit(
        "m", batch.digest, model.workspace, actor="person:ann", reason="It is dropped now.",
        judge=validation.validate,
    )  # fmt: skip
    assert again.state is BatchState.ACCEPTED
    assert leaks(model) == []


def test_a_treatment_of_a_column_that_is_not_there_protects_nothing_and_is_refused(model):
    model.take("a.csv", "y,name\n0,a\n1,b\n")
    model.write(treat={"nmae": "drop"})
    batch, report = model.take("b.csv", "y,name\n0,Ann Lee\n1,Bob Ray\n")
    assert batch.state is BatchState.QUARANTINED
    assert kinds(report) == {("schema", "nmae")}
    assert leaks(model) == []
