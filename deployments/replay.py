"""How are hundreds of past days played through the flows in a few minutes?

By calling the flows in one process that is already up, against the same server: they are still
runs with names, tags and artifacts. A flow that is called waits up to a second at its end for its
heartbeat; in a replay there is none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import prefect
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_LEVEL,
    temporary_settings,
)

from tasks.runs import ACTOR_TAG
from tenure.workspace import Workspace


@contextmanager
def replay(
    workspace: Workspace, *, api: str, actor: str = "automation:replay", level: str = "ERROR"
) -> Iterator[None]:
    """Let flows that are called inside work on `workspace`, as runs of the server at `api`.

    Args:
        workspace: the one that `open_workspace()` returns inside.
        api: the server's address, with `/api`.
        actor: who the ledger says started the runs.
        level: the least level of Prefect's own log lines.
    """
    before = os.environ.get("TENURE_WORKSPACE")
    os.environ["TENURE_WORKSPACE"] = str(workspace.root)
    settings = {
        PREFECT_API_URL: api,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_LOGGING_LEVEL: level,
    }
    try:
        with temporary_settings(updates=settings), prefect.tags(f"{ACTOR_TAG}{actor}"):
            yield
    finally:
        if before is None:
            del os.environ["TENURE_WORKSPACE"]
        else:
            os.environ["TENURE_WORKSPACE"] = before
