"""How are hundreds of past days played through the flows in a few minutes?

By calling the flows in one process that is already up, against the same server: they are still
runs with names, tags and artifacts. A flow that is called waits up to a second at its end for its
heartbeat; in a replay there is none.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import prefect
from prefect.logging.handlers import APILogHandler, PrefectConsoleHandler
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    temporary_settings,
)

from tasks.runs import ACTOR_TAG
from tenure.workspace import Workspace


@contextmanager
def replay(
    workspace: Workspace,
    *,
    api: str,
    actor: str = "automation:replay",
    level: int = logging.ERROR,
) -> Iterator[None]:
    """Let flows that are called inside work on `workspace`, as runs of the server at `api`.

    Args:
        workspace: the one that `open_workspace()` returns inside.
        api: the server's address, with `/api`.
        actor: who the ledger says started the runs.
        level: the least level of log lines on the console; Prefect's pages show all.
    """
    before = os.environ.get("TENURE_WORKSPACE")
    os.environ["TENURE_WORKSPACE"] = str(workspace.root)
    settings: Any = {
        PREFECT_API_URL: api,
        PREFECT_HOME: workspace.state / "prefect",
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    try:
        with (
            temporary_settings(updates=settings),
            prefect.tags(f"{ACTOR_TAG}{actor}"),
            _quiet_console(level),
        ):
            yield
            APILogHandler().flush()
    finally:
        if before is None:
            os.environ.pop("TENURE_WORKSPACE", None)
        else:
            os.environ["TENURE_WORKSPACE"] = before


@contextmanager
def _quiet_console(level: int) -> Iterator[None]:
    names = [None, "prefect", "prefect.flow_runs", "prefect.task_runs", "tenure"]
    handlers = {
        handler: handler.level
        for name in names
        for handler in logging.getLogger(name).handlers
        if isinstance(handler, PrefectConsoleHandler)
    }
    for handler in handlers:
        handler.setLevel(level)
    try:
        yield
    finally:
        for handler, former in handlers.items():
            handler.setLevel(former)
