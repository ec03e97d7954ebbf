"""Flow `train`: is there a better version than the one that serves?"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import Model
from tasks import (
    evaluation,
    events,
    monitoring,
    outcomes,
    pages,
    registry,
    retirement,
    runs,
    serving,
    telling,
    training,
)
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace


@flow(
    name="train",
    flow_run_name="train-{model}",
    description="Trains a model on its accepted data, evaluates the result against the version "
    "that serves, registers it, and deploys it if it passes the gate, by steps where its spec has "
    "a rollout. Where nothing is new, it ends at once.",
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
    halt = runs.halt_of(model, workspace, actor)
    if why := halt or runs.ended_by_person(model, workspace, actor):
        return outcomes.skipped(why)
    with runs.alone("train", model, workspace) as lease:
        if lease is None:
            return outcomes.skipped(f"Another run trains '{model}'.")
        if known := training.current_version(model, workspace):
            nothing = f"Nothing is new since version {known.number}."
            monitoring.settle_retrain(model, None, nothing, workspace, actor)
            return outcomes.skipped(nothing)
        plan = training.plan(model, workspace)
        fits = training.fit_all(plan, workspace, actor)
        if settled := registry.find_settled(fits, workspace):
            judged_before = f"Version {settled.number} was judged already."
            monitoring.settle_retrain(model, settled, judged_before, workspace, actor)
            return outcomes.skipped(judged_before)
        judged, placed = evaluation.evaluate(model, fits, workspace), None
        version = registry.register(judged, workspace, actor, lease)
        if judged.promotes:
            placed = registry.deploy_judged(version, judged, workspace, actor)
            if placed is not None:
                serving.roll_out(placed, workspace)
        monitoring.settle_retrain(model, version, judged.reason, workspace, actor)
        if judged.promotes:
            monitoring.keep_reference(model, version.number, workspace, actor)
            retirement.register_fallback(model, version.number, workspace, actor)
        training.forget(model, workspace, actor=actor)
    events.announce(workspace)
    telling.tell(model, workspace, actor)
    pages.draw_version(version, workspace)
    return outcomes.trained(version, judged, placed)
