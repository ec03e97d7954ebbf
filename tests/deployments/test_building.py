"""The deployments say what the specs say, and keep what a person paused."""

import pytest
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse

from deployments.build import VERBS, build, schedules_of
from deployments.sync import differences
from tenure.spec import ModelSpec


def spec(name, **schedules):
    return ModelSpec.model_validate(
        {
            "name": name,
            "owner": "somebody@somewhere.example",
            "data": {"source": "data", "target": "y"},
            "training": {"pipeline": "examples.iris.recipe:make_pipeline"},
            "schedules": {"timezone": "Europe/Berlin", **schedules},
        }
    )


FRAUD, IRIS = spec("fraud", train="0 3 * * *", ingest="0 * * * *"), spec("iris")


def standing(verb, specs, *, paused=False, inactive=()):
    """A deployment as the server would have it after it was applied for `specs`."""
    made = build(verb, specs)
    schedules = [
        DeploymentSchedule.model_construct(
            slug=one.slug,
            schedule=one.schedule,
            parameters=one.parameters,
            active=one.slug not in inactive,
        )
        for one in schedules_of(verb, specs)
    ]
    return DeploymentResponse.model_construct(
        name=verb,
        paused=paused,
        schedules=schedules,
        work_pool_name=None,
        parameter_openapi_schema=made._parameter_openapi_schema.model_dump(),
    )


@pytest.mark.parametrize("verb", VERBS)
def test_a_deployment_bears_the_name_of_its_verb(verb):
    made = build(verb, [FRAUD, IRIS])
    assert made.full_name == f"{verb}/{verb}"
    assert made.entrypoint == f"flows.{verb}:{verb}"
    assert made.description


def test_the_models_schedule_is_one_of_the_verbs_deployment():
    (only,) = build("train", [FRAUD, IRIS]).schedules
    assert only.slug == "fraud"
    assert only.parameters == {"model": "fraud"}
    assert only.schedule.cron == "0 3 * * *"
    assert only.schedule.timezone == "Europe/Berlin"
    assert only.active


def test_what_a_person_paused_stays_paused():
    before = standing("train", [FRAUD], paused=True, inactive={"fraud"})
    again = build("train", [FRAUD], before)
    assert again.paused
    assert not again.schedules[0].active


def test_what_nobody_paused_stays_active():
    again = build("train", [FRAUD], standing("train", [FRAUD]))
    assert not again.paused
    assert again.schedules[0].active


def test_a_model_whose_spec_cannot_be_read_keeps_its_schedule_and_choice():
    again = build("train", [IRIS], standing("train", [FRAUD, IRIS]), untouched=["fraud"])
    assert [one.slug for one in again.schedules] == ["fraud"]
    assert again._parameter_openapi_schema.properties["model"]["enum"] == ["fraud", "iris"]


def test_nothing_differs_after_a_sync():
    for verb in VERBS:
        assert differences(verb, [FRAUD, IRIS], standing(verb, [FRAUD, IRIS])) == []


def test_each_difference_is_named():
    other = spec("fraud", train="0 4 * * *", score="0 5 * * *")
    before = standing("train", [FRAUD])
    assert differences("train", [other], before) == ["schedule train of fraud: changed"]
    assert differences("score", [other], None) == ["deployment score: made"]
    assert differences("score", [other], standing("score", [FRAUD])) == [
        "schedule score of fraud: made"
    ]
    assert differences("ingest", [other], standing("ingest", [FRAUD])) == [
        "schedule ingest of fraud: removed"
    ]
    assert differences("deploy", [FRAUD, IRIS], standing("deploy", [FRAUD])) == [
        "choices of deploy: fraud, iris"
    ]


def test_the_models_of_the_loop_have_forms_that_say_what_is_wanted():
    made = {verb: build(verb, [FRAUD])._parameter_openapi_schema for verb in VERBS}
    approve = made["approve"].properties
    assert approve["decision"]["enum"] == ["approve", "decline"]
    for verb in ("monitor", "retire", "restore", "approve"):
        assert made[verb].properties["model"]["enum"] == ["fraud"]
        assert all(each["description"] for each in made[verb].properties.values())


def test_a_monitors_schedule_is_seen_ahead_like_any_other():
    watched = spec("fraud", monitor="15 * * * *")
    (only,) = schedules_of("monitor", [watched, IRIS])
    assert only.slug == "fraud"
    assert only.parameters == {"model": "fraud"}
