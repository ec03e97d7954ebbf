"""The evaluation stage as a task."""

from __future__ import annotations

from prefect import task

from tasks import shown
from tasks.policy import RETRIED, telling_little
from tenure import evaluation
from tenure.records import Candidate, Evaluation
from tenure.workspace import Workspace


@task(name="evaluate", task_run_name="evaluate-{model}", timeout_seconds=6 * 3600, **RETRIED)
@telling_little
def evaluate(model: str, candidates: list[Candidate], workspace: Workspace) -> Evaluation:
    """Choose the best candidate and judge it against the champion."""
    judged = evaluation.evaluate(model, candidates, workspace)
    shown.evaluation(judged)
    return judged
