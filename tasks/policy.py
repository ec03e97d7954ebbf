"""Which failures of a task are worth another attempt, and how long after?

Only what the error's class calls transient, and what the operating system raised. A retried task
does the same as a task run twice: nothing, where the first attempt already took effect.
"""

from __future__ import annotations

from typing import Any

import httpx
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from tenure.errors import TenureError

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
