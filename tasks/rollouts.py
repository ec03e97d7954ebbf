"""The rollouts as tasks: let each go on by one step, and say what no server could load."""

from __future__ import annotations

import logging
from typing import Any

from prefect import task

from tasks import shown
from tasks.policy import RETRIED, telling_little
from tenure import monitoring, pages, rollouts
from tenure.errors import TenureError
from tenure.records import RolloutState
from tenure.registry import open_ledger
from tenure.rollouts import Walked
from tenure.rollouts.walking import ACTOR
from tenure.workspace import Workspace

log = logging.getLogger(__name__)

Line = dict[str, Any]


@task(name="walk rollouts", task_run_name="walk-rollouts", timeout_seconds=1200, **RETRIED)
@telling_little
def walk(workspace: Workspace) -> list[Line]:
    """Judge the step of each rollout, and take the next one, hold it, or send it back.

    What each look found stands on its model's page.
    """
    lines, found = [], rollouts.walk(workspace)
    for walked in found:
        if not walked.has_moved:
            continue
        _show(walked, workspace)
        now = walked.rollout
        cause = f"rollout of version {now.version}"
        lines.append(
            {"model": now.model, "verb": "rollout", "because of": cause, "done": walked.did}
        )
    for walked in found:
        pages.draw_model(walked.rollout.model, workspace, index=False)
    return lines


@task(name="note failures", task_run_name="note-failures", timeout_seconds=300, **RETRIED)
@telling_little
def note_failures(workspace: Workspace, actor: str) -> list[Line]:
    """Put on record which versions the prediction server could not load."""
    told = rollouts.note_failures(workspace, actor=actor)
    return [
        {"model": "", "verb": "serving", "because of": "a version was not loaded", "done": text}
        for text in told
    ]


def _show(walked: Walked, workspace: Workspace) -> None:
    if walked.rollout.state is not RolloutState.PROMOTED:
        return
    model, number = walked.rollout.model, walked.rollout.version
    placed = open_ledger(workspace).slot(model)
    if placed is not None:
        shown.assignment(placed)
    try:
        monitoring.keep_reference(model, number, workspace, actor=ACTOR)
    except TenureError as error:  # it is in office; `monitor` says what it lacks
        log.warning("Nothing is kept to compare version %s of '%s' with: %s", number, model, error)
