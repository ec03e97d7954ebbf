"""The serving stage as tasks: score files, carry the prediction server's log over."""

from __future__ import annotations

from prefect import task

from tasks.policy import RETRIED
from tenure import predictions, serving
from tenure.serving import ScoreSummary
from tenure.workspace import Workspace


@task(name="score", task_run_name="score-{model}", timeout_seconds=12 * 3600, **RETRIED)
def score(model: str, workspace: Workspace, actor: str) -> ScoreSummary:
    """Predict the files that wait for a model, each output once."""
    return serving.score(model, workspace, actor=actor)


@task(name="carry predictions", timeout_seconds=1200, **RETRIED)
def carry_predictions(workspace: Workspace) -> None:
    """Carry the prediction server's log frames into the log's Parquet."""
    predictions.carry(workspace)
