"""What Tenure relies on in the pinned Prefect, tried on a real server."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId

from deployments import automations
from deployments.build import VERBS, Pool, build, offer_models
from deployments.sync import existing_deployment, sync
from flows.train import train
from tenure.records import BatchState
from tenure.registry import open_ledger
from tests.flows.conftest import api, drop, loans
from tests.servers import PROJECT, clean_environment, eventually

__all__ = ["api", "loans"]


@pytest.fixture
def synced(loans):
    sync(loans)
    return loans


def test_a_cron_deployment_has_runs_ahead(synced):
    """With SQLAlchemy 2.1 the scheduler dies in silence and no schedule ever makes a run."""
    deployment = existing_deployment("train")
    only = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]))
    with get_client(sync_client=True) as client:
        ahead = eventually(lambda: client.read_flow_runs(flow_run_filter=only))
    assert {run.parameters["model"] for run in ahead} == {"loans"}


def test_prefects_own_command_lists_deployments(synced, api):
    """With fastapi 0.151 and 0.152 every listing of the command line gets 422."""
    listed = subprocess.run(
        [sys.executable, "-m", "prefect", "deployment", "ls"],
        env=clean_environment(PREFECT_API_URL=api),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    for verb in VERBS:
        assert f"{verb}/{verb}" in listed.stdout


def test_the_private_name_that_offers_models_is_there():
    made = build("train", [])
    offer_models(made, ["b", "a"])
    assert made._parameter_openapi_schema.model_dump()["properties"]["model"]["enum"] == ["a", "b"]


def test_doing_it_again_changes_nothing(synced):
    assert sync(synced).changes == ()
    assert sync(synced, plan=True).changes == ()


def test_a_schedule_that_no_spec_names_is_removed(synced):
    spec = synced.models_folder / "loans.yaml"
    spec.write_text(spec.read_text().replace('train: "0 3 * * *"', 'ingest: "0 * * * *"'))
    changes = sync(synced).changes
    assert "schedule train of loans: removed" in changes
    assert existing_deployment("train").schedules == []
    assert [one.slug for one in existing_deployment("ingest").schedules] == ["loans"]


def test_what_a_person_paused_or_disabled_stays_so(synced):
    deployment = existing_deployment("train")
    with get_client(sync_client=True) as client:
        client.update_deployment_schedule(deployment.id, deployment.schedules[0].id, active=False)
        client.pause_deployment(existing_deployment("score").id)
        ours = {one.name: one for one in client.read_automations()}
        client.pause_automation(ours[automations.TRAIN].id)
    sync(synced)
    assert not existing_deployment("train").schedules[0].active
    assert existing_deployment("score").paused
    assert not existing_deployment("train").paused
    with get_client(sync_client=True) as client:
        again = {one.name: one for one in client.read_automations()}
    assert again[automations.TRAIN].id == ours[automations.TRAIN].id
    assert not again[automations.TRAIN].enabled
    assert again[automations.INGEST].enabled


def test_a_model_that_is_not_trained_on_arrival_has_no_automation(synced):
    spec = synced.models_folder / "loans.yaml"
    spec.write_text(spec.read_text().replace('make_model"}', 'make_model", on_arrival: false}'))
    assert sync(synced).changes == ("automation tenure-train: removed",)


def test_a_teams_worker_runs_in_its_checkout_and_not_in_a_copy(loans, api):
    env = {"TENURE_WORKSPACE": str(loans.root), "TENURE_PROJECT": str(PROJECT)}
    sync(loans, pool=Pool(name="tenure", working_dir=str(PROJECT), env=env))
    assert existing_deployment("ingest").work_pool_name == "tenure"
    drop(loans, "monday.csv", 400, seed=1)
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(
            existing_deployment("ingest").id, parameters={"model": "loans"}
        )
        worker = subprocess.Popen(
            [sys.executable, "-m", "deployments.worker", "--pool", "tenure"],
            env=clean_environment(PREFECT_API_URL=api, PREFECT_HOME=str(loans.state / "worker")),
            cwd=PROJECT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            ended = eventually(lambda: _final(client.read_flow_run(run.id).state))
        finally:
            worker.terminate()
            worker.wait(30)
    assert ended.message == "1 accepted. "
    (batch,) = open_ledger(loans).batches("loans")
    assert batch.state is BatchState.ACCEPTED


def _final(state):
    return state if state and state.is_final() else None


def test_a_called_flow_uses_no_lease_of_prefects(synced):
    assert train("loans", return_state=True).is_failed()
    assert open_ledger(synced).acquire_lease("train:loans", holder="run:another", ttl_s=1)
