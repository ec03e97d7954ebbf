"""The validation stage as a task."""

from __future__ import annotations

from prefect import task

from tasks.policy import RETRIED, telling_little
from tenure import validation
from tenure.records import Staged, ValidationReport
from tenure.workspace import Workspace


@task(name="validate", task_run_name="validate-{staged.model}", timeout_seconds=3600, **RETRIED)
@telling_little
def validate(staged: Staged, workspace: Workspace) -> ValidationReport:
    """Judge a staged batch; a check that could not run is no pass."""
    return validation.validate(staged, workspace)
