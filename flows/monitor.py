"""Flow `monitor`: is the model in office still as good as when it was chosen?"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import Model
from tasks import events, monitoring, outcomes, pages, runs, telling
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace


@flow(
    name="monitor",
    flow_run_name="monitor-{model}",
    description="Judges each window of a model's data that has closed and was not judged: reads it "
    "by Evidently against the champion's reference, puts the reading on record, and decides by the "
    "spec whether to keep, warn, retrain or retire. Another run carries the decision out.",
    timeout_seconds=6 * 3600,
    persist_result=False,
)
@storing_nothing
def monitor(model: Model) -> State:
    """Judge the windows of a model that have closed, and decide what follows.

    Args:
        model: The model whose champion is watched.
    """
    workspace, actor = open_workspace(), runs.actor()
    if why := runs.out_of_office(model, workspace, actor):
        return outcomes.skipped(why)
    with runs.alone("monitor", model, workspace) as lease:
        if lease is None:
            return outcomes.skipped(f"Another run monitors '{model}'.")
        monitoring.keep_missing_reference(model, workspace, actor)
        decisions = []
        for window in monitoring.closed_windows(model, workspace):
            reading = monitoring.read_window(window, workspace)
            decisions.append(monitoring.judge(reading, workspace, actor))
        monitoring.watch_age(model, workspace, actor)
    events.announce(workspace)
    if decisions:
        telling.tell(model, workspace, actor)
        pages.draw_model(model, workspace)
    return outcomes.monitored(model, decisions)
