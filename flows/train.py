"""Flow `train`: is there a better version than the one that serves?"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import Model
from tasks import evaluation, events, outcomes, pages, registry, runs, serving, training
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace


@flow(
    name="train",
    flow_run_name="train-{model}",
    description="Trains a model on its accepted data, evaluates the result against the version "
    "that serves, registers it, and deploys it if it passes the gate. Where nothing is new, it "
    "ends at once.",
    timeout_seconds=24 * 3600,
    persist_result=False,
)
@storing_nothing
def train(model: Model) -> State:
    """Train a model, judge it against the champion, and deploy it if it is better.

    Args:
        model: The model to train.
    """
    workspace, actor = open_workspace(), runs.actor()
    with runs.alone("train", model, workspace) as lease:
        if lease is None:
            return outcomes.skipped(f"Another run trains '{model}'.")
        if known := training.current_version(model, workspace):
            return outcomes.skipped(f"Nothing is new since version {known.number}.")
        plan = training.plan(model, workspace)
        fits = training.fit_all(plan, workspace, actor)
        if settled := registry.find_settled(fits, workspace):
            return outcomes.skipped(f"Version {settled.number} was judged already.")
        judged = evaluation.evaluate(model, fits, workspace)
        version = registry.register(judged, workspace, actor, lease)
        if judged.promotes:
            placed = registry.deploy_judged(version, judged, workspace, actor)
            serving.roll_out(placed, workspace)
        training.forget(model, workspace, actor=actor)
    events.announce(workspace)
    pages.draw_version(version, workspace)
    return outcomes.trained(version, judged)
