"""The training stage as tasks: plan what to fit, fit it."""

from __future__ import annotations

from prefect import task

from tasks import shown
from tasks.policy import RETRIED
from tenure import training
from tenure.records import Candidate
from tenure.training import FitOrder, TrainingPlan
from tenure.workspace import Workspace

FIT_LIMIT_S = 6 * 3600


@task(name="plan", task_run_name="plan-{model}", timeout_seconds=3600, **RETRIED)
def plan(model: str, workspace: Workspace) -> TrainingPlan:
    """Choose the training sets, check them, and say what is to be fitted."""
    made = training.plan(model, workspace)
    shown.training_sets(made)
    return made


@task(name="let go", task_run_name="let-go-{model}", timeout_seconds=600, **RETRIED)
def forget(model: str, workspace: Workspace, actor: str) -> None:
    """Let go of fits that no later comparison can ask for."""
    training.forget(model, workspace, actor=actor)


@task(
    name="train",
    task_run_name="train-{order.training_set.span}",
    timeout_seconds=FIT_LIMIT_S,
    **RETRIED,
)
def fit(model: str, order: FitOrder, workspace: Workspace, actor: str) -> Candidate:
    """Fit the spec's pipeline on a training set; what is fitted already is taken as it is."""
    return training.fit(model, order, workspace, actor=actor)
