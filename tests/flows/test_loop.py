"""From what a monitor sees to who serves: each flow alone, called as the automations call it."""

from __future__ import annotations

import pytest

from flows.ingest import ingest
from flows.monitor import monitor
from flows.retire import retire
from flows.train import train
from tenure.records import Action, CaseState, Stage
from tenure.registry import open_ledger
from tests.acceptance.conftest import SPEC
from tests.flows.conftest import drop

WATCHED = (
    SPEC.replace('make_model"', 'make_model", on_arrival: false')
    + """\
monitoring:
  window: {batches: 1}
  min_rows: 100
  threshold: 0.3
  warn: {score: 0.3, windows: 1 of 1}
  retrain: {score: 0.6, windows: 1 of 1}
  retire: {metrics_below: {accuracy: 0.5}, windows: 1 of 1}
decisions: {cooldown_hours: 0}
retirement: {drain_s: 0.1}
"""
)


@pytest.fixture
def watched(loans):
    """The model in office since one batch of 1,000 rows, with rungs of its owner's."""
    (loans.models_folder / "loans.yaml").write_text(WATCHED)
    drop(loans, "monday.csv", 1000, seed=1)
    ingest("loans")
    train("loans")
    assert open_ledger(loans).slot("loans").version == 1
    return loans


def next_batch(workspace, **how):
    """Let the batch of another day arrive and be taken in."""
    count = len(open_ledger(workspace).snapshots("loans"))
    drop(workspace, f"day-{count}.csv", 1000, seed=10 + count, **how)
    assert ingest("loans", return_state=True).message.startswith("1 accepted")


def test_a_first_version_comes_with_its_reference_and_its_fallback(watched):
    ledger = open_ledger(watched)
    assert ledger.reference("loans", 1)
    assert [version.number for version in ledger.versions("loans")] == [2, 1]
    assert ledger.slot("loans").version == 1


def test_a_window_like_the_reference_changes_nothing(watched):
    next_batch(watched)
    state = monitor("loans", return_state=True)
    assert state.message.startswith("1 window; keep")
    assert open_ledger(watched).open_case_of("loans") is None


def test_a_window_is_judged_once(watched):
    next_batch(watched)
    monitor("loans")
    before = open_ledger(watched).head()
    assert monitor("loans", return_state=True).name == "Skipped"
    assert open_ledger(watched).head() == before


def test_a_drifted_window_leads_to_a_training_that_settles_its_case(watched):
    next_batch(watched, shift=2.0)
    assert "retrain" in monitor("loans", return_state=True).message
    case = open_ledger(watched).open_case_of("loans")
    assert case.action is Action.RETRAIN
    train("loans")
    assert open_ledger(watched).case(case.id).is_over


def test_a_breach_takes_the_champion_out_of_office(watched):
    next_batch(watched, flipped=True)
    assert "retire" in monitor("loans", return_state=True).message
    case = open_ledger(watched).open_case_of("loans")
    assert case.action is Action.RETIRE
    assert case.state is CaseState.OPEN
    state = retire("loans", case=case.id, return_state=True)
    assert state.name == "Completed", state.message
    ledger = open_ledger(watched)
    assert ledger.slot("loans").version == 2
    assert ledger.version("loans", 1).stage in (Stage.RETIRED, Stage.ARCHIVED)
    assert ledger.case(case.id).record
    before = ledger.head()
    assert retire("loans", case=case.id, return_state=True).name == "Skipped"
    assert ledger.head() == before
