"""The run verbs through real runs, and a training whose process is killed in the middle.

The tests are one story, in the order of this file, about a model of their own.
"""

from __future__ import annotations

import psutil
import pytest

from tenure.cli.parts import is_flow
from tenure.registry import open_ledger
from tenure.workspace import open_workspace
from tests.acceptance.recipe import make_batch
from tests.servers import PROJECT, eventually

pytestmark = pytest.mark.acceptance

SPEC = """\
name: patient
owner: credit@bank.example
data:
  source: data/patient
  target: repaid
  columns: {income: float64, debt: float64, repaid: int64}
training:
  pipeline: "tests.acceptance.waiting:make_patient"
  allow: [tests.acceptance.waiting.patiently]
  on_arrival: false
evaluation: {primary: accuracy, gate: {compare: holdout}}
scoring: {source: data/to-score, destination: data/scored}
"""


@pytest.fixture(scope="module")
def patient(stack):
    """The shared workspace with one more model, which Prefect's forms offer."""
    for folder in ("patient", "to-score", "scored"):
        (stack.root / "data" / folder).mkdir()
    (stack.root / "config/models/patient.yaml").write_text(SPEC)
    stack.tenure("sync")
    return stack


@pytest.fixture(scope="module")
def ledger(patient):
    return open_ledger(open_workspace(patient.root, project=PROJECT))


def the_run_at_work(stack):
    """The processes that carry out runs of training, below the runner of the long ones."""
    runner = psutil.Process(stack.up["parts"]["long"]["pid"])
    return [process for process in runner.children(recursive=True) if is_flow(process)]


def test_a_person_takes_a_file_in_by_the_command_line(patient):
    fresh = patient.root / "data/patient/.monday.part"
    make_batch(400, seed=1).to_csv(fresh, index=False)
    arrived = fresh.rename(patient.root / "data/patient/monday.csv")
    taken = patient.tenure("ingest", "patient", str(arrived))
    assert taken["state"] in ("Completed", "Skipped")
    (line,) = [one for one in patient.tenure("models") if one["model"] == "patient"]
    assert line["batches_accepted"] == 1


def test_a_training_that_is_killed_leaves_nothing_half_done(patient, ledger):
    (patient.root / "hold").touch()
    started = patient.tenure("train", "patient", "--no-follow")
    assert started["state"] in ("Scheduled", "Late", "Pending")
    run = started["address"].rpartition("/")[2]
    eventually((patient.root / "held").exists)
    before = ledger.head()
    for process in the_run_at_work(patient):
        process.kill()
    eventually(lambda: patient.prefect("GET", f"flow_runs/{run}")["state"]["type"] == "CRASHED")
    (patient.root / "hold").unlink()
    assert ledger.head() == before
    assert ledger.versions("patient") == []
    assert ledger.candidates("patient") == []
    damage = [each for each in patient.tenure("verify")["findings"] if each["severity"] == "damage"]
    assert damage == []
    # Its lease is still there, and would keep others away for a minute.
    assert ledger.lease("train:patient").holder == f"run:{run}"


def test_a_dead_runs_lease_keeps_nobody_away(patient, ledger):
    again = patient.tenure("train", "patient", "--require-promotion")
    assert again["state"] == "Completed"
    assert "promoted" in again["tags"]
    assert ledger.slot("patient").version == 1


def test_a_person_scores_files_by_the_command_line(patient):
    rows = make_batch(7, seed=3).drop(columns="repaid")
    fresh = patient.root / "data" / "march.csv"
    rows.to_csv(fresh, index=False)
    fresh.rename(patient.root / "data/to-score/march.csv")
    scored = eventually(lambda: _scored(patient))
    assert scored["message"].startswith("7 rows of 1 file(s) scored.")
    assert "version:1" in scored["tags"]
    assert list((patient.root / "data/scored").glob("*.parquet"))


def _scored(stack):
    # A file that was written a moment ago may still be growing: it is left for the next run.
    followed = stack.tenure("score", "patient")
    return followed if "rows of" in followed["message"] else None
