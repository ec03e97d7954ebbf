"""The prediction log as a task: days that are old enough go."""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.policy import RETRIED, telling_little
from tenure import serving
from tenure.workspace import Workspace

ACTOR = "system:reconcile"


@task(name="keep to retention", task_run_name="retention", timeout_seconds=1200, **RETRIED)
@telling_little
def keep_to_retention(workspace: Workspace) -> list[dict[str, Any]]:
    """Take away days of the log that are older than the specs want, and put that on record."""
    return [
        {
            "model": each.model,
            "verb": each.kind,
            "because of": f"kept until {each.until}",
            "done": f"{len(each.days)} day(s), {each.files} file(s) deleted",
        }
        for each in serving.keep_to_retention(workspace, actor=ACTOR)
    ]
