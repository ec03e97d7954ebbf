"""Flow `score`: files in, predictions out."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import Model, Workers
from tasks import outcomes, runs, serving
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace


@flow(
    name="score",
    flow_run_name="score-{model}",
    description="Reads the files that wait in a model's scoring source, predicts them with the "
    "version that serves, and writes the predictions to its destination. A file that was scored "
    "before is left alone.",
    timeout_seconds=12 * 3600,
    persist_result=False,
)
@storing_nothing
def score(model: Model, workers: Workers | None = None) -> State:
    """Score the files that wait for a model.

    Args:
        model: The model that scores; its spec names source and destination.
        workers: How many processes of this machine score, whatever the spec says, also where it
            names a cluster; what the spec says if left empty.
    """
    workspace, actor = open_workspace(), runs.actor()
    if halt := runs.halt_of(model, workspace, actor):
        return outcomes.skipped(halt)
    with runs.alone("score", model, workspace) as lease:
        if lease is None:
            return outcomes.skipped(f"Another run scores for '{model}'.")
        summary = serving.score(model, workspace, actor, workers)
    return outcomes.scored(model, summary)
