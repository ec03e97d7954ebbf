"""The pages that people look at, as tasks; linked from the run that drew them."""

from __future__ import annotations

from prefect import task

from tasks import shown
from tasks.policy import RETRIED, telling_little
from tenure import pages
from tenure.records import Version
from tenure.workspace import Workspace


@task(name="draw pages", task_run_name="pages-{version.model}", timeout_seconds=600, **RETRIED)
@telling_little
def draw_version(version: Version, workspace: Workspace) -> None:
    """Draw the version's evaluation page, its model's page and the index."""
    file = pages.write_evaluation_page(version.model, version.number, workspace)
    pages.draw_model(version.model, workspace)
    text = f"Evaluation of {version.model} version {version.number}"
    shown.page(version.model, "evaluation", file, workspace, text)


@task(name="draw pages", task_run_name="pages-{model}", timeout_seconds=600, **RETRIED)
@telling_little
def draw_model(model: str, workspace: Workspace) -> None:
    """Draw a model's page, those of its cases, and the index."""
    file = pages.draw_model(model, workspace)
    shown.page(model, "model", file, workspace, f"The life of {model}")


@task(name="draw pages", task_run_name="pages-index", timeout_seconds=600, **RETRIED)
@telling_little
def draw_index(workspace: Workspace) -> None:
    """Draw the index of all models."""
    pages.write_index(workspace)
