"""From a dropped file to a champion that serves, with the real server, runners and endpoint.

What is looked at here can be seen from outside: the command line, Prefect's API and HTTP. The tests
are one story, in the order of this file.
"""

from __future__ import annotations

import os
import signal
from uuid import uuid4

import httpx
import psutil
import pytest

from tests.acceptance.conftest import Traffic
from tests.servers import eventually, is_ready

pytestmark = pytest.mark.acceptance

ARRIVALS = {"event": {"name": ["tenure.batch_arrived"]}, "order": "DESC"}
AT_WORK = ("SCHEDULED", "PENDING", "RUNNING")

SECOND = 3
"""The number of the second fit; 2 is the fallback's, which came with the first."""


def quiet(stack):
    """No run of ingest or train waits or works, but those that a schedule has ahead."""
    runs = [*stack.runs("ingest", *AT_WORK), *stack.runs("train", *AT_WORK)]
    return not [run for run in runs if not run["auto_scheduled"]]


def test_the_nightly_schedule_is_in_place_with_runs_ahead(stack):
    (schedule,) = stack.deployment("train")["schedules"]
    assert schedule["slug"] == "loans"
    assert schedule["parameters"] == {"model": "loans"}
    assert schedule["schedule"]["timezone"] == "Europe/Berlin"
    ahead = eventually(lambda: stack.runs("train", "SCHEDULED"))
    assert all(run["parameters"] == {"model": "loans"} for run in ahead)


def test_a_form_offers_the_models_that_there_are(stack):
    for verb in ("ingest", "train", "deploy", "score"):
        schema = stack.deployment(verb)["parameter_openapi_schema"]["properties"]["model"]
        assert schema["enum"] == ["loans"]
        assert schema["description"]


def test_a_form_refuses_a_model_that_is_none(stack):
    deployment = stack.deployment("train")["id"]
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        stack.prefect(
            "POST", f"deployments/{deployment}/create_flow_run", parameters={"model": "nobody"}
        )


def test_a_dropped_file_becomes_a_version_that_serves(stack):
    stack.drop("monday.csv", 400, seed=1, early=True)
    eventually(lambda: stack.champion() == 1)
    answer = eventually(stack.try_ask)
    assert answer["version"] == 1
    assert len(answer["predictions"]) == 1


def test_runs_are_named_and_tagged_for_people(stack):
    eventually(lambda: quiet(stack))
    (trained,) = [run for run in stack.runs("train", "COMPLETED") if "promoted" in run["tags"]]
    assert trained["name"] == "train-loans-v1-promoted"
    assert {"model:loans", "version:1"} <= set(trained["tags"])
    assert trained["state"]["message"]
    (taken,) = [run for run in stack.runs("ingest", "COMPLETED") if "accepted" in run["tags"]]
    assert taken["name"] == "ingest-loans-monday.csv"
    named = stack.prefect(
        "POST", "task_runs/filter", flow_runs={"id": {"any_": [trained["id"]]}}, limit=50
    )
    words = {task["name"].partition("-")[0] for task in named}
    assert {"plan", "train", "evaluate", "register", "deploy"} <= words


def test_runs_show_what_they_found(stack):
    found = stack.prefect("POST", "artifacts/latest/filter", limit=100)
    keys = {artifact["key"] for artifact in found}
    assert {"validation-loans", "gate-loans", "metrics-loans", "champion-loans"} <= keys
    (link,) = [one for one in found if one["key"] == "evaluation-page-loans"]
    address = link["data"].partition("(")[2].rstrip(")")
    assert httpx.get(address, trust_env=False).status_code == 200


def test_no_result_is_stored_where_it_would_be_unpickled(stack):
    storage = stack.root / ".tenure" / "prefect" / "storage"
    assert not storage.exists() or not list(storage.iterdir())


def test_the_endpoint_answers_before_during_and_after_a_swap(stack):
    with Traffic(stack) as traffic:
        eventually(lambda: traffic.versions)
        stack.drop("tuesday.csv", 2000, seed=2)
        eventually(lambda: traffic.versions[-1] == SECOND)
    assert traffic.failures == []
    assert sorted(traffic.versions) == traffic.versions
    assert set(traffic.versions) == {1, SECOND}


def test_a_bad_file_is_quarantined_and_the_champion_untouched(stack):
    (stack.source() / "wednesday.csv").write_text("income,repaid\n1.0,1\n2.0,0\n")
    quarantined = eventually(lambda: stack.tenure("quarantine", "list"))
    assert [one["name"] for one in quarantined] == ["wednesday.csv"]
    assert "debt" in quarantined[0]["reason"]
    assert stack.champion() == SECOND
    assert stack.ask()["version"] == SECOND


def test_a_doubled_event_has_one_effect(stack):
    eventually(lambda: quiet(stack))
    before = stack.tenure("show", "loans")
    events = stack.prefect("POST", "events/filter", filter=ARRIVALS)["events"]
    doubled = [{**one, "id": str(uuid4())} for one in events[:1] * 2]
    for one in doubled:
        one.pop("received", None)
    runs = len(stack.runs("ingest"))
    stack.send_events(doubled)
    eventually(lambda: len(stack.runs("ingest", "COMPLETED")) >= runs + 2)
    assert stack.tenure("show", "loans") == before


def test_an_event_that_led_to_nothing_is_made_up_for(stack):
    (automation,) = [
        one for one in stack.prefect("POST", "automations/filter") if one["name"] == "tenure-ingest"
    ]
    stack.prefect("PATCH", f"automations/{automation['id']}", enabled=False)
    stack.drop("thursday.csv", 500, seed=4)

    def accepted():
        return stack.tenure("models")[0]["batches_accepted"] == 3

    eventually(accepted)
    causes = [tag for run in stack.runs("ingest") for tag in run["tags"] if "cause:" in tag]
    assert causes


def test_a_person_starts_a_run_and_follows_it(stack):
    eventually(lambda: len(stack.tenure("show", "loans")["versions"]) == 4)
    eventually(lambda: quiet(stack))
    followed = stack.tenure("train", "loans")
    assert followed["state"] == "Skipped"
    assert "model:loans" in followed["tags"]


def test_rollback_needs_no_prefect_server(stack):
    server = psutil.Process(stack.up["parts"]["server"]["pid"])
    server.kill()
    stack.tenure("rollback", "loans", "--reason", "alarms since noon")
    assert stack.champion() == 1
    eventually(lambda: stack.ask()["version"] == 1)
    eventually(lambda: stack.up["parts"]["server"]["pid"] != server.pid)
    eventually(lambda: is_ready(stack.up["addresses"]["api"]))


def test_what_a_killed_supervisor_left_is_taken_over(stack):
    before = stack.up
    os.kill(before["supervisor"]["pid"], signal.SIGKILL)
    stack.tenure("up", "--detach")
    after = stack.up
    assert after["supervisor"]["pid"] != before["supervisor"]["pid"]
    assert after["parts"]["endpoint"] == before["parts"]["endpoint"]
    assert after["addresses"] == before["addresses"]


def test_what_a_person_paused_stays_paused_and_nothing_is_left_behind(stack):
    deployment = stack.deployment("train")
    (schedule,) = deployment["schedules"]
    path = f"deployments/{deployment['id']}/schedules/{schedule['id']}"
    stack.prefect("PATCH", path, active=False)
    pids = [part["pid"] for part in stack.up["parts"].values()]
    stack.tenure("down")
    eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    stack.drop("friday.csv", 500, seed=5)
    stack.tenure("up", "--detach")
    (again,) = stack.deployment("train")["schedules"]
    assert not again["active"]
    assert not [run for run in stack.runs("train", "SCHEDULED") if run["auto_scheduled"]]
    (automation,) = [
        one for one in stack.prefect("POST", "automations/filter") if one["name"] == "tenure-ingest"
    ]
    assert not automation["enabled"]


def test_a_file_that_came_while_everything_was_down_is_taken_in(stack):
    eventually(lambda: stack.tenure("models")[0]["batches_accepted"] == 4)
    verified = stack.tenure("verify")
    assert [one for one in verified["findings"] if one["severity"] == "damage"] == []


def test_a_model_without_a_spec_that_serves_is_reported(stack):
    spec = stack.root / "config/models/loans.yaml"
    aside = spec.rename(spec.with_suffix(".aside"))
    try:
        synced = stack.tenure("sync", "--plan", exit_code=1)
        assert synced["orphans"] == ["loans"]
    finally:
        aside.rename(spec)
    assert stack.tenure("sync")["orphans"] == []
    assert stack.tenure("sync", "--plan")["changes"] == []
