"""How does accepted data become fitted candidates?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenure.training.orders import FitOrder, TrainingPlan

if TYPE_CHECKING:
    from tenure.records import Candidate, Version
    from tenure.workspace import Workspace

__all__ = ["FitOrder", "TrainingPlan", "current_version", "fit", "forget", "plan"]


def plan(model: str, workspace: Workspace) -> TrainingPlan:
    """Validate what there is to train on, and order the fits of one night.

    Writes nothing.

    Raises:
        TrainingSetRefused: with all findings; nothing is to be fitted.
        BadSpec, ModelNotFound: the spec or its pipeline cannot be used.
        PipelineRefused: the pipeline could not be kept after a fit.
    """
    from tenure.training.planning import plan

    return plan(model, workspace)


def fit(model: str, order: FitOrder, workspace: Workspace, *, actor: str) -> Candidate:
    """Fit the spec's pipeline as ordered and put the candidate on record.

    A candidate of the same identity that is on record is returned without fitting.

    Args:
        model: its name.
        order: one of the plan's.
        workspace: where ledger and store are.
        actor: who asked for it.

    Raises:
        FitFailed: the estimator raised; nothing was recorded.
        PipelineRefused: the pipeline could not be kept.
    """
    from tenure.training.fitting import fit

    return fit(model, order, workspace, actor=actor)


def current_version(model: str, workspace: Workspace) -> Version | None:
    """Return the newest version if a training now would only make it again; reads no data.

    Raises:
        BadSpec, ModelNotFound: the spec or its pipeline cannot be used.
    """
    from tenure.training.current import current_version

    return current_version(model, workspace)


def forget(model: str, workspace: Workspace, *, actor: str) -> tuple[str, ...]:
    """Let go of candidates that no later comparison can ask for; return their ids.

    Kept are those that a version uses, and of each recipe the fits that the next progressive
    comparison needs. The objects themselves go when the store is collected.
    """
    from tenure.training.keeping import forget

    return forget(model, workspace, actor=actor)
