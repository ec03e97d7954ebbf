"""What no event led to is done all the same, once, and only a few times if it fails."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Failed, Running

from deployments.replay import replay
from deployments.sync import sync
from flows.reconcile import reconcile
from tasks import automations, reconciling, silence, starting, watchdog
from tenure.records import Action, Approval, CaseState, Cause, RolloutState
from tenure.registry import open_ledger
from tenure.workspace import open_workspace
from tests.acceptance.conftest import SPEC
from tests.flows.conftest import NOW, case
from tests.servers import PROJECT
from tests.unit.registry import lives

NO_ARRIVAL = SPEC.replace('make_model"', 'make_model", on_arrival: false')


@pytest.fixture(scope="module")
def deployments(api, tmp_path_factory):
    """The deployments that runs are started from; nobody carries them out."""
    root = tmp_path_factory.mktemp("deployments")
    (root / "config/models").mkdir(parents=True)
    (root / "config/models/loans.yaml").write_text(NO_ARRIVAL)
    made = open_workspace(root, project=PROJECT)
    with replay(made, api=api):
        sync(made, verbs=("train", "retire", "deploy"))


@pytest.fixture
def deployed(loans, deployments):
    """The model, and a server that has the deployments and no run that waits."""
    (loans.models_folder / "loans.yaml").write_text(NO_ARRIVAL)
    clear()
    yield loans
    clear()


def clear():
    """Take away what other tests left on the server that starts runs by itself, and those runs."""
    with get_client(sync_client=True) as client:
        for automation in client.read_automations():
            client.delete_automation(automation.id)
        for run in client.read_flow_runs(limit=200):
            if run.deployment_id and run.state and not run.auto_scheduled:
                client.delete_flow_run(run.id)


def opened(workspace, **facts):
    one = case(**facts)
    return open_ledger(workspace).open_case(one, actor=one.opened_by, evidence="readings")


def started(verb):
    """The runs of a verb that wait, oldest first."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{verb}/{verb}")
        found = [run for run in client.read_flow_runs() if run.deployment_id == deployment.id]
    return sorted((run for run in found if not run.auto_scheduled), key=lambda run: run.created)


def make_up(workspace):
    """Do what `reconcile` does about time, halts and cases, without its run; no event arrives."""
    for step in (reconciling.cancel_halted, reconciling.let_time_act, reconciling.carry_on_cases):
        step.fn(workspace)


def test_a_retirement_that_no_event_started_is_started_once(deployed):
    wanted = opened(deployed)
    assert reconcile(return_state=True).name == "Completed"
    assert reconcile(return_state=True).name == "Completed"
    (run,) = started("retire")
    assert run.parameters == {"model": "loans", "case": wanted.id}
    assert "by:system:reconcile" in run.tags


def test_a_retrain_that_no_event_started_is_started(deployed):
    opened(deployed, action=Action.RETRAIN)
    make_up(deployed)
    (run,) = started("train")
    assert run.parameters == {"model": "loans"}


def test_a_run_at_work_is_not_started_again(deployed):
    opened(deployed)
    make_up(deployed)
    (run,) = started("retire")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Running(), force=True)
    make_up(deployed)
    assert len(started("retire")) == 1


def test_a_training_that_fails_again_and_again_ends_its_case(deployed):
    wanted = opened(deployed, action=Action.RETRAIN)
    for attempt in range(starting.ATTEMPTS):
        make_up(deployed)
        runs = started("train")
        assert len(runs) == attempt + 1
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(runs[-1].id, Failed(), force=True)
    assert not open_ledger(deployed).case(wanted.id).is_over
    make_up(deployed)
    assert len(started("train")) == starting.ATTEMPTS
    assert open_ledger(deployed).case(wanted.id).state is CaseState.CLOSED


def test_a_promotion_that_people_approved_is_deployed(deployed):
    wanted = opened(
        deployed,
        action=Action.PROMOTE,
        cause=Cause.BETTER,
        epoch=0,
        approvals=(Approval(by="person:ann", approved=True, reason="Good.", at=NOW),),
        approvals_wanted=1,
    )
    make_up(deployed)
    (run,) = started("deploy")
    assert run.parameters["version"] == 1
    assert run.parameters["reason"] == f"Approved by person:ann (case {wanted.id[:12]})."


def test_an_approved_promotion_waits_for_a_rollout_that_is_under_way(deployed):
    for tag in "ab":
        lives.bare_version(deployed, model="loans", tag=tag)
    lives.promote(deployed, 1, 0, model="loans")
    said = {"actor": lives.PERSON, "reason": "It won.", "evidence": "e"}
    ledger = open_ledger(deployed)
    begun = ledger.start_rollout("loans", 2, shares=(0.1,), expected_epoch=1, **said)
    approved = {"approvals": (Approval(by="person:ann", approved=True, reason="Good.", at=NOW),)}
    lives.bare_version(deployed, model="loans", tag="c")
    about = {"action": Action.PROMOTE, "cause": Cause.BETTER, "version": 3}
    wanted = opened(deployed, **about, **approved, approvals_wanted=1)
    make_up(deployed)
    assert started("deploy") == []
    assert ledger.case(wanted.id).state is CaseState.OPEN
    ledger.end_rollout(begun.id, RolloutState.ABORTED, **said)
    make_up(deployed)
    (run,) = started("deploy")
    assert run.parameters["version"] == 3


def test_a_case_that_waits_starts_nothing(deployed):
    opened(deployed, state=CaseState.WAITING, approvals_wanted=1)
    make_up(deployed)
    assert started("retire") == []


@pytest.mark.parametrize(
    ("then", "state", "runs"), [("retire", CaseState.OPEN, 1), ("keep", CaseState.DECLINED, 0)]
)
def test_a_deadline_that_passed_takes_the_action_that_the_spec_names(deployed, then, state, runs):
    waiting = {"state": CaseState.WAITING, "approvals_wanted": 1, "on_timeout": then}
    wanted = opened(deployed, **waiting, deadline_at=NOW - timedelta(seconds=1))
    make_up(deployed)
    assert open_ledger(deployed).case(wanted.id).state is state
    assert len(started("retire")) == runs


@pytest.mark.parametrize("scope", ["loans", None])
def test_nothing_is_started_while_a_person_halts_it_and_all_of_it_after(deployed, scope):
    ledger = open_ledger(deployed)
    wanted = opened(deployed)
    late = {"state": CaseState.WAITING, "approvals_wanted": 1, "on_timeout": "retire"}
    ledger.halt(scope, actor="person:ann", reason="the feed is looked at")
    make_up(deployed)
    assert started("retire") == []
    ledger.resume(scope, actor="person:ann", reason="the feed is right")
    ledger.close_case(wanted.id, actor="person:ann", outcome="Done.", record=None, now=NOW)
    opened(deployed, id="d" * 64, **late, deadline_at=NOW - timedelta(seconds=1))
    make_up(deployed)
    assert len(started("retire")) == 1


def test_what_works_for_a_halted_model_is_asked_to_end_unless_a_person_started_it(deployed):
    opened(deployed)
    make_up(deployed)
    (ours,) = started("retire")
    with get_client(sync_client=True) as client:
        retire = client.read_deployment_by_name("retire/retire")
        theirs = client.create_flow_run_from_deployment(
            retire.id, parameters={"model": "loans", "case": "c" * 64}, tags=["by:claimed:ann"]
        )
        for run in (ours, theirs):
            client.set_flow_run_state(run.id, Running(), force=True)
        open_ledger(deployed).halt("loans", actor="person:ann", reason="the feed is looked at")
        make_up(deployed)
        assert client.read_flow_run(ours.id).state.is_cancelling()
        assert client.read_flow_run(theirs.id).state.is_running()


def test_a_model_in_trouble_holds_up_no_other(deployed):
    (deployed.models_folder / "cards.yaml").write_text(
        NO_ARRIVAL.replace("name: loans", "name: cards").replace("data/loans", "nowhere/cards")
    )
    opened(deployed)
    reconcile()
    assert len(started("retire")) == 1


def test_an_automation_that_is_gone_or_off_raises_an_alarm(deployed, monkeypatch):
    there = dict.fromkeys(automations.EVERY, True)
    monkeypatch.setattr(watchdog, "states", lambda: there)
    assert watchdog.look.fn("", deployed) == []
    there[automations.RETIRE] = False
    del there[automations.INGEST]
    told = f"{automations.INGEST}: {watchdog.GONE}. {automations.RETIRE}: {watchdog.OFF}."
    assert reconcile(return_state=True).message == told


def miss(workspace, place):
    """Let a retirement come up that only `reconcile` starts, and be over."""
    ledger = open_ledger(workspace)
    wanted = opened(workspace, id=f"{place:064x}")
    reconciling.carry_on_cases.fn(workspace)
    assert silence.counted("tenure-retire", workspace) == place  # its event was not sent yet
    ledger.mark_sent([row.seq for row in ledger.unsent()])
    clear()
    for _ in range(2):
        reconciling.carry_on_cases.fn(workspace)
    ledger.close_case(wanted.id, actor="person:ann", outcome="Over.", record=None, now=NOW)
    clear()


def test_an_automation_that_is_enabled_and_silent_raises_an_alarm(deployed, monkeypatch):
    there = dict.fromkeys(automations.EVERY, True)
    monkeypatch.setattr(watchdog, "states", lambda: there)
    for place in range(silence.TIMES):
        assert watchdog.look.fn("", deployed) == []
        miss(deployed, place)
    (line,) = watchdog.look.fn("", deployed)
    assert line["because of"] == automations.RETIRE
    assert "enabled and silent: 3 runs" in line["done"]
    there[automations.RETIRE] = False
    (line,) = watchdog.look.fn("", deployed)
    assert line["done"] == watchdog.OFF
    there[automations.RETIRE] = True
    assert watchdog.look.fn("", deployed) == []
    rows = open_ledger(deployed).happenings(None, ("automation_troubled", "automation_well"))
    assert [row.body.get("kind") for row in rows] == ["silent", "disabled", None]


def test_an_alarm_is_heard_while_another_run_reconciles(deployed, monkeypatch):
    monkeypatch.setattr(watchdog, "states", lambda: dict.fromkeys(automations.EVERY, True))
    ledger = open_ledger(deployed)
    lease = ledger.acquire_lease("reconcile:all", holder="run:another", ttl_s=60)
    said = "tenure-retire: the deployment is gone"
    assert said in reconcile(said, return_state=True).message
    assert reconcile(return_state=True).name == "Skipped"
    ledger.release_lease(lease)
