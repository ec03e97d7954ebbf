"""Weeks of a history through the library, as the flows do it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.trial import policies
from benchmarks.trial.histories import History, write_week
from tenure import evaluation, intake, registry, training, validation
from tenure.records import Batch, BatchState, Evaluation
from tenure.registry import open_ledger
from tenure.spec import load_spec
from tenure.workspace import Workspace

PROJECT = Path(__file__).parents[3]
ACTOR = "automation:trial"


def weeks_of(history: History) -> list[list[list[str]]]:
    """The history's weeks; a test is skipped where it does not lie beside the checkout."""
    if not history.path(PROJECT).is_file():
        pytest.skip(f"{history.file} is not beside the checkout: it is no part of the project")
    return history.weeks(PROJECT)


def take_in(history: History, rows: list[list[str]], number: int, workspace: Workspace) -> Batch:
    """Let a week arrive and be judged."""
    model = history.model
    workspace.clock.set(history.arrives_at(number))
    write_week(rows, workspace.root / "arrivals" / model, number)
    [arrival] = intake.locate(load_spec(model, workspace), workspace)[number:]
    batch = intake.receive(model, arrival.location, workspace, actor=ACTOR)
    staged = intake.stage(batch, workspace)
    report = validation.validate(staged, workspace)
    return intake.admit(staged, report, workspace, actor=ACTOR)


def night(
    history: History, rows: list[list[str]], number: int, workspace: Workspace
) -> tuple[dict[str, float], Evaluation]:
    """One week, trained and judged; what was measured before the training."""
    model = history.model
    admitted = take_in(history, rows, number, workspace)
    assert admitted.state is BatchState.ACCEPTED, admitted.reason
    newest = open_ledger(workspace).snapshots(model)[-1]
    measured = policies.judge(history, newest, workspace, {})
    plan = training.plan(model, workspace)
    fits = [training.fit(model, order, workspace, actor=ACTOR) for order in plan.fits]
    judged = evaluation.evaluate(model, fits, workspace)
    candidate = open_ledger(workspace).candidate(judged.candidate)
    assert candidate is not None
    golden = evaluation.golden_rows(candidate, workspace)
    version = registry.register(candidate, judged, golden, workspace, actor=ACTOR)
    if judged.promotes:
        _put_into_office(judged, version.number, workspace)
    return measured, judged


def _put_into_office(judged: Evaluation, number: int, workspace: Workspace) -> None:
    registry.deploy(
        judged.model,
        number,
        workspace,
        actor=ACTOR,
        reason=judged.reason,
        expected_epoch=judged.champion_epoch,
        evidence=judged.digest,
    )
