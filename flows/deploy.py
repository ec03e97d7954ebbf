"""Flow `deploy`: put a version into office, a newer or an older one."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import Model, Number, Reason
from tasks import events, monitoring, outcomes, pages, registry, retirement, runs, serving
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace


@flow(
    name="deploy",
    flow_run_name="deploy-{model}-v{version}",
    description="Lets a version of a model serve, by steps where its spec has a rollout; a former "
    "champion at once, as a rollback. Its artifact is checked before a slot moves, and no request "
    "fails while it does.",
    timeout_seconds=3600,
    persist_result=False,
)
@storing_nothing
def deploy(model: Model, version: Number, reason: Reason) -> State:
    """Let a version of a model serve from now on.

    Args:
        model: The model whose champion changes.
        version: The version's number; only one that is validated may serve.
        reason: Why, for the record. It is kept for good and shown in the model's history.
    """
    workspace, actor = open_workspace(), runs.actor()
    placed = registry.deploy(model, version, reason, workspace, actor)
    serving.roll_out(placed, workspace)
    monitoring.keep_missing_reference(model, workspace, actor)
    retirement.register_missing_fallback(model, workspace, actor)
    events.announce(workspace)
    pages.draw_model(model, workspace)
    return outcomes.deployed(placed)
