"""Flow `reconcile`: do what no event did."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from tasks import events, outcomes, pages, reconciling, runs, serving
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace


@flow(
    name="reconcile",
    flow_run_name="reconcile",
    description="Compares the ledger with what should have happened: sends events that were not "
    "sent, starts `ingest` for files that nobody took and `train` for data that nobody trained on, "
    "and carries the prediction server's log into the log of predictions.",
    timeout_seconds=1800,
    persist_result=False,
)
@storing_nothing
def reconcile() -> State:
    """Do what an event should have led to and did not."""
    workspace = open_workspace()
    with runs.alone("reconcile", "all", workspace) as lease:
        if lease is None:
            return outcomes.skipped("Another run reconciles.")
        events.announce(workspace)
        started = [
            *reconciling.start_ingests(workspace),
            *reconciling.start_trainings(workspace),
        ]
        serving.carry_predictions(workspace)
        pages.draw_index(workspace)
    return outcomes.reconciled(started)
