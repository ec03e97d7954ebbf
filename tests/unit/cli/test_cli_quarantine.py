from __future__ import annotations

import tenure
from tenure.registry import open_ledger
from tenure.workspace import Workspace
from tests.unit.cli.calling import Shell
from tests.unit.intake.walking import Model


def test_a_refused_batch_is_listed_shown_and_judged_again(
    shell: Shell, workspace: Workspace
) -> None:
    model = Model(workspace, "fraud").write(columns={"x": "float64", "y": "int64"})
    batch, _ = model.take("monday.csv", "x,y\n1.0,0\nmuch,1\n")
    said = shell("quarantine", "list")
    assert said.code == 0
    assert batch.digest[:12] in said.out
    assert "monday.csv" in said.out
    shown = shell("quarantine", "show", "fraud", batch.digest[:6])
    assert "quarantined" in shown.out
    assert "much" not in shown.out
    as_json = shell("quarantine", "show", "fraud", batch.digest[:6], "--json").json
    assert as_json["report"]["outcome"] == "fail"
    back = shell("quarantine", "readmit", "fraud", batch.digest[:8], "-m", "looked at it")
    assert back.code == 0, back.err
    assert "`tenure ingest fraud` judges it now." in back.out
    assert tenure.quarantine.list("fraud", workspace=workspace.root) == ()
    again = shell("quarantine", "readmit", "fraud", batch.digest[:8], "-m", "again", "--json")
    assert (again.code, again.json["state"]) == (0, "arrived")
    last = open_ledger(workspace).audit("fraud")[-1]
    assert last.reason == "looked at it"
    assert last.actor.startswith("person:")


def test_a_beginning_that_fits_several_batches_is_not_guessed(
    shell: Shell, workspace: Workspace
) -> None:
    ledger = open_ledger(workspace)
    for last in "01":
        ledger.arrive(
            "fraud",
            digest="ab" * 31 + f"c{last}",
            name=f"{last}.csv",
            location=f"in/{last}.csv",
            size=1,
            actor="system:test",
        )
    said = shell("quarantine", "show", "fraud", "abab", "--json")
    assert (said.code, said.error["code"]) == (2, "AmbiguousBatch")


def test_nothing_in_quarantine_is_said(shell: Shell) -> None:
    said = shell("quarantine", "list")
    assert (said.code, said.out) == (0, "Nothing is in quarantine.\n")
    assert shell("quarantine", "list", "--json").json == []
