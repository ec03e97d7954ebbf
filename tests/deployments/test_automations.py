"""Each automation answers the events that it should, with parameters that its flow takes."""

from datetime import UTC, datetime
from importlib import import_module
from uuid import uuid4

import pytest
from prefect.server.events.schemas.automations import EventTrigger
from prefect.server.events.schemas.events import ReceivedEvent

from deployments.automations import NAMES, wanted
from deployments.build import VERBS
from tasks.automations import EVERY
from tasks.events import as_event
from tenure.records import AuditRow
from tenure.spec import ModelSpec

IDS = {verb: uuid4() for verb in VERBS}


def spec(name="fraud", **more):
    about = {
        "name": name,
        "owner": "somebody@somewhere.example",
        "data": {"source": "data", "target": "y"},
        "training": {"pipeline": "examples.iris.recipe:make_pipeline", **more},
    }
    return ModelSpec.model_validate(about)


def event(kind, model="fraud", **body):
    at = datetime(2026, 5, 3, tzinfo=UTC)
    row = AuditRow(
        seq=7,
        recorded_at=at,
        as_of=at,
        kind=kind,
        model=model,
        actor="automation:monitor",
        reason="because",
        evidence="e" * 64,
        body=body,
        digest="d" * 64,
    )
    return ReceivedEvent.model_validate(as_event(row))


def answering(told, specs=None):
    """The names of the automations that an event starts."""
    found = []
    for one in wanted(specs or [spec()], IDS):
        trigger = EventTrigger.model_validate(one.trigger.model_dump())
        if trigger.posture == "Reactive" and trigger.covers(told) and trigger.expects(told.event):
            found.append(one.name)
    return found


OPEN, WAITING = {"state": "open"}, {"state": "waiting"}


@pytest.mark.parametrize(
    ("told", "names"),
    [
        (event("batch_arrived", location="x"), ["tenure-ingest"]),
        (event("batch_accepted"), ["tenure-train"]),
        (event("window_closed"), ["tenure-monitor"]),
        (event("retrain_decided", action="retrain", case="c", opened=OPEN), ["tenure-retrain"]),
        (event("retirement_decided", action="retire", case="c", opened=OPEN), ["tenure-retire"]),
        (event("case_opened", action="retire", case="c", opened=OPEN), ["tenure-retire"]),
        (event("case_answered", action="retire", case="c", **OPEN), ["tenure-retire"]),
        (event("case_lapsed", action="retire", case="c", **OPEN), ["tenure-retire"]),
        (event("automation_halted"), ["tenure-halt"]),
        (event("automation_halted", model=None), ["tenure-halt"]),
        (event("warning_decided", action="warn"), []),
        (event("slot_moved"), []),
    ],
    ids=lambda each: each.event if isinstance(each, ReceivedEvent) else "",
)
def test_an_event_starts_what_follows_from_it(told, names):
    assert answering(told) == names


@pytest.mark.parametrize(
    "told",
    [
        event("retirement_decided", action="retire", case="c", opened=WAITING),
        event("retirement_decided", action="retire", case=""),
        event("retrain_decided", action="retrain", case=""),
        event("case_answered", action="retire", case="c", state="declined"),
        event("case_answered", action="retire", case="c", state="waiting"),
        event("case_lapsed", action="retire", case="c", state="declined"),
    ],
    ids=["waits", "retire-held-back", "retrain-held-back", "declined", "second-wanted", "kept"],
)
def test_what_waits_was_declined_or_held_back_starts_nothing(told):
    assert answering(told) == []


def test_a_model_that_is_not_trained_on_arrival_is_retrained_all_the_same():
    slow = [spec(on_arrival=False)]
    assert answering(event("batch_accepted"), slow) == []
    told = event("retrain_decided", action="retrain", case="c", opened=OPEN)
    assert answering(told, slow) == ["tenure-retrain"]


def test_what_an_automation_fills_in_is_in_every_event_and_known_to_its_flow():
    """A key that an event lacks starts nothing, and nobody says so."""
    payload = event("case_opened").payload
    verbs = {str(known): verb for verb, known in IDS.items()}
    for one in wanted([spec()], IDS):
        for action in one.actions:
            if action.type != "run-deployment" or one.name == "tenure-alarm":
                continue
            verb = verbs[str(action.deployment_id)]
            flow = getattr(import_module(f"flows.{verb}"), verb)
            assert set(action.parameters) <= set(flow.parameters.properties)
            assert all(
                value.removeprefix("{{ event.payload.").removesuffix(" }}") in payload
                for value in action.parameters.values()
            )


def failure(name):
    return ReceivedEvent.model_validate(
        {
            "id": str(uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": "prefect.automation.action.failed",
            "resource": {
                "prefect.resource.id": f"prefect.automation.{uuid4()}",
                "prefect.resource.name": name,
            },
            "payload": {"reason": "the deployment is gone"},
        }
    )


def test_a_failed_action_raises_an_alarm_but_not_over_zombies_nor_over_itself():
    assert answering(failure("tenure-retire")) == ["tenure-alarm"]
    for name in ("tenure-crash-zombies", "tenure-alarm", "somebody-elses"):
        assert answering(failure(name)) == []


def test_a_folder_without_models_wants_no_automation_about_models():
    assert {one.name for one in wanted([], IDS)} == {"tenure-crash-zombies", "tenure-alarm"}


def test_the_watchdog_knows_every_automation():
    assert set(NAMES) == set(EVERY) == {one.name for one in wanted([spec()], IDS)}
