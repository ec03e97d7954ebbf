"""Runs that a schedule missed are put together; what somebody asked for is not."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from prefect.client.schemas.objects import FlowRun

from deployments.backlog import superfluous

TRAIN, SCORE = UUID(int=1), UUID(int=2)


def run(minute, model="fraud", deployment=TRAIN, auto=True):
    return FlowRun.model_construct(
        id=uuid4(),
        deployment_id=deployment,
        parameters={"model": model},
        auto_scheduled=auto,
        expected_start_time=datetime(2026, 5, 3, tzinfo=UTC) + timedelta(minutes=minute),
    )


def test_of_many_late_runs_the_newest_is_left():
    late = [run(minute) for minute in range(500)]
    gone = superfluous(late)
    assert len(gone) == 499
    assert late[-1] not in gone


def test_each_model_and_verb_keeps_its_own():
    assert superfluous([run(0), run(1, model="iris"), run(2, deployment=SCORE)]) == []


def test_what_somebody_asked_for_stays():
    assert superfluous([run(0, auto=False), run(1, auto=False), run(2)]) == []
