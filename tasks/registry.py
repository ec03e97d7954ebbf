"""The registry as tasks: register a version, deploy it."""

from __future__ import annotations

import logging

from prefect import task

from tasks import shown
from tasks.policy import RETRIED, telling_little
from tenure import evaluation, registry
from tenure.errors import RolloutOpen
from tenure.records import Assignment, Candidate, Evaluation, Version
from tenure.registry import Lease, due
from tenure.rollouts import Way, place
from tenure.workspace import Workspace

log = logging.getLogger(__name__)


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
def deploy(
    model: str,
    number: int,
    reason: str,
    workspace: Workspace,
    actor: str,
    way: Way = Way.SPEC,
) -> Assignment:
    """Let a version take office, at once or by steps, because somebody says so."""
    placed = place(model, number, workspace, actor=actor, reason=reason, way=way)
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
) -> Assignment | None:
    """Let a version that passed the gate take office, if the slot stands where the gate saw it.

    By steps where the spec has a rollout. While another version is being rolled out nothing is
    moved: that one comes to its end first.
    """
    try:
        placed = place(
            version.model,
            version.number,
            workspace,
            actor=actor,
            reason=judged.reason,
            expected_epoch=judged.champion_epoch,
            evidence=judged.digest,
        )
    except RolloutOpen as busy:
        log.warning("Version %s waits. %s", version.number, busy)
        due.note_waiting(version, judged, busy, workspace, actor=actor)
        return None
    shown.assignment(placed)
    return placed


def find_settled(candidates: list[Candidate], workspace: Workspace) -> Version | None:
    """Return the version that these fits already became, if nothing is left to do about it."""
    version = due.version_of(candidates, workspace)
    return version if version and due.is_settled(version, workspace) else None
