"""Flow `restore`: make a retired version fit to serve again."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import Model, Number, Reason
from tasks import events, outcomes, pages, retirement, runs, telling
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace


@flow(
    name="restore",
    flow_run_name="restore-{model}-v{version}",
    description="Takes a retired version out of the archive: its bytes, its environment and its "
    "golden rows are checked first. Afterwards it may serve again, by `deploy`. What cannot be "
    "restored is refused, and the attempt stands on record.",
    timeout_seconds=3600,
    persist_result=False,
)
@storing_nothing
def restore(model: Model, version: Number, reason: Reason) -> State:
    """Make a retired version of a model fit to serve again.

    Args:
        model: The model whose version comes back.
        version: The version's number.
        reason: Why, for the record.
    """
    workspace, actor = open_workspace(), runs.actor()
    runs.label(None)
    restored = retirement.restore(model, version, reason, workspace, actor)
    events.announce(workspace)
    telling.tell(model, workspace, actor)
    pages.draw_model(model, workspace)
    return outcomes.restored(restored)
