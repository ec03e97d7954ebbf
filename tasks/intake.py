"""The intake stage as tasks: receive what arrived, stage it, admit it or not."""

from __future__ import annotations

from prefect import task

from tasks import shown
from tasks.policy import RETRIED, telling_little
from tenure import intake, pages
from tenure.records import Batch, Staged, ValidationReport
from tenure.registry import due
from tenure.registry.specs import spec_in_force
from tenure.workspace import Workspace


@task(name="receive", task_run_name="receive-{model}", timeout_seconds=3600, **RETRIED)
@telling_little
def receive(model: str, path: str | None, workspace: Workspace, actor: str) -> list[Batch]:
    """Put what arrived on record, and return the batches that are to be judged, oldest first."""
    if path:
        intake.receive(model, path, workspace, actor=actor)
    else:
        _receive_unseen(model, workspace, actor)
    return due.batches_to_judge(model, workspace)


def _receive_unseen(model: str, workspace: Workspace, actor: str) -> None:
    arrivals = intake.locate(spec_in_force(model, workspace), workspace)
    for arrival in due.unseen(model, arrivals, workspace):
        batch = intake.receive(model, arrival, workspace, actor=actor)
        due.note_double(arrival, batch, workspace)


@task(name="stage", task_run_name="stage-{batch.name}", timeout_seconds=3600, **RETRIED)
@telling_little
def stage(batch: Batch, workspace: Workspace) -> Staged:
    """Read a batch in its types and treat what is personal."""
    return intake.stage(batch, workspace)


@task(name="admit", task_run_name="admit-{staged.model}", timeout_seconds=3600, **RETRIED)
@telling_little
def admit(staged: Staged, report: ValidationReport, workspace: Workspace, actor: str) -> Batch:
    """Accept a batch as a snapshot, or put it in quarantine; show what was found."""
    batch = intake.admit(staged, report, workspace, actor=actor)
    shown.validation(report, batch)
    page = pages.write_validation_page(report, workspace)
    shown.page(batch.model, "validation", page, workspace, f"Validation of {batch.name}")
    return batch
