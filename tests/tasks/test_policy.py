"""Only what may succeed a little later is tried again."""

import httpx
import pytest
from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed

import tasks.evaluation
import tasks.events
import tasks.intake
import tasks.pages
import tasks.reconciling
import tasks.registry
import tasks.serving
import tasks.training
import tasks.validation
from tasks.policy import is_transient, retry_condition
from tenure.errors import LedgerBusy, StaleEpoch, TrainingSetRefused

MODULES = (
    tasks.evaluation,
    tasks.events,
    tasks.intake,
    tasks.pages,
    tasks.reconciling,
    tasks.registry,
    tasks.serving,
    tasks.training,
    tasks.validation,
)
ALL_TASKS = [
    (module.__name__, name, value)
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, Task)
]


@pytest.mark.parametrize(
    "error",
    [
        LedgerBusy(where="here", waited_s=60),
        OSError("disk"),
        ConnectionResetError(),
        httpx.ConnectError("gone"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_pass_is_tried_again(error):
    assert is_transient(error)
    assert retry_condition(None, None, Failed(data=error))


@pytest.mark.parametrize(
    "error",
    [
        StaleEpoch(slot="champion", model="m", now=2, decided_at=1),
        TrainingSetRefused(model="m", count=1, text="", holds=""),
        ValueError("a bug"),
        FileNotFoundError("no such file"),
        PermissionError("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_stays_wrong_is_not_tried_again(error):
    assert not is_transient(error)
    assert not retry_condition(None, None, Failed(data=error))


def test_a_task_that_completed_is_not_tried_again():
    assert not retry_condition(None, None, Completed(data=1))


@pytest.mark.parametrize(
    ("module", "name", "each"), ALL_TASKS, ids=[f"{m}.{n}" for m, n, _ in ALL_TASKS]
)
def test_each_task_has_a_policy(module, name, each):
    assert each.cache_policy is NO_CACHE
    assert each.persist_result is False
    assert each.retries == 2
    assert each.retry_condition_fn is retry_condition
    assert each.timeout_seconds
    assert each.name
    assert each.description
