"""The training stage as tasks: plan what to fit, fit it."""

from __future__ import annotations

from prefect import task
from prefect.runtime import task_run

from tasks import shown
from tasks.policy import RETRIED, telling_little
from tenure import training
from tenure.records import Candidate
from tenure.training import FitOrder, TrainingPlan
from tenure.workspace import Workspace

FIT_LIMIT_S = 6 * 3600


@task(name="plan", task_run_name="plan-{model}", timeout_seconds=3600, **RETRIED)
@telling_little
def plan(model: str, workspace: Workspace) -> TrainingPlan:
    """Choose the training sets, check them, and say what is to be fitted."""
    made = training.plan(model, workspace)
    shown.training_sets(made)
    return made


def _fit_name() -> str:
    order: FitOrder = task_run.parameters["order"]
    return f"train-{order.training_set.span}{'-holding-out' if order.holdout else ''}"


@task(
    name="train",
    task_run_name=_fit_name,
    timeout_seconds=FIT_LIMIT_S,
    **RETRIED,
)
@telling_little
def fit(model: str, order: FitOrder, workspace: Workspace, actor: str) -> Candidate:
    """Fit the spec's pipeline on a training set; what is fitted already is taken as it is."""
    return training.fit(model, order, workspace, actor=actor)


def fit_all(plan: TrainingPlan, workspace: Workspace, actor: str) -> list[Candidate]:
    """Fit what a plan orders, one after the other; the cores are the search's."""
    bar, fits = shown.Progress(f"fits-{plan.model}", f"Fits of {plan.model}"), []
    for order in plan.fits:
        fits.append(fit(plan.model, order, workspace, actor))
        bar.show(len(fits), len(plan.fits))
    return fits


# What follows asks and tidies: no steps of their own in a run's graph.
current_version = training.current_version
forget = training.forget
