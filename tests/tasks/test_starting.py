"""A run is started once for one cause, and again only if it failed, a few times."""

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Crashed, Failed, Pending, Running, Scheduled

from tasks.starting import Start, what_to_do


def run(state):
    return FlowRun.model_construct(state=state)


def test_what_nobody_started_is_started():
    assert what_to_do([], []) == "started"


@pytest.mark.parametrize("state", [Scheduled(), Pending(), Running()], ids=lambda s: s.name)
def test_what_waits_or_works_is_left_alone(state):
    assert what_to_do([run(state)], []) == "under way"


def test_another_run_of_the_model_at_work_is_left_alone():
    assert what_to_do([], [run(Running())]) == "under way"


def test_what_failed_is_started_again_until_a_person_has_to_look():
    ended = [run(Failed()), run(Crashed())]
    assert what_to_do(ended, []) == "started"
    assert what_to_do([*ended, run(Failed())], []) == "waits for a person after 3 runs"


def test_a_run_that_found_another_at_work_was_no_attempt():
    skipped = [run(Completed(name="Skipped"))] * 5
    assert what_to_do(skipped, []) == "started"


def test_runs_of_one_cause_bear_one_tag():
    assert Start("train", "m", "a" * 64).tag == "cause:" + "a" * 16
