"""Flow `ingest`: data arrived; is it good?"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import Model
from tasks import events, intake, monitoring, outcomes, runs, validation
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace

WAIT_S = 600


@flow(
    name="ingest",
    flow_run_name="ingest-{model}",
    description="Takes the files that have arrived for a model, validates each, and accepts it as "
    "an immutable snapshot or puts it in quarantine. A file that was judged before is left alone.",
    timeout_seconds=6 * 3600,
    persist_result=False,
)
@storing_nothing
def ingest(model: Model, path: str | None = None) -> State:
    """Take what arrived for a model: judge it, then accept it or put it in quarantine.

    Args:
        model: The model that the data is for.
        path: One file to take (a path or an URL). Empty: every file in the model's source that was
            not seen before.
    """
    workspace, actor = open_workspace(), runs.actor()
    with runs.alone("ingest", model, workspace, wait_s=WAIT_S) as lease:
        if lease is None:
            return outcomes.skipped(f"Another run takes in data of '{model}'.")
        judged = []
        for batch in intake.receive(model, path, workspace, actor):
            staged = intake.stage(batch, workspace)
            report = validation.validate(staged, workspace)
            judged.append(intake.admit(staged, report, workspace, actor))
    events.announce(workspace)
    monitoring.announce_closed(model, workspace)
    return outcomes.taken_in(model, judged)
