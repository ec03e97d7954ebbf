"""What is to be fitted tonight, on what, and may that data be trained on?"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tenure.errors import TrainingSetRefused
from tenure.records import Candidate, Snapshot, TrainingSet
from tenure.registry import open_ledger
from tenure.registry.rows import Rows, read_rows, row_filter
from tenure.spec import load_spec
from tenure.spec.model import ModelSpec, Task
from tenure.training.checks import Finding, check_data, check_target
from tenure.training.estimator import prepare, task_of
from tenure.training.identity import recipe_of
from tenure.training.orders import HOLDOUT, PROGRESSIVE, FitOrder, TrainingPlan
from tenure.training.spans import Stretch, stretch_of, training_set
from tenure.training.suites import other_suites

if TYPE_CHECKING:
    from tenure.workspace import Workspace

log = logging.getLogger(__name__)


def plan(model: str, workspace: Workspace) -> TrainingPlan:
    """Validate what there is to train on, and order the fits of one night."""
    spec = load_spec(model, workspace)
    estimator = prepare(spec, workspace)
    task = task_of(estimator, spec)
    ledger = open_ledger(workspace)
    snapshots = ledger.snapshots(model)
    champion = ledger.slot(model)
    serving = champion.version if champion else None
    if not snapshots:
        raise _refused(
            model, [Finding(check="batches", message="no batch was accepted yet")], serving
        )
    sets, findings, notes = _training_sets(spec, task, snapshots, workspace)
    if findings:
        raise _refused(model, findings, serving)
    used = {digest for each in sets for digest in each.snapshots}
    of_others = other_suites(spec, [each for each in snapshots if each.digest in used], workspace)
    if of_others:
        log.warning("Training set of '%s': %s", model, of_others)
        notes.append(of_others)
    kept = ledger.candidates(model) if serving is not None else []
    mode = choose_mode(spec, snapshots, kept, has_champion=serving is not None)
    return TrainingPlan(
        model=model,
        mode=mode,
        training_sets=tuple(sets),
        fits=_orders(sets, mode, spec.evaluation.gate.compare),
        notes=tuple(notes),
    )


def _orders(sets: Iterable[TrainingSet], mode: str, compare: str) -> tuple[FitOrder, ...]:
    """Order full fits wherever later batches may judge them, and held-out ones for tonight."""
    orders = []
    for each in sets:
        if mode == HOLDOUT:
            orders.append(FitOrder(training_set=each, holdout=True))
        if mode == PROGRESSIVE or compare != HOLDOUT:
            orders.append(FitOrder(training_set=each, holdout=False))
    return tuple(orders)


def choose_mode(
    spec: ModelSpec,
    snapshots: Sequence[Snapshot],
    kept: Sequence[Candidate],
    *,
    has_champion: bool,
) -> str:
    """Say how tonight's candidates are judged.

    A first version is judged on a holdout, whatever the spec says: nothing earlier can speak for
    it. With `auto`, so is a recipe until its own earlier fits have met as many batches as the gate
    wants.
    """
    compare = spec.evaluation.gate.compare
    if not has_champion or compare == HOLDOUT:
        return HOLDOUT
    if compare == PROGRESSIVE:
        return PROGRESSIVE
    judged = snapshots[-spec.evaluation.gate.batches :]
    if len(judged) < spec.evaluation.gate.batches:
        return HOLDOUT
    for span in spec.training.spans:
        recipe = recipe_of(spec, span)
        seen = [
            each.last_snapshot_seq for each in kept if each.recipe == recipe and not each.holdout
        ]
        if seen and min(seen) < judged[0].seq:
            return PROGRESSIVE
    return HOLDOUT


def _training_sets(
    spec: ModelSpec, task: Task, snapshots: list[Snapshot], workspace: Workspace
) -> tuple[list[TrainingSet], list[Finding], list[str]]:
    """Return the sets that can be trained on; findings if none can, or the data itself is bad."""
    stretches, findings = _stretches(spec, snapshots)
    if findings:
        return [], findings, []
    chosen = {each.digest for stretch in stretches for each in stretch.snapshots}
    widest = [each for each in snapshots if each.digest in chosen]
    looks_at_all = not spec.data.key and spec.training.checks.max_duplicate_share is not None
    rows = read_rows(spec.name, spec.data, widest, workspace, None if looks_at_all else [])
    now = workspace.clock.now()
    findings = list(check_data(rows, spec.data, spec.training.checks, now))
    sets, short = [], []
    for stretch in stretches:
        made, reasons = _one_set(spec, task, stretch, widest, rows)
        short += [
            replace(each, message=f"span '{stretch.span}': {each.message}") for each in reasons
        ]
        if not reasons:
            sets.append(made)
    if not sets:
        findings += short
    return sets, findings, [f"Left out: {each.message}." for each in short]


def _stretches(spec: ModelSpec, snapshots: list[Snapshot]) -> tuple[list[Stretch], list[Finding]]:
    stretches, findings = [], []
    for span in dict.fromkeys(spec.training.spans):
        try:
            stretches.append(stretch_of(span, snapshots))
        except ValueError:
            findings.append(
                Finding(
                    check="spans",
                    message=f"span '{span}' counts time, but not every batch has data.time; "
                    "'N batches' counts batches",
                )
            )
    return stretches, findings


def _one_set(
    spec: ModelSpec, task: Task, stretch: Stretch, widest: list[Snapshot], rows: Rows
) -> tuple[TrainingSet, tuple[Finding, ...]]:
    import numpy as np

    wanted = {each.digest for each in stretch.snapshots}
    places = [place for place, each in enumerate(widest) if each.digest in wanted]
    used = rows.used(stretch.start_at, None) & np.isin(rows.batch, places)
    target: Any = rows.frame[spec.data.target][used]
    made = training_set(
        spec.name,
        stretch,
        rows=int(used.sum()),
        row_filter=row_filter(spec.data),
        end_at=_latest(stretch.snapshots),
    )
    return made, check_target(target, task, spec.training.checks)


def _latest(snapshots: Iterable[Snapshot]) -> datetime | None:
    ends = [each.end_at for each in snapshots if each.end_at]
    return max(ends) if ends else None


def _refused(model: str, findings: list[Finding], serving: int | None) -> TrainingSetRefused:
    holds = f"Version {serving} keeps serving." if serving else "Nothing serves yet."
    return TrainingSetRefused(
        model=model,
        count=len(findings),
        findings=[{"check": each.check, "message": each.message} for each in findings],
        text="\n".join(f"- {each.message}" for each in findings),
        holds=holds,
    )
