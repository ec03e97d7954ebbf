"""From what a monitor sees to who serves: each flow alone, called as the automations call it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import httpx
import pytest

from deployments.replay import replay
from flows.approve import approve
from flows.deploy import deploy
from flows.ingest import ingest
from flows.monitor import monitor
from flows.restore import restore
from flows.retire import retire
from flows.train import train
from tasks import events, reconciling, runs
from tenure import telling
from tenure.errors import CaseIsOver, CaseNotFound, StillInOffice
from tenure.records import Action, CaseState, Cause, Stage
from tenure.registry import close_ledger, open_ledger
from tenure.registry.specs import keep_spec
from tenure.spec import load_spec
from tenure.workspace import open_workspace
from tests.acceptance.conftest import SPEC
from tests.flows.conftest import case, drop
from tests.servers import PROJECT, clean_environment

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
FIRST, FALLBACK, SECOND = 1, 2, 3


def lived(tmp_path_factory, api, live, before=None):
    """Return a folder in which a model lived so far; tests work on copies of it."""
    root = tmp_path_factory.mktemp("lived")
    if before:
        shutil.copytree(before, root, dirs_exist_ok=True)
    else:
        for folder in ("config/models", "config/expectations", "data/loans"):
            (root / folder).mkdir(parents=True)
        (root / "config/models/loans.yaml").write_text(WATCHED)
    workspace = open_workspace(root, project=PROJECT)
    with replay(workspace, api=api, actor="automation:test"):
        live(workspace)
    close_ledger(workspace)
    return root


def next_batch(workspace, **how):
    """Let the batch of another day arrive and be taken in."""
    count = len(open_ledger(workspace).snapshots("loans"))
    drop(workspace, f"day-{count}.csv", 1000, seed=10 + count, **how)
    state = ingest("loans", return_state=True)
    assert state.message.startswith("1 accepted"), state.message


def start_in_office(workspace):
    next_batch(workspace)
    train("loans")
    assert open_ledger(workspace).slot("loans").version == FIRST


def fail(workspace):
    next_batch(workspace, flipped=True)
    assert "retire" in monitor("loans", return_state=True).message


@pytest.fixture(scope="module")
def _in_office(tmp_path_factory, api):
    return lived(tmp_path_factory, api, start_in_office)


@pytest.fixture(scope="module")
def _failed(tmp_path_factory, api, _in_office):
    return lived(tmp_path_factory, api, fail, _in_office)


@pytest.fixture
def watched(loans, _in_office):
    """The model in office since one batch of 1,000 rows, with rungs of its owner's."""
    shutil.copytree(_in_office, loans.root, dirs_exist_ok=True)
    return loans


@pytest.fixture
def failed(loans, _failed):
    """The model after a window in which it was wrong more often than right: its case is open."""
    shutil.copytree(_failed, loans.root, dirs_exist_ok=True)
    return loans


@pytest.fixture
def retired(failed):
    """The model whose first version is retired, and whose fallback answers."""
    state = retire("loans", return_state=True)
    assert state.name == "Completed", state.message
    return failed


def write_spec(workspace, more):
    (workspace.models_folder / "loans.yaml").write_text(WATCHED + more)


def champion(workspace):
    return open_ledger(workspace).slot("loans").version


def test_a_first_version_comes_with_its_reference_and_its_fallback(watched):
    ledger = open_ledger(watched)
    assert ledger.reference("loans", FIRST)
    assert [version.number for version in ledger.versions("loans")] == [FALLBACK, FIRST]
    assert champion(watched) == FIRST


def test_a_reference_that_nobody_kept_is_kept_before_the_first_window(watched, monkeypatch):
    kept = []
    monkeypatch.setattr("tenure.registry.ledger.Ledger.reference", lambda *_: None)
    monkeypatch.setattr("tasks.monitoring.keep_reference", lambda *about: kept.append(about[:2]))
    monitor("loans")
    assert kept == [("loans", FIRST)]


def test_a_window_like_the_reference_changes_nothing_and_is_judged_once(watched):
    next_batch(watched)
    assert monitor("loans", return_state=True).message.startswith("1 window; keep")
    assert open_ledger(watched).open_case_of("loans") is None
    before = open_ledger(watched).head()
    assert monitor("loans", return_state=True).name == "Skipped"
    assert open_ledger(watched).head() == before


def test_a_drifted_window_leads_to_a_training_that_settles_its_case(watched):
    next_batch(watched, shift=2.0)
    assert "retrain" in monitor("loans", return_state=True).message
    case = open_ledger(watched).open_case_of("loans")
    assert case.action is Action.RETRAIN
    train("loans")
    settled = open_ledger(watched).case(case.id)
    assert settled.is_over
    assert f"Version {SECOND}" in settled.outcome


def test_a_training_that_finds_nothing_new_settles_the_case_as_well(watched):
    ledger = open_ledger(watched)
    wanted = case(action=Action.RETRAIN, cause=Cause.AGE)
    ledger.open_case(wanted, actor=wanted.opened_by, evidence="its age")
    assert train("loans", return_state=True).name == "Skipped"
    assert ledger.case(wanted.id).outcome == "Nothing is new since version 1."


RETIRES = """
import sys
from flows.retire import retire
state = retire("loans", case=sys.argv[1], return_state=True)
heavy = {"evidently", "great_expectations", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
print(state.name, state.message)
"""


def test_a_breach_takes_the_champion_out_of_office(failed, api):
    """In a process of its own: what decided is not imported again to carry it out."""
    ledger = open_ledger(failed)
    case = ledger.open_case_of("loans")
    assert (case.action, case.state) == (Action.RETIRE, CaseState.OPEN)
    about = {"TENURE_WORKSPACE": str(failed.root), "TENURE_PROJECT": str(PROJECT)}
    home = {"PREFECT_API_URL": api, "PREFECT_HOME": str(failed.state / "prefect")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RETIRES, case.id],
        env=clean_environment(PYTHONPATH=str(PROJECT), **about, **home),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("Completed"), done.stdout + done.stderr
    assert champion(failed) == FALLBACK
    assert ledger.version("loans", FIRST).stage is Stage.ARCHIVED
    record = ledger.case(case.id).record
    assert record
    assert ledger.unsent() == []


def test_a_retirement_that_is_asked_for_twice_happens_once(retired):
    case = open_ledger(retired).cases("loans")[-1]
    before = open_ledger(retired).head()
    again = retire("loans", case=case.id, return_state=True)
    assert again.name == "Skipped"
    assert open_ledger(retired).head() == before


def test_a_run_that_died_in_a_retirement_is_gone_on_with(failed, monkeypatch):
    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("tenure.retirement.archive", die, raising=False)
        with pytest.raises(KeyboardInterrupt):
            retire("loans")
    case = open_ledger(failed).open_case_of("loans")
    assert [step.name for step in case.steps][-1] == "turn_off"
    assert champion(failed) == FALLBACK
    assert retire("loans", return_state=True).name == "Completed"
    steps = [step.name for step in open_ledger(failed).case(case.id).steps]
    assert len(steps) == len(set(steps))
    assert open_ledger(failed).case(case.id).record


def test_a_decision_that_came_too_late_retires_nobody(failed):
    next_batch(failed)
    ledger = open_ledger(failed)
    case = ledger.open_case_of("loans")
    deploy("loans", FALLBACK, "until we know more")
    deploy("loans", FIRST, "now we know")
    assert retire("loans", case=case.id, return_state=True).name == "Completed"
    assert champion(failed) == FIRST
    assert ledger.case(case.id).record is None


def test_many_bad_windows_open_one_case(watched):
    for _ in range(4):
        next_batch(watched, flipped=True)
    state = monitor("loans", return_state=True)
    assert state.message.startswith("4 windows; retire")
    assert len(open_ledger(watched).cases("loans")) == 1


def test_a_fallback_is_not_watched_and_a_better_version_takes_over_from_it(retired):
    next_batch(retired)
    state = monitor("loans", return_state=True)
    assert state.name == "Skipped"
    assert "left office" in state.message
    train("loans")
    assert champion(retired) == SECOND
    next_batch(retired)
    assert monitor("loans", return_state=True).message.startswith("1 window")


def test_a_case_waits_for_its_answer(watched):
    write_spec(watched, "tier: medium\n")
    next_batch(watched, flipped=True)
    monitor("loans")
    ledger = open_ledger(watched)
    case = ledger.open_case_of("loans")
    assert case.state is CaseState.WAITING
    assert retire("loans", case=case.id, return_state=True).name == "Skipped"
    said = {"decision": "approve", "reason": "I have seen it", "who": "ann"}
    with pytest.raises(CaseNotFound):
        approve("loans", **said, case="0" * 12)
    approve("loans", **said, case=case.id[:12])
    retire("loans", case=case.id)
    assert champion(watched) == FALLBACK
    (answer,) = ledger.case(case.id).approvals
    assert (answer.by, answer.approved) == ("claimed:ann", True)
    with pytest.raises(CaseIsOver):
        approve("loans", **said, case=case.id)


def test_a_case_that_is_declined_changes_nothing(watched):
    write_spec(watched, "tier: medium\n")
    next_batch(watched, flipped=True)
    monitor("loans")
    case = open_ledger(watched).open_case_of("loans")
    approve("loans", decision="decline", reason="a known holiday", who="ann")
    assert open_ledger(watched).case(case.id).state is CaseState.DECLINED
    assert retire("loans", case=case.id, return_state=True).name == "Skipped"
    assert champion(watched) == FIRST


def test_a_halt_stops_what_is_automatic_at_every_door(failed):
    ledger = open_ledger(failed)
    ledger.halt("loans", actor="person:ann", reason="the feed is looked at")
    before = ledger.head()
    for flow in (train, retire):
        state = flow("loans", return_state=True)
        assert state.name == "Skipped"
        assert "halted by person:ann" in state.message
    assert ledger.head() == before
    ledger.resume("loans", actor="person:ann", reason="the feed is right")
    retire("loans")
    assert champion(failed) == FALLBACK


def test_a_champion_is_not_retired_by_hand_without_somebody_who_takes_over(watched):
    with pytest.raises(StillInOffice):
        retire("loans", reason="I do not like it")
    assert champion(watched) == FIRST


def test_what_a_person_ended_with_anothers_approval_is_trained_by_people_alone(
    watched, monkeypatch
):
    with monkeypatch.context() as by_bob:
        by_bob.setattr(runs, "actor", lambda: "claimed:bob")
        state = retire("loans", reason="its feed is sold", to_fallback=True, return_state=True)
        assert "waits for approval" in state.message
        approve("loans", decision="approve", reason="indeed", who="ann")
        assert retire("loans", return_state=True).name == "Completed"
    assert champion(watched) == FALLBACK
    next_batch(watched)
    state = train("loans", return_state=True)
    assert "claimed:bob took 'loans' out of office: its feed is sold." in state.message
    assert champion(watched) == FALLBACK
    monkeypatch.setattr(runs, "actor", lambda: "claimed:bob")
    train("loans")
    assert champion(watched) == SECOND


def test_a_restored_version_is_fit_again_and_serves_when_deployed(retired):
    restore("loans", FIRST, "the labels were wrong")
    assert open_ledger(retired).version("loans", FIRST).stage is Stage.VALIDATED
    assert champion(retired) == FALLBACK
    deploy("loans", FIRST, "the labels were wrong")
    assert champion(retired) == FIRST


def test_a_decision_waits_in_the_outbox_while_the_server_is_down(watched, monkeypatch):
    def unreachable(**_):
        raise httpx.ConnectError("the server is down")

    next_batch(watched, flipped=True)
    with monkeypatch.context() as broken:
        broken.setattr(events, "get_client", unreachable)
        monitor("loans")
    ledger = open_ledger(watched)
    (row,) = ledger.unsent()
    assert row.kind == "retirement_decided"
    told = events.as_event(row)
    assert told["payload"]["case"] == ledger.open_case_of("loans").id
    assert events.tell(watched) == 1


def test_a_model_whose_spec_is_gone_is_watched_and_retired_by_its_last(watched):
    write_spec(watched, "notify: {to: [HOOK]}\n")
    keep_spec(load_spec("loans", watched), watched, actor="system:test")
    (watched.models_folder / "loans.yaml").unlink()
    assert telling.due_notices("loans", watched) == []
    reconciling.look_after_specs.fn(watched)
    next_batch(watched, flipped=True)
    assert "retire" in monitor("loans", return_state=True).message
    (reading,) = open_ledger(watched).readings("loans")
    assert reading.labelled_rows == 1000
    assert retire("loans", return_state=True).name == "Completed"
    assert champion(watched) == FALLBACK
    orphaned, closed = telling.due_notices("loans", watched)
    assert (orphaned.row.kind, orphaned.to) == ("model_orphaned", ("HOOK",))
    assert closed.row.kind == "case_closed"
    assert train("loans", return_state=True).name == "Failed"


def test_a_winner_takes_office_on_a_persons_word_where_the_tier_wants_one(loans):
    write_spec(loans, "tier: medium\n")
    next_batch(loans)
    train("loans")
    assert open_ledger(loans).slot("loans") is None
    reconciling.let_time_act.fn(loans)
    (case,) = open_ledger(loans).waiting_cases("loans")
    assert (case.action, case.version) == (Action.PROMOTE, FIRST)
    said = {"decision": "approve", "reason": "I have seen it", "who": "ann"}
    assert approve("loans", **said, return_state=True).name == "Completed"
    deploy("loans", FIRST, "Approved by claimed:ann.")
    reconciling.carry_on_cases.fn(loans)
    assert open_ledger(loans).case(case.id).outcome == "Version 1 took office, as was approved."
