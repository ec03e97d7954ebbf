"""What turned out to be true of logged predictions, and when are labels looked for?

Labels lie in files of a source of their own, or in the batches that arrive; they find their
prediction by its id or by columns of its input. Files are read as at intake, treated alike, and
the newest word about a key stands. What clients said to the prediction server of a prediction's id
outranks both, with a spec that says where labels come from and without.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.errors import BadFile, BadRows, TenureError
from tenure.intake.sources import Arrival, Source, look, open_location
from tenure.intake.typed_rows import read_rows
from tenure.predictions.feedback import LABEL, feedback_mark, read_feedback
from tenure.records import Column, Snapshot
from tenure.registry import open_ledger
from tenure.registry.frames import read_frames
from tenure.spec.model import LabelsSpec, ModelSpec
from tenure.spec.treatment import treat_frame

if TYPE_CHECKING:
    from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

ID = "id"
FEEDBACK = "feedback"
"""The source of labels that come by the prediction server alone."""
UNSAID_DELAY = timedelta(days=30)
"""For how long labels are looked for where the spec does not say how long they take."""


def looked_for(spec: ModelSpec) -> timedelta:
    """Return how long after a window its labels are looked for: their delay, and as long again."""
    delay = spec.data.labels.delay_days if spec.data.labels else 0.0
    return timedelta(days=2 * delay) if delay else UNSAID_DELAY


def join_labels(spec: ModelSpec, logged: Any, workspace: Workspace) -> np.ndarray | None:
    """Return the truth about logged predictions: (n,) objects, None where it is not known yet.

    None for a model to which nobody brings labels, neither as its spec says nor as feedback.

    Args:
        spec: of the model.
        logged: rows of the prediction log.
        workspace: where the labels are.
    """
    said = _said(spec, logged, workspace)
    if spec.data.labels is None and not said:
        return None
    found = np.full(len(logged), None, dtype=object)
    names = key_columns(spec)
    if spec.data.labels is not None and all(name in logged.columns for name in names):
        known = truths(spec, workspace)
        found[:] = [known.get(key) for key in _key_texts(logged, names)]
    if said:
        ids = [str(each) for each in logged[ID]]
        found[:] = [said.get(key, before) for key, before in zip(ids, found, strict=True)]
    return found


def key_columns(spec: ModelSpec) -> list[str]:
    """Return the columns of the prediction log by which labels find their prediction."""
    key = spec.data.labels.key if spec.data.labels else []
    return [ID] if key == [ID] else [f"input.{name}" for name in key]


def truths(spec: ModelSpec, workspace: Workspace) -> dict[str, Any]:
    """Return every label of the spec's source, by the text of its key; the newest word stands."""
    labels = spec.data.labels
    assert labels is not None
    known: dict[str, Any] = {}
    for frame in _frames(spec, labels, workspace):
        there = frame[spec.data.target].notna().to_numpy()
        target = frame[spec.data.target].astype(object).to_numpy()
        for key, value, is_known in zip(_key_texts(frame, labels.key), target, there, strict=True):
            if is_known:
                known[key] = value.item() if isinstance(value, np.generic) else value
    return known


def fingerprint(spec: ModelSpec, workspace: Workspace) -> list[object]:
    """Return what tells whether there may be new labels, without reading any."""
    return [*_of_source(spec, workspace), *feedback_mark(spec.name, workspace)]


def _of_source(spec: ModelSpec, workspace: Workspace) -> list[object]:
    labels = spec.data.labels
    if labels is None or labels.source == FEEDBACK:
        return []
    if labels.source is None:
        return [len(open_ledger(workspace).snapshots(spec.name))]
    try:
        files = _files(spec, labels, workspace)
    except TenureError:
        return []
    return [[each.name, each.size, each.modified_at.isoformat()] for each in files]


def _said(spec: ModelSpec, logged: Any, workspace: Workspace) -> dict[str, Any]:
    """Return what clients said of predictions by id; the newest word stands."""
    if not len(logged) or not feedback_mark(spec.name, workspace):
        return {}
    # Nobody knows what became of a prediction before it was made, give or take a clock.
    first = min(logged["at"].min().to_pydatetime(), datetime.now(UTC))
    told = read_feedback(spec.name, workspace, since=first - timedelta(days=1))
    return {each.id: each.value for _, each in told if each.kind == LABEL}


def _frames(spec: ModelSpec, labels: LabelsSpec, workspace: Workspace) -> list[Any]:
    if labels.source == FEEDBACK:
        return []
    snapshots = open_ledger(workspace).snapshots(spec.name)
    if labels.source is None:
        return _from_batches(spec, labels, snapshots, workspace)
    columns = _columns(spec, labels, snapshots)
    source = _source(spec, labels, workspace)
    found = []
    for file in _files(spec, labels, workspace):
        try:
            with open_location(source, file.location) as opened:
                content = opened.read()
            frame = read_rows(file.name, content, columns, spec.data)
            found.append(treat_frame(frame, _treated(spec, columns), workspace))
        except (BadFile, BadRows, FileNotFoundError) as error:
            why = str(error) if isinstance(error, TenureError) else "it is gone"
            _log.warning("a file of labels of '%s' is left aside: %s", spec.name, why)
    return found


def _from_batches(
    spec: ModelSpec, labels: LabelsSpec, snapshots: Sequence[Snapshot], workspace: Workspace
) -> list[Any]:
    wanted = [*labels.key, spec.data.target]
    there = [each.digest for each in snapshots if {one.name for one in each.columns} >= set(wanted)]
    if not there:
        return []
    return [read_frames(spec.name, there, workspace, columns=list(dict.fromkeys(wanted)))]


def _treated(spec: ModelSpec, columns: Sequence[Column]) -> Any:
    """Return the spec's part about data with the treatments of these columns only."""
    names = {each.name for each in columns}
    treat = {name: how for name, how in spec.data.treat.items() if name in names}
    return spec.data.model_copy(update={"treat": treat})


def _columns(
    spec: ModelSpec, labels: LabelsSpec, snapshots: Sequence[Snapshot]
) -> tuple[Column, ...]:
    """Return the columns of a file of labels, typed as in the model's data."""
    types = {each.name: each.type for each in (snapshots[-1].columns if snapshots else ())}
    types |= {name: str(kind) for name, kind in spec.data.columns.items()}
    names = dict.fromkeys([*labels.key, spec.data.target])
    return tuple(Column(name=name, type=types.get(name, "string")) for name in names)


def _source(spec: ModelSpec, labels: LabelsSpec, workspace: Workspace) -> Source:
    where = workspace.locate(labels.source or "")
    is_local = "://" not in where
    return Source(
        model=spec.name,
        where=os.path.normpath(where) if is_local else where.rstrip("/"),
        pattern="*",
        is_local=is_local,
    )


def _files(spec: ModelSpec, labels: LabelsSpec, workspace: Workspace) -> list[Arrival]:
    found = look(_source(spec, labels, workspace))
    return sorted(found, key=lambda each: (each.modified_at, each.name))


def _key_texts(frame: Any, names: Sequence[str]) -> list[str]:
    """Return each row's key as one text, the same whichever file or log it came from."""
    parts = [_texts(frame[name]) for name in names]
    return ["\x1f".join(row) for row in zip(*parts, strict=True)]


def _texts(series: Any) -> list[str]:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return [str(each) for each in pd.to_datetime(series, utc=True).astype("int64")]
    if pd.api.types.is_bool_dtype(series.dtype):
        return [str(int(each)) for each in series]
    if pd.api.types.is_numeric_dtype(series.dtype):
        return [repr(float(each)) for each in series]
    return ["" if each is None or each != each else str(each) for each in series.astype(object)]
