"""From drift to a retired champion, with the real server, runners and endpoint.

What is looked at can be seen from outside: Prefect's API, HTTP and the command line. The tests are
one story, in the order of this file; each model stands for one way that a case can go.
"""

from __future__ import annotations

import httpx
import psutil
import pytest

from tests.acceptance.conftest import SPEC, Traffic, brought_up
from tests.servers import eventually, is_ready

pytestmark = pytest.mark.acceptance

RUNGS = """\
monitoring:
  window: {batches: 1}
  min_rows: 100
  threshold: 0.3
  retrain: {score: 0.6, windows: 1 of 1}
  retire: {metrics_below: {accuracy: 0.5}, windows: 1 of 1}
retirement: {drain_s: 1}
"""
FIRST, FALLBACK = 1, 2
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def spec(name, *, more="", schedules="{}"):
    about = SPEC.replace("name: loans", f"name: {name}").replace("data/loans", f"data/{name}")
    about = about.replace('make_model"', 'make_model", on_arrival: false')
    return about.partition("schedules:")[0] + f"schedules: {schedules}\n" + RUNGS + more


MODELS = {
    "loans": spec("loans", schedules='{monitor: "* * * * *"}'),
    "cards": spec("cards", more="tier: medium\n"),
    "cars": spec(
        "cars",
        more="tier: medium\ndecisions: {approve_within_hours: 0.001, when_not_answered: retire}\n",
    ),
    "boats": spec("boats"),
}


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Four models, for each of which a first batch arrives."""
    with brought_up(tmp_path_factory.mktemp("loop") / "a workspace", MODELS) as stack:
        for model in MODELS:
            stack.drop("monday.csv", 600, seed=1, model=model)
        yield stack


def ended(stack, verb, model, tag=""):
    """Return a model's runs that completed, oldest first; with a tag only those that bear it."""
    found = [run for run in stack.runs(verb, "COMPLETED") if run["parameters"]["model"] == model]
    return [run for run in reversed(found) if not tag or tag in run["tags"]]


def start(stack, verb, **parameters):
    """Start a run as its form does; return its id."""
    path = f"deployments/{stack.deployment(verb)['id']}/create_flow_run"
    return stack.prefect("POST", path, parameters=parameters)["id"]


def follow(stack, run):
    """Return a run's last state."""

    def last():
        state = stack.prefect("GET", f"flow_runs/{run}")["state"]
        return state if state["type"] in ENDED else None

    return eventually(last)


def put_into_office(stack, *models):
    """Train the first version of each model, and wait until it serves and has its fallback.

    Where the tier wants somebody's word, that is `deploy`.
    """
    for model in models:
        eventually(lambda model=model: ended(stack, "ingest", model, "accepted"))
        start(stack, "train", model=model)
    for model in models:
        eventually(lambda model=model: ended(stack, "train", model, "version:1"))
        if stack.try_ask(model) is None:
            run = start(stack, "deploy", model=model, version=FIRST, reason="it is good")
            assert follow(stack, run)["type"] == "COMPLETED"
        assert stack.ask(model)["version"] == FIRST


def serves(stack, model, version):
    eventually(lambda: (stack.try_ask(model) or {}).get("version") == version)


def newest_case(stack, model):
    return stack.tenure("cases", model, "--all")[-1]


def enable(stack, name, enabled):
    (found,) = [one for one in stack.prefect("POST", "automations/filter") if one["name"] == name]
    stack.prefect("PATCH", f"automations/{found['id']}", enabled=enabled)


def pause(stack, verb, paused):
    stack.prefect("PATCH", f"deployments/{stack.deployment(verb)['id']}", paused=paused)


def test_a_scheduled_monitor_sees_drift_and_a_challenger_is_trained(office):
    put_into_office(office, "loans")
    enable(office, "tenure-monitor", False)
    pause(office, "reconcile", True)
    office.drop("tuesday.csv", 600, seed=2, model="loans", shift=2.0)
    put_into_office(office, *(model for model in MODELS if model != "loans"))
    (seen,) = eventually(lambda: ended(office, "monitor", "loans", "retrain"))
    assert seen["auto_scheduled"]
    assert seen["name"] == "monitor-loans-retrain"
    (trained,) = eventually(lambda: ended(office, "train", "loans")[1:])
    assert trained["created_by"]["display_value"] == "tenure-retrain"
    case = newest_case(office, "loans")
    assert (case["action"], case["state"]) == ("retrain", "closed")
    enable(office, "tenure-monitor", True)
    pause(office, "reconcile", False)


def test_a_breach_retires_the_champion_while_the_endpoint_answers(office):
    before = office.ask("loans")["version"]
    with Traffic(office, "loans") as traffic:
        office.drop("wednesday.csv", 600, seed=3, model="loans", flipped=True)
        (run,) = eventually(lambda: ended(office, "retire", "loans", "retired"))
        serves(office, "loans", FALLBACK)
    assert traffic.failures == []
    assert set(traffic.versions) == {before, FALLBACK}
    assert run["name"] == f"retire-loans-v{before}"
    # On the minute `reconcile` may be quicker than the event; who comes second does nothing.
    by_event = (run["created_by"] or {}).get("display_value") == "tenure-retire"
    assert by_event or "by:system:reconcile" in run["tags"]
    others = [one for one in ended(office, "retire", "loans") if one["id"] != run["id"]]
    assert {one["state_name"] for one in others} <= {"Skipped"}
    asked = {"instances": [{"income": 0.5, "debt": -0.25}]}
    gone = office.endpoint(f"/v1/models/loans/versions/{before}:predict", asked)
    assert gone.status_code == 410


def test_what_is_retired_is_not_watched_by_schedule_any_more(office):
    (schedule,) = office.deployment("monitor")["schedules"]
    assert schedule["slug"] == "loans"
    assert not schedule["active"]


def test_a_case_waits_for_a_person_and_is_carried_out_on_their_word(office):
    office.drop("tuesday.csv", 600, seed=2, model="cards", flipped=True)
    eventually(lambda: ended(office, "monitor", "cards", "retire"))
    case = newest_case(office, "cards")
    assert (case["action"], case["state"]) == ("retire", "waiting")
    assert office.ask("cards")["version"] == FIRST
    said = {"model": "cards", "decision": "approve", "reason": "I have seen it", "who": "ann"}
    stale = follow(office, start(office, "approve", **said, case="0" * 12))
    assert stale["type"] == "FAILED"
    answered = follow(office, start(office, "approve", **said, case=case["id"][:12]))
    assert answered["type"] == "COMPLETED", answered["message"]
    eventually(lambda: ended(office, "retire", "cards", "retired"))
    serves(office, "cards", FALLBACK)
    assert newest_case(office, "cards")["approvals"][0]["by"] == "claimed:ann"


def test_a_deadline_that_passes_takes_the_action_that_the_spec_names(office):
    office.drop("tuesday.csv", 600, seed=2, model="cars", flipped=True)
    eventually(lambda: ended(office, "monitor", "cars", "retire"))
    start(office, "reconcile")  # as each minute, which need not be waited for
    eventually(lambda: ended(office, "retire", "cars", "retired"))
    serves(office, "cars", FALLBACK)
    case = newest_case(office, "cars")
    assert (case["state"], case["approvals"]) == ("closed", [])


def test_a_halt_stops_it_and_a_lifted_one_lets_it_go_on(office):
    office.tenure("halt", "boats", "--reason", "the feed is looked at")
    office.drop("tuesday.csv", 600, seed=2, model="boats", flipped=True)
    eventually(lambda: ended(office, "monitor", "boats"))
    assert office.tenure("cases", "boats", "--all") == []
    assert office.ask("boats")["version"] == FIRST
    office.tenure("resume", "boats", "--reason", "the feed is right")


def test_a_decision_whose_event_was_lost_with_the_server_is_carried_out(office):
    server = psutil.Process(office.up["parts"]["server"]["pid"])
    with Traffic(office, "boats") as traffic:
        office.drop("wednesday.csv", 600, seed=3, model="boats", flipped=True)
        eventually(
            lambda: [
                run
                for run in office.runs("monitor", "RUNNING")
                if run["parameters"]["model"] == "boats"
            ],
            every_s=0.05,
        )
        server.kill()
        serves(office, "boats", FALLBACK)
    assert traffic.failures == []
    eventually(lambda: is_ready(office.up["addresses"]["api"]))
    eventually(lambda: newest_case(office, "boats")["state"] == "closed")


def test_the_record_of_it_all_is_sound_and_nothing_was_pickled(office):
    verified = office.tenure("verify")
    assert [one for one in verified["findings"] if one["severity"] == "damage"] == []
    storage = office.root / ".tenure" / "prefect" / "storage"
    assert not storage.exists() or not list(storage.iterdir())
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        start(office, "approve", model="cards", decision="perhaps", reason="seen", who="ann")
