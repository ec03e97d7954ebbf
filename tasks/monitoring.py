"""The monitoring stage as tasks: keep a reference, read the windows that closed, decide."""

from __future__ import annotations

from collections.abc import Iterator

from prefect import task

from tasks import events, runs, shown, shown_cases
from tasks.policy import RETRIED, telling_little
from tenure import monitoring
from tenure.records import Action, Decision, Reading, Version, Window
from tenure.registry import open_ledger
from tenure.workspace import Workspace


@task(
    name="keep reference",
    task_run_name="keep-reference-{model}-v{number}",
    timeout_seconds=3600,
    **RETRIED,
)
@telling_little
def keep_reference(model: str, number: int, workspace: Workspace, actor: str) -> str:
    """Keep what a version is watched against: its inputs, predictions and calibrated thresholds."""
    return monitoring.keep_reference(model, number, workspace, actor=actor)


def keep_missing_reference(model: str, workspace: Workspace, actor: str) -> None:
    """Keep the champion's reference if whoever put it into office died before doing so."""
    ledger = open_ledger(workspace)
    slot = ledger.slot(model)
    if slot and slot.version and ledger.reference(model, slot.version) is None:
        keep_reference(model, slot.version, workspace, actor)


def closed_windows(model: str, workspace: Workspace) -> Iterator[Window]:
    """Yield the windows that have closed and were not judged, those too that close meanwhile."""
    seen: set[Window] = set()
    while fresh := [one for one in monitoring.due_windows(model, workspace) if one not in seen]:
        seen.update(fresh)
        yield from fresh


def announce_closed(model: str, workspace: Workspace) -> None:
    """Say that a window has closed, so that it is judged; a hint, `reconcile` looks as well."""
    windows = monitoring.due_windows(model, workspace)
    if windows and not runs.out_of_office(model, workspace):
        events.hint("window_closed", model, f"{len(windows)} window(s) have closed.")


@task(name="read window", task_run_name="read-{window.model}", timeout_seconds=6 * 3600, **RETRIED)
@telling_little
def read_window(window: Window, workspace: Workspace) -> Reading:
    """Compare a window with the champion's reference; what cannot be computed is unknown."""
    reading = monitoring.read_window(window.model, window, workspace)
    shown_cases.reading(reading)
    if reading.page:
        text = f"What was seen of {window.model}"
        shown.page(window.model, "window", workspace.pages / reading.page, workspace, text)
    return reading


@task(name="decide", task_run_name="decide-{reading.model}", timeout_seconds=600, **RETRIED)
@telling_little
def judge(reading: Reading, workspace: Workspace, actor: str) -> Decision:
    """Put the reading on record with the decision that the ladder makes of it."""
    decision = monitoring.judge(reading, workspace, actor=actor)
    shown_cases.decision(decision)
    return decision


@task(name="watch age", task_run_name="watch-age-{model}", timeout_seconds=600, **RETRIED)
@telling_little
def watch_age(model: str, workspace: Workspace, actor: str) -> None:
    """Ask for a retrain where the champion, or its newest label, is older than the spec allows."""
    monitoring.watch_age(model, workspace, actor=actor)


def settle_retrain(
    model: str, version: Version | None, outcome: str, workspace: Workspace, actor: str
) -> None:
    """Close the case that wanted a challenger, if there is one: it won, it lost, or none was made.

    Args:
        model: which was trained.
        version: what came of it, None if nothing was new.
        outcome: the gate's answer, in a sentence.
        workspace: whose ledger.
        actor: who trained.
    """
    case = open_ledger(workspace).open_case_of(model)
    if case and case.action is Action.RETRAIN:
        _settle(model, version.number if version else None, outcome, workspace, actor)


@task(name="settle retrain", task_run_name="settle-{model}", timeout_seconds=600, **RETRIED)
@telling_little
def _settle(model: str, number: int | None, outcome: str, workspace: Workspace, actor: str) -> None:
    """Close the case that asked for the training, or count one more attempt."""
    monitoring.settle_retrain(model, number, outcome, workspace, actor=actor)
