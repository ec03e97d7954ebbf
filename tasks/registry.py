"""The registry as tasks: register a version, deploy it."""

from __future__ import annotations

from prefect import task

from tasks import shown
from tasks.policy import RETRIED, telling_little
from tenure import evaluation, registry
from tenure.records import Assignment, Candidate, Evaluation, Version
from tenure.registry import Lease, due
from tenure.workspace import Workspace


@task(name="register", task_run_name="register-{judged.model}", timeout_seconds=3600, **RETRIED)
@telling_little
def register(judged: Evaluation, workspace: Workspace, actor: str, lease: Lease | None) -> Version:
    """Give the judged candidate its number and its signed manifest."""
    candidate = due.judged_candidate(judged, workspace)
    rows = evaluation.golden_rows(candidate, workspace)
    version = registry.register(candidate, judged, rows, workspace, actor=actor, lease=lease)
    shown.version(version)
    return version


@task(name="deploy", task_run_name="deploy-{model}-v{number}", timeout_seconds=3600, **RETRIED)
@telling_little
def deploy(model: str, number: int, reason: str, workspace: Workspace, actor: str) -> Assignment:
    """Put a version into the champion's slot, because somebody says so."""
    placed = registry.deploy(model, number, workspace, actor=actor, reason=reason)
    shown.assignment(placed)
    return placed


@task(
    name="deploy",
    task_run_name="deploy-{version.model}-v{version.number}",
    timeout_seconds=3600,
    **RETRIED,
)
@telling_little
def deploy_judged(
    version: Version, judged: Evaluation, workspace: Workspace, actor: str
) -> Assignment:
    """Put a version that passed the gate into the slot, if that stands where the gate saw it."""
    placed = registry.deploy(
        version.model,
        version.number,
        workspace,
        actor=actor,
        reason=judged.reason,
        expected_epoch=judged.champion_epoch,
        evidence=judged.digest,
    )
    shown.assignment(placed)
    return placed


def find_settled(candidates: list[Candidate], workspace: Workspace) -> Version | None:
    """Return the version that these fits already became, if nothing is left to do about it."""
    version = due.version_of(candidates, workspace)
    return version if version and due.is_settled(version, workspace) else None
