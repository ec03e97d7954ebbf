"""A run whose process and runner were both killed is Crashed after a silence, end to end."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from prefect.client.orchestration import get_client

from deployments import automations
from tests.flows.conftest import api, drop, loans
from tests.servers import PROJECT, clean_environment, eventually

__all__ = ["api", "loans"]

SHORTEST_S = 10
"""No trigger of Prefect's waits for less."""


@pytest.fixture
def watched(loans, monkeypatch):
    """A workspace with data for a model that waits in its fit, on a server with the automation."""
    spec = loans.models_folder / "loans.yaml"
    patient = '"tests.acceptance.waiting:make_patient", allow: [tests.acceptance.waiting.patiently]'
    spec.write_text(spec.read_text().replace('"tests.acceptance.recipe:make_model"', patient))
    drop(loans, "monday.csv", 400, seed=1)
    monkeypatch.setattr(automations, "SILENT_S", SHORTEST_S)
    made = automations._crash_zombies().model_copy(update={"name": "tenure-crash-zombies-test"})
    made.create()
    yield loans
    with get_client(sync_client=True) as client:
        client.delete_automation(made.id)


def a_training(workspace, api):
    """A process that carries out a run by itself, as a runner's child whose runner is gone."""
    call = "from flows.ingest import ingest; from flows.train import train; "
    call += "ingest('loans'); train('loans')"
    return subprocess.Popen(
        [sys.executable, "-c", call],
        env=clean_environment(
            PREFECT_API_URL=api,
            PREFECT_HOME=str(workspace.state / "prefect"),
            TENURE_WORKSPACE=str(workspace.root),
            TENURE_PROJECT=str(PROJECT),
        ),
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_run_that_fell_silent_is_crashed(watched, api):
    (watched.root / "hold").touch()
    process = a_training(watched, api)
    try:
        eventually((watched.root / "held").exists)
        (run,) = _runs(api, "RUNNING")
    finally:
        process.kill()
        process.wait()
    ended = eventually(lambda: _state(api, run["id"], "CRASHED"))
    assert ended["message"] == f"No heartbeat for {SHORTEST_S} s."


def _runs(api, *states):
    body = {
        "flow_runs": {"state": {"type": {"any_": list(states)}}},
        "flows": {"name": {"any_": ["train"]}},
    }
    return httpx.post(f"{api}/flow_runs/filter", json=body, trust_env=False).json()


def _state(api, run, wanted):
    state = httpx.get(f"{api}/flow_runs/{run}", trust_env=False).json()["state"]
    return state if state["type"] == wanted else None
