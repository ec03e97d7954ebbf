"""How does an order become a fitted candidate on record?"""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.errors import FitFailed
from tenure.failures import keep
from tenure.records import Candidate, Column, Lineage, Snapshot, TrainingSet
from tenure.registry import dump_estimator, load_candidate, open_ledger, open_store
from tenure.registry.ledger import Ledger
from tenure.registry.rows import feature_columns, labels, read_rows
from tenure.spec import frozen, load_spec
from tenure.spec.model import ModelSpec, Task
from tenure.training import warm
from tenure.training.cost import Cost, measured
from tenure.training.estimator import prepare, task_of
from tenure.training.identity import candidate_id, recipe_of
from tenure.training.orders import FitOrder
from tenure.training.provenance import brought, code_state, libraries, python
from tenure.training.splits import FITTED, hold_out, parts_bytes

if TYPE_CHECKING:
    from tenure.workspace import Workspace

log = logging.getLogger(__name__)


def fit(model: str, order: FitOrder, workspace: Workspace, *, actor: str) -> Candidate:
    """Fit the spec's pipeline as ordered and put the candidate on record."""
    spec = load_spec(model, workspace)
    estimator = prepare(spec, workspace)
    ledger = open_ledger(workspace)
    champion = _start(spec, ledger)
    warm_from = champion[1].id if champion else None
    identity = candidate_id(spec, order.training_set, holdout=order.holdout, warm_from=warm_from)
    known = ledger.candidate(identity)
    if known is not None:
        return known
    twin = _twin(spec, order, ledger, warm_from, workspace)
    if twin is not None:
        lineage = replace(twin.lineage, cpu_s=0.0, wall_s=0.0, peak_memory_bytes=0)
        recipe = recipe_of(spec, order.training_set.span)
        same = replace(
            twin, id=identity, recipe=recipe, training_set=order.training_set, lineage=lineage
        )
        return ledger.record_candidate(same, actor=actor)
    made = _fitted(spec, order, estimator, identity, champion, workspace)
    log.info(
        "Fitted %s on %d rows (%s) in %.1f CPU s",
        model,
        made.training_set.rows,
        order.training_set.span,
        made.lineage.cpu_s,
    )
    return ledger.record_candidate(made, actor=actor)


def _start(spec: ModelSpec, ledger: Ledger) -> tuple[int, Candidate] | None:
    """Return the champion, as number and candidate, if fits are to begin with its parameters."""
    slot = ledger.slot(spec.name) if spec.training.warm_start else None
    if slot is None or slot.version is None:
        return None
    candidate = ledger.candidate(ledger.version(spec.name, slot.version).candidate)
    return (slot.version, candidate) if candidate else None


def _twin(
    spec: ModelSpec,
    order: FitOrder,
    ledger: Ledger,
    warm_from: str | None,
    workspace: Workspace,
) -> Candidate | None:
    """Return the same fit under another span's name: early on several spans mean the same rows."""
    for span in spec.training.spans:
        other = replace(order.training_set, span=span)
        found = ledger.candidate(
            candidate_id(spec, other, holdout=order.holdout, warm_from=warm_from)
        )
        if found is not None and open_store(workspace).exists(found.object):
            return found
    return None


def _fitted(
    spec: ModelSpec,
    order: FitOrder,
    estimator: Any,
    identity: str,
    champion: tuple[int, Candidate] | None,
    workspace: Workspace,
) -> Candidate:
    task = task_of(estimator, spec)
    snapshots = _snapshots(spec.name, order.training_set, workspace)
    features = feature_columns(spec.data, snapshots[-1].columns)
    names = [column.name for column in features]
    extra = [spec.data.group] if spec.data.group else []
    rows = read_rows(spec.name, spec.data, snapshots, workspace, [*names, *extra])
    used = rows.used(order.training_set.start_at, None)
    parts = np.where(used, FITTED, 0).astype(np.int8)
    if order.holdout:
        sources = tuple(each.digest for each in snapshots)
        parts = hold_out(
            rows,
            used,
            sources,
            data=spec.data,
            split=spec.training.split,
            task=task,
            seed=spec.training.seed,
        )
    frame = rows.frame.loc[parts == FITTED, names].reset_index(drop=True)
    target = labels(rows.frame.loc[parts == FITTED, spec.data.target], task)
    start = load_candidate(champion[1], workspace) if champion else None
    cost, is_warm = _run(spec, order, estimator, frame, target, start, workspace)
    store = open_store(workspace)
    kept, size, inside = dump_estimator(estimator, workspace, allow=spec.training.allow)
    warm_from = champion[0] if champion and is_warm else None
    return Candidate(
        id=identity,
        model=spec.name,
        training_set=order.training_set,
        task=task.value,
        target=spec.data.target,
        features=tuple(_as_read(column, frame) for column in features),
        classes=_classes(estimator, task),
        object=kept,
        size=size,
        globals=inside,
        recipe=recipe_of(spec, order.training_set.span),
        last_snapshot_seq=max(each.seq for each in snapshots),
        lineage=_lineage(spec, cost, inside, warm_from, workspace),
        holdout=store.put_bytes(parts_bytes(parts)) if order.holdout else None,
    )


def _snapshots(model: str, training_set: TrainingSet, workspace: Workspace) -> list[Snapshot]:
    wanted = set(training_set.snapshots)
    known = {each.digest: each for each in open_ledger(workspace).snapshots(model)}
    return [known[digest] for digest in training_set.snapshots if digest in wanted]


def _as_read(column: Column, frame: Any) -> Column:
    """Return a feature with the categories that the fit met."""
    import pandas as pd

    kind = frame[column.name].dtype
    if isinstance(kind, pd.CategoricalDtype):
        return replace(column, categories=tuple(str(each) for each in kind.categories))
    return column


def _classes(estimator: Any, task: Task) -> tuple[Any, ...]:
    if task is Task.REGRESSION:
        return ()
    return tuple(
        each.item() if isinstance(each, np.generic) else each for each in estimator.classes_
    )


def _run(
    spec: ModelSpec,
    order: FitOrder,
    estimator: Any,
    frame: Any,
    target: Any,
    start: Any,
    workspace: Workspace,
) -> tuple[Cost, bool]:
    try:
        with measured() as cost:
            is_warm = warm.fit(estimator, frame, target, start)
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a user's code may raise anything
        # The text of a fit's error may quote a row, and so may the chain behind it.
        raise FitFailed(
            model=spec.name,
            rows=len(frame),
            span=order.training_set.span,
            detail=str(keep(error, workspace)),
            holds="what serves keeps serving.",
        ) from None
    return cost, is_warm


def _lineage(
    spec: ModelSpec,
    cost: Cost,
    inside: tuple[str, ...],
    warm_from: int | None,
    workspace: Workspace,
) -> Lineage:
    module = sys.modules.get(spec.training.pipeline.partition(":")[0])
    file = getattr(module, "__file__", None)
    commit, is_dirty = code_state(Path(file).parent if file else workspace.root)
    return Lineage(
        code_commit=commit,
        code_dirty=is_dirty,
        pipeline=spec.training.pipeline,
        parameters=dict(spec.training.parameters),
        seed=spec.training.seed,
        libraries={**libraries(), **brought(inside)},
        python=python(),
        spec=open_store(workspace).put_json(frozen(spec)),
        cpu_s=cost.cpu_s,
        wall_s=cost.wall_s,
        peak_memory_bytes=cost.peak_memory_bytes,
        warm_started_from=warm_from,
    )
