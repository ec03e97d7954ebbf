"""Does a file become a snapshot or go to quarantine, once, and the same from every format?"""

from __future__ import annotations

import io

import pandas as pd
import pytest

from tenure import intake, validation
from tenure.errors import BatchNotFound, BytesNotKept, NotInSource, StillBeingWritten
from tenure.records import BatchState, Column, Outcome
from tenure.registry import open_ledger
from tenure.registry.frames import read_frames
from tests.unit.intake.walking import kinds

ROWS = """id,amount,open,kind,y
00123,1.5,true,NA,0
00124,,false,b,1
00125,2,true,b,0
00126,-3,true,NA,1
"""


def test_a_good_file_becomes_a_snapshot_and_pins_its_columns(model):
    batch, report = model.take("one.csv", ROWS)
    assert (batch.state, report.outcome) == (BatchState.ACCEPTED, Outcome.PASS)
    ledger = open_ledger(model.workspace)
    assert ledger.contract("m") == (
        Column(name="id", type="string"),
        Column(name="amount", type="float64"),
        Column(name="open", type="bool"),
        Column(name="kind", type="category"),
        Column(name="y", type="int64"),
    )
    (snapshot,) = ledger.snapshots("m")
    assert (snapshot.rows, snapshot.batch, snapshot.report) == (4, batch.digest, report.digest)
    assert validation.load_report(report.digest, model.workspace) == report
    frame = read_frames("m", [snapshot.digest], model.workspace)
    assert frame["id"].tolist() == ["00123", "00124", "00125", "00126"]
    assert frame["kind"].tolist() == ["NA", "b", "b", "NA"]
    assert frame["amount"].isna().tolist() == [False, True, False, False]
    assert batch.reason == "12 checks on 4 rows passed."


def test_the_same_rows_are_the_same_snapshot_in_every_format(model):
    model.write(columns={"id": "string", "amount": "float64", "kind": "category", "y": "int64"})
    frame = pd.DataFrame(
        {"id": ["01", "2"], "amount": [1.25, None], "kind": ["NA", "b"], "y": [2**62, -1]}
    )
    parquet = io.BytesIO()
    frame.to_parquet(parquet)
    spelled = {
        "a.csv": frame.to_csv(index=False),
        "b.parquet": parquet.getvalue(),
        "c.jsonl": frame.to_json(orient="records", lines=True),
    }
    batches = [model.take(name, content)[0] for name, content in spelled.items()]
    assert len({batch.digest for batch in batches}) == 3
    assert len({batch.snapshot for batch in batches}) == 1
    assert len(open_ledger(model.workspace).snapshots("m")) == 1


def test_the_same_bytes_under_another_name_are_no_second_batch(model):
    first, _ = model.take("one.csv", ROWS)
    again, _ = model.take("two.csv", ROWS)
    assert again == first
    assert len(open_ledger(model.workspace).batches("m")) == 1


def test_admitting_twice_changes_nothing(model):
    staged = model.stage("one.csv", ROWS)
    report = validation.validate(staged, model.workspace)
    first = intake.admit(staged, report, model.workspace, actor="system:a")
    head = open_ledger(model.workspace).head()
    assert intake.admit(staged, report, model.workspace, actor="system:b") == first
    assert open_ledger(model.workspace).head() == head


def test_a_bad_file_is_kept_with_its_bytes_and_reasons(model):
    model.take("good.csv", ROWS)
    batch, report = model.take("bad.csv", ROWS.replace("-3", "three"))
    assert batch.state is BatchState.QUARANTINED
    assert kinds(report) == {("type", "amount")}
    assert batch.kept_object == batch.digest
    assert model.object(batch.kept_object) == ROWS.replace("-3", "three").encode()
    assert batch.reason == (
        "Column 'amount' holds text that is no number in 1 rows; wanted float64. If the data are "
        "right, write data.columns with all columns and {amount: string}."
    )
    shown = intake.show_quarantined("m", batch.digest[:10], model.workspace)
    assert [violation.column for violation in shown.wrong] == ["amount"]
    assert (shown.report, shown.sealed) == (report, False)
    assert intake.quarantined(model.workspace) == [batch]
    assert len(open_ledger(model.workspace).snapshots("m")) == 1


def test_a_readmitted_batch_is_judged_by_todays_spec(model):
    model.write(columns={"y": "int64", "x": "int64"})
    batch, _ = model.take("a.csv", "y,x\n0,1.5\n1,2.5\n")
    (model.source / "a.csv").unlink()
    model.write(columns={"y": "int64", "x": "float64"})
    again = intake.readmit(
        "m",
        batch.digest,
        model.workspace,
        actor="person:ann",
        reason="The contract was wrong.",
        judge=validation.validate,
    )
    assert again.state is BatchState.ACCEPTED
    (entry,) = [row for row in open_ledger(model.workspace).audit("m") if "readmit" in row.kind]
    assert (entry.actor, entry.reason) == ("person:ann", "The contract was wrong.")


def test_without_a_judge_a_readmitted_batch_waits_for_the_next_ingest(model):
    batch, _ = model.take("a.csv", "y,x\n0,1\n\n1\n")
    again = intake.readmit("m", batch.digest, model.workspace, actor="person:ann", reason="Look.")
    assert again.state is BatchState.ARRIVED
    staged = intake.stage(again, model.workspace)
    back = intake.admit(
        staged, validation.validate(staged, model.workspace), model.workspace, actor="system:x"
    )
    assert (back.state, back.kept_object) == (BatchState.QUARANTINED, batch.kept_object)


def test_what_is_not_there_cannot_be_readmitted(model):
    with pytest.raises(BatchNotFound):
        intake.readmit("m", "0" * 64, model.workspace, actor="person:ann", reason="Look.")
    model.drop("a.csv", "y,x\n0,1\n\n1\n")
    batch = model.receive("a.csv")
    (model.source / "a.csv").unlink()
    staged = intake.stage(batch, model.workspace)
    report = validation.validate(staged, model.workspace)
    gone = intake.admit(staged, report, model.workspace, actor="system:x")
    assert (gone.state, gone.kept_object) == (BatchState.QUARANTINED, None)
    assert "not in the source any more" in str(gone.reason)
    with pytest.raises(BytesNotKept):
        intake.readmit("m", batch.digest, model.workspace, actor="person:ann", reason="Look.")
    assert open_ledger(model.workspace).batch("m", batch.digest) == gone


def test_a_file_that_changed_since_it_arrived_is_not_taken_for_what_it_was(model):
    model.drop("a.csv", ROWS)
    batch = model.receive("a.csv")
    model.drop("a.csv", ROWS + "00127,1,true,b,0\n")
    staged = intake.stage(batch, model.workspace)
    assert staged.object is None
    assert "changed since it arrived" in staged.violations[0].message
    assert model.receive("a.csv").digest != batch.digest


@pytest.mark.parametrize(
    "location",
    ["../secret.csv", "/etc/passwd", "sub/a.csv", "http://evil.example/a.csv", "", "..", "a\0.csv",
     "file:///etc/passwd", "in/../../x.csv"],
)  # fmt: skip
def test_only_what_lies_in_the_source_is_read(model, location):
    (model.workspace.root / "secret.csv").write_text(ROWS)
    with pytest.raises(NotInSource, match="source of 'm'"):
        model.receive(location)
    assert open_ledger(model.workspace).batches() == []


def test_a_link_out_of_the_source_and_a_pipe_are_no_batches(model):
    import os

    outside = model.workspace.root / "secret.csv"
    outside.write_text(ROWS)
    (model.source / "link.csv").symlink_to(outside)
    os.mkfifo(model.source / "pipe.csv")
    for name in ("link.csv", "pipe.csv"):
        with pytest.raises(NotInSource):
            model.receive(name)


def test_a_file_may_be_named_by_its_path(model):
    model.drop("a.csv", ROWS)
    by_name = model.receive("a.csv")
    assert model.receive(str(model.source / "a.csv")) == by_name
    assert model.receive("in/a.csv") == by_name


def test_a_file_that_is_open_for_writing_is_refused_until_it_is_closed(model):
    file = model.drop("a.csv", "y,x\n")
    with open(file, "a") as writer:
        writer.write("1,2\n")
        with pytest.raises(StillBeingWritten):
            model.receive("a.csv")
    assert model.receive("a.csv").state is BatchState.ARRIVED
