"""Only what may succeed a little later is tried again."""

import traceback
from pathlib import Path

import httpx
import pytest
from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed

import tasks.carrying
import tasks.evaluation
import tasks.events
import tasks.intake
import tasks.monitoring
import tasks.pages
import tasks.reconciling
import tasks.registry
import tasks.retirement
import tasks.rollouts
import tasks.serving
import tasks.telling
import tasks.training
import tasks.validation
import tasks.watchdog
from tasks.policy import is_transient, retry_condition, telling_little
from tenure.errors import Disturbed, LedgerBusy, StaleEpoch, TrainingSetRefused, Unforeseen

MODULES = (
    tasks.carrying,
    tasks.rollouts,
    tasks.evaluation,
    tasks.events,
    tasks.intake,
    tasks.pages,
    tasks.reconciling,
    tasks.registry,
    tasks.serving,
    tasks.training,
    tasks.validation,
    tasks.watchdog,
    tasks.telling,
    tasks.retirement,
    tasks.monitoring,
)
ALL_TASKS = [
    (module.__name__, name, value)
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, Task)
]


def test_every_module_with_tasks_is_looked_at():
    named = {Path(module.__file__).name for module in MODULES}
    folder = Path(tasks.validation.__file__).parent
    holding = {file.name for file in folder.glob("*.py") if "\n@task" in file.read_text()}
    assert holding <= named


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
    assert each.fn.__code__ is telling_little(len).__code__, "it may raise the text of a row"
    assert each.name
    assert each.description


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ValueError("row 4711"), Unforeseen),
        (FileNotFoundError("row 4711"), Unforeseen),
        (ConnectionResetError("row 4711"), Disturbed),
        (httpx.ConnectError("row 4711"), Disturbed),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
def test_a_task_raises_no_text_that_is_not_ours(workspace, raised, told):
    @telling_little
    def work(workspace):
        raise raised

    with pytest.raises(told) as caught:
        work(workspace)
    assert "4711" not in "".join(traceback.format_exception(caught.value))
    assert is_transient(caught.value) == is_transient(raised)


def test_a_task_raises_our_errors_as_they_are(workspace):
    @telling_little
    def work(workspace):
        try:
            int("row 4711")
        except ValueError as error:
            raise LedgerBusy(where="here", waited_s=60) from error

    with pytest.raises(LedgerBusy) as caught:
        work(workspace)
    assert "4711" not in "".join(traceback.format_exception(caught.value))
