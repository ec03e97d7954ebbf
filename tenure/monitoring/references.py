"""What is a version's life in office compared with?

A reference is kept once, at registration, and never changes: what the training rows held in each
column, a sample of them, what the model said about rows that it had not seen, importances as
weights, and from which score on each column drifts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.evaluation import load_details
from tenure.monitoring import outputs
from tenure.monitoring.calibration import Asked, Calibration, Threshold, calibrated
from tenure.monitoring.columns import (
    ColumnReference,
    Values,
    codes_of,
    comparable,
    is_there,
    kind_of,
    method_of,
    profile,
    values_of,
)
from tenure.monitoring.parting import Parted, part
from tenure.records import Candidate, Column, Evaluation, Version, from_json, to_json
from tenure.registry import open_ledger, open_store
from tenure.registry.arrow import read_table
from tenure.registry.frames import write_frame
from tenure.registry.rows import Rows, read_rows
from tenure.registry.specs import spec_in_force
from tenure.spec.loop import WindowSpec
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

FORMAT = 1
SAMPLE_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What windows of a version are compared with. Identity: digest of the object that holds it.

    `sample` and `predictions` are digests of Parquet objects; `predictions` is None where no row
    was judged that the model had not seen. `outputs` are what the predictions are, `thresholds`
    and `prediction_thresholds` by column or output; what could not be calibrated is not there.
    `usual_rows` is of a window of arrived data, of the kind and size that windows had then.
    """

    format: int
    model: str
    version: int
    rows: int
    sample: str
    columns: tuple[ColumnReference, ...]
    calibration: Calibration
    thresholds: tuple[Threshold, ...]
    usual_rows: int | None
    window_kind: str
    window_size: float
    predictions: str | None = None
    outputs: tuple[ColumnReference, ...] = ()
    prediction_thresholds: tuple[Threshold, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def usual_rows_of(self, window: WindowSpec) -> float | None:
        """Return how many rows a window of today's kind and size usually has, None if unknown."""
        if self.usual_rows is None or window.kind != self.window_kind:
            return None
        return self.usual_rows * window.size / self.window_size


def keep_reference(model: str, number: int, workspace: Workspace, *, actor: str) -> str:
    """Keep what a version will be compared with, once; return the digest of the object.

    A fallback is compared with what the version that it stands in for is compared with.

    Args:
        model: its name.
        number: the version's.
        workspace: where ledger and store are.
        actor: who asked.

    Raises:
        ModelNotFound, BadSpec, VersionNotFound: there is nothing to keep it of.
        SnapshotNotFound, ObjectMissing, ObjectDamaged: its training rows are gone or changed.
    """
    ledger = open_ledger(workspace)
    known = ledger.reference(model, number)
    if known is not None:
        return known
    version, evaluation = ledger.version(model, number), ledger.evaluation(model, number)
    original = _stood_for(version, evaluation, workspace)
    if original is not None:
        kept = keep_reference(model, original, workspace, actor=actor)
    else:
        reference = _made(spec_in_force(model, workspace), version, evaluation, workspace)
        kept = open_store(workspace).put_json(to_json(reference))
    return ledger.keep_reference(model, number, kept, actor=actor)


def load_reference(digest: str, workspace: Workspace) -> Reference:
    """Return a reference by the digest of its object."""
    return from_json(Reference, open_store(workspace).get_json(digest))


def read_sample(digest: str, workspace: Workspace) -> Values:
    """Return the rows that a reference keeps, by column."""
    table = read_table(digest, workspace)
    return {name: _array(table.column(name)) for name in table.column_names}


def _array(values: Any) -> np.ndarray:
    import pyarrow as pa

    if pa.types.is_floating(values.type):
        return values.to_numpy()
    return np.array(values.to_pylist(), dtype=object)


def _stood_for(version: Version, evaluation: Evaluation, workspace: Workspace) -> int | None:
    """Return the version that a fallback stands in for: the one fitted on the same rows."""
    if not outputs.is_fallback(evaluation):
        return None
    ledger = open_ledger(workspace)
    for each in reversed(ledger.versions(version.model, limit=10_000)):
        same = each.training_set == version.training_set and each.number != version.number
        if same and not outputs.is_fallback(ledger.evaluation(each.model, each.number)):
            return each.number
    return None


def _made(
    spec: ModelSpec, version: Version, evaluation: Evaluation, workspace: Workspace
) -> Reference:
    ledger = open_ledger(workspace)
    candidate = ledger.candidate(version.candidate)
    assert candidate is not None
    rows, parted, used = _training_rows(spec, candidate, workspace)
    frame = rows.frame.loc[used].reset_index(drop=True)
    features = [each for each in candidate.features if kind_of(each)]
    values = values_of(frame, features)
    weights = _weights(evaluation, workspace)
    profiles = tuple(profile(each, values[each.name], weights) for each in features)
    judged = None
    if not outputs.is_fallback(evaluation):
        judged = outputs.judged(spec, candidate, workspace)
    answers = _profiled(judged)
    asked = [
        _asked(each, method_of(each, spec.monitoring), values[each.name], parted)
        for each in profiles
        if each.can_drift
    ]
    ours = _asked_about_answers(spec, candidate, frame, answers, parted, workspace)
    found, calibration = _calibrated(spec, [*asked, *ours], parted)
    found_here, found_ours = found[: len(asked)], found[len(asked) :]
    kept = np.sort(_drawn(len(frame), spec.training.seed))
    return Reference(
        format=FORMAT,
        model=spec.name,
        version=version.number,
        rows=len(frame),
        sample=_write({name: held[kept] for name, held in values.items()}, workspace),
        columns=profiles,
        calibration=calibration,
        thresholds=_known(found_here),
        usual_rows=parted.usual_rows,
        window_kind=spec.monitoring.window.kind,
        window_size=spec.monitoring.window.size,
        predictions=_write(_thinned(judged, spec.training.seed), workspace) if judged else None,
        outputs=answers,
        prediction_thresholds=_known(found_ours),
        notes=_notes(spec, parted, calibration),
    )


def _training_rows(
    spec: ModelSpec, candidate: Candidate, workspace: Workspace
) -> tuple[Rows, Parted, np.ndarray]:
    training_set = candidate.training_set
    wanted = {digest: place for place, digest in enumerate(training_set.snapshots)}
    snapshots = [
        each for each in open_ledger(workspace).snapshots(spec.name) if each.digest in wanted
    ]
    snapshots.sort(key=lambda each: wanted[each.digest])
    columns = [each.name for each in candidate.features]
    rows = read_rows(spec.name, spec.data, snapshots, workspace, columns)
    used = rows.used(training_set.start_at, training_set.end_at)
    return rows, part(spec, rows, used, snapshots, workspace), used


def _weights(evaluation: Evaluation, workspace: Workspace) -> dict[str, float] | None:
    """Return the share of the importances by feature; None where none were measured."""
    found = load_details(evaluation, workspace).get("importances")
    if found is None:
        return None
    return {each["feature"]: each["share"] for each in found["features"]}


def _profiled(judged: Values | None) -> tuple[ColumnReference, ...]:
    return tuple(
        profile(outputs.COLUMNS[name], held, None) for name, held in (judged or {}).items()
    )


def _asked(column: ColumnReference, method: str, held: np.ndarray, parted: Parted) -> Asked:
    same = comparable(held, column)
    return Asked(
        name=column.name,
        kind=column.kind,
        method=method,
        values=codes_of(same),
        window=parted.window[is_there(same)],
    )


def _asked_about_answers(
    spec: ModelSpec,
    candidate: Candidate,
    frame: Any,
    answers: tuple[ColumnReference, ...],
    parted: Parted,
    workspace: Workspace,
) -> list[Asked]:
    """Return the model's own answers as columns to calibrate.

    How much they move from window to window is seen on the training rows; their level, which is
    what would be too sure there, plays no part in that.
    """
    if not answers:
        return []
    kept = np.sort(_drawn(len(frame), spec.training.seed))
    said = outputs.said(outputs.asked_of(candidate, frame.iloc[kept], workspace), candidate.classes)
    some = Parted(
        window=parted.window[kept],
        count=parted.count,
        usual_rows=parted.usual_rows,
        per_year=parted.per_year,
    )
    return [
        _asked(each, method_of(each, spec.monitoring), said[each.name], some)
        for each in answers
        if each.can_drift and each.name in said
    ]


def _calibrated(
    spec: ModelSpec, asked: list[Asked], parted: Parted
) -> tuple[list[Threshold], Calibration]:
    monitoring = spec.monitoring
    rungs = [each for each in (monitoring.warn, monitoring.retrain, monitoring.retire) if each]
    size = monitoring.window.size if monitoring.window.kind == "rows" else 0
    return calibrated(
        asked,
        count=parted.count,
        rows=parted.usual_rows or int(size) or monitoring.min_rows,
        per_year=parted.per_year,
        false_alarms_per_year=monitoring.false_alarms_per_year,
        rule=rungs[0].k_of_n if rungs else (2, 3),
        reference_rows=SAMPLE_ROWS,
        seed=spec.training.seed,
    )


def _known(found: list[Threshold]) -> tuple[Threshold, ...]:
    return tuple(each for each in found if np.isfinite(each.value))


def _drawn(n: int, seed: int) -> np.ndarray:
    if n <= SAMPLE_ROWS:
        return np.arange(n)
    return np.random.default_rng(seed).choice(n, SAMPLE_ROWS, replace=False)


def _thinned(values: Values, seed: int) -> Values:
    n = len(next(iter(values.values())))
    kept = np.sort(_drawn(n, seed))
    return {name: held[kept] for name, held in values.items()}


def _write(values: Values, workspace: Workspace) -> str:
    import pandas as pd

    columns = [
        Column(name=name, type="string" if held.dtype == object else "float64")
        for name, held in values.items()
    ]
    digest, _, _ = write_frame(pd.DataFrame(values), columns, workspace)
    return digest


def _notes(spec: ModelSpec, parted: Parted, calibration: Calibration) -> tuple[str, ...]:
    notes = [calibration.note]
    usual, least = parted.usual_rows, spec.monitoring.min_rows
    if usual is not None and usual < least:
        notes.append(
            f"a usual window has {usual} rows, and monitoring.min_rows wants {least}: about "
            f"{-(-least // max(usual, 1))} of them would make one"
        )
    return tuple(notes)
