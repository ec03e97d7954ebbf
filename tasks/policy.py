"""Which failures of a task are worth another attempt, and how long after?

Only what the error's class calls transient, and what the operating system raised. A retried task
does the same as a task run twice: nothing, where the first attempt already took effect.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, get_type_hints

import httpx
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Failed
from prefect.tasks import exponential_backoff

from tenure.errors import TenureError
from tenure.failures import tellable
from tenure.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 3


def is_transient(error: BaseException) -> bool:
    """Say whether the same call may succeed a little later."""
    match error:
        case TenureError():
            return error.is_transient
        case FileNotFoundError() | PermissionError() | IsADirectoryError() | NotADirectoryError():
            return False
        case _:
            return isinstance(error, OSError | httpx.TransportError)


def retry_condition(_task: Any, _task_run: Any, state: Any) -> bool:
    """Tell Prefect whether a failed attempt is followed by another."""
    try:
        state.result()
    except Exception as error:  # noqa: BLE001 - it is judged here, and raised by Prefect
        return is_transient(error)
    return False


# Results are never stored: they would be pickled into Prefect's storage, and read back as code.
RETRIED: dict[str, Any] = {
    "retries": ATTEMPTS - 1,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.2,
    "retry_condition_fn": retry_condition,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


def telling_little(function: Callable[P, T]) -> Callable[P, T]:
    """Let a task raise nothing but what may stand in Prefect's logs and states.

    The text of an error that is not Tenure's may quote a row; it is kept in a local file, and so is
    the chain behind any error.
    """

    @functools.wraps(function)
    def discreet(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in our words
            given = [each for each in (*args, *kwargs.values()) if isinstance(each, Workspace)]
            told = _told(error, given[0] if given else None)
            raise told.with_traceback(error.__traceback__) from None

    return discreet


def _told(error: Exception, workspace: Workspace | None = None) -> TenureError:
    try:
        place = workspace or open_workspace()
    except TenureError as lost:  # then nothing was done either, and this is why
        return error if isinstance(error, TenureError) else lost
    return tellable(error, place, may_pass=is_transient(error))


def storing_nothing(function: Callable[P, State]) -> Callable[P, State]:
    """Let a flow that fails end in a failed state with the error's text, as far as it may be told.

    Prefect stores the error of a flow that raises, pickled, whatever `persist_result` says
    (prefect/flow_engine.py, `write_result=True`); a state that is returned is not stored. Who calls
    the flow in this process gets the same error.
    """

    @functools.wraps(function)
    def flow(*args: P.args, **kwargs: P.kwargs) -> State:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in our words
            told = _told(error)
            log.error("The run failed: %s", told)
            return Failed(message=str(told), data=told)

    # Prefect reads the parameters' types in this module, where their names mean nothing.
    flow.__annotations__ = get_type_hints(function, include_extras=True)
    flow.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
    return flow
