"""Which rows does a window hold, what did the model say about them, and what is their truth?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure import predictions
from tenure.errors import BadRows, TenureError
from tenure.evaluation.outputs import Outputs, predict
from tenure.monitoring import outputs
from tenure.monitoring.columns import Values, kind_of, values_of
from tenure.monitoring.corrections import newest_target
from tenure.monitoring.labels import join_labels
from tenure.records import Candidate, Snapshot, Window
from tenure.registry import load_version, open_ledger
from tenure.registry.frames import cast
from tenure.registry.rows import read_rows
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

MOST_ROWS = 20_000
"""Evidently judges a sample of at most so many; all else is counted on all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRows:
    """The rows of a window.

    `values` are the features that can be watched; `absent` says of each other one why not.
    `target` (n,) objects is the truth, None where it is not known; None if nobody brings labels.
    """

    rows: int
    values: Values
    absent: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    answers: Outputs | None = None
    no_answers: str = ""
    target: np.ndarray | None = None


def is_logged(spec: ModelSpec) -> bool:
    """Say whether windows are read from the log of predictions, or from the data that arrived."""
    monitoring = spec.monitoring
    if monitoring.source != "auto":
        return monitoring.source == "predictions"
    return monitoring.window.kind != "batches" and spec.deployment.serving.log == "inputs"


def collect(
    spec: ModelSpec, version: int, candidate: Candidate, window: Window, workspace: Workspace
) -> WindowRows:
    """Return the rows of a window.

    Args:
        spec: of the model.
        version: who answers.
        candidate: the fit behind it.
        window: which rows.
        workspace: where they are.

    Raises:
        BadRows: arrived data lack a column, or hold another type in it.
    """
    if is_logged(spec):
        return _of_log(spec, version, candidate, window, workspace)
    return _of_data(spec, version, candidate, window, workspace)


def snapshots_of(window: Window, known: Sequence[Snapshot], candidate: Candidate) -> list[Snapshot]:
    """Return the snapshots that a window of arrived data touches, in order."""
    if window.first_seq is not None and window.last_seq is not None:
        return [each for each in known if window.first_seq <= each.seq <= window.last_seq]
    return [
        each
        for each in known
        if each.seq > candidate.last_snapshot_seq
        and each.start_at is not None
        and each.end_at is not None
        and (window.end_at is None or each.start_at < window.end_at)
        and (window.start_at is None or each.end_at >= window.start_at)
    ]


def _of_data(
    spec: ModelSpec, version: int, candidate: Candidate, window: Window, workspace: Workspace
) -> WindowRows:
    snapshots = snapshots_of(window, open_ledger(workspace).snapshots(spec.name), candidate)
    if not snapshots:
        return WindowRows(rows=0, values={})
    found = read_rows(
        spec.name, spec.data, snapshots, workspace, [each.name for each in candidate.features]
    )
    mask = found.newest & inside(found.times, window)
    frame = found.frame.loc[mask].reset_index(drop=True)
    values, wrong = _values(frame, candidate)
    answers, why = _ask(spec.name, version, candidate, frame, workspace)
    target = newest_target(spec, found, mask, snapshots[-1].seq, workspace)
    return WindowRows(
        rows=len(frame), values=values, wrong=wrong, answers=answers, no_answers=why, target=target
    )


def inside(times: np.ndarray | None, window: Window) -> np.ndarray | bool:
    """Return which rows lie inside a window, by their times; all where it has none."""
    if times is None or window.start_at is None or window.end_at is None:
        return True
    return (times >= _stamp(window.start_at)) & (times < _stamp(window.end_at))


def _stamp(at: datetime) -> np.datetime64:
    import pandas as pd

    return pd.Timestamp(at).tz_convert("UTC").tz_localize(None).to_datetime64()


def _values(frame: Any, candidate: Candidate) -> tuple[Values, dict[str, str]]:
    values: Values = {}
    wrong: dict[str, str] = {}
    for each in candidate.features:
        if kind_of(each) is None:
            continue
        try:
            values |= values_of(frame, [each])
        except (TypeError, ValueError):
            wrong[each.name] = f"'{each.name}' holds no {each.type}"
    return values, wrong


def _ask(
    model: str, version: int, candidate: Candidate, frame: Any, workspace: Workspace
) -> tuple[Outputs | None, str]:
    try:
        estimator = load_version(model, version, workspace).estimator
        return predict(estimator, cast(frame, candidate.features), candidate.classes), ""
    except BadRows as error:
        return None, str(error)
    except TenureError as error:
        return None, f"version {version} could not be loaded ({error.code})"
    except Exception as error:  # noqa: BLE001
        # An estimator raises what it likes, and scikit-learn's texts may quote a row.
        return None, f"version {version} raised {type(error).__name__}"


def _of_log(
    spec: ModelSpec, version: int, candidate: Candidate, window: Window, workspace: Workspace
) -> WindowRows:
    logged = logged_rows(spec, version, window.start_at, window.end_at, workspace)
    if not len(logged):
        return WindowRows(rows=0, values={})
    names = [each.name for each in candidate.features]
    frame = logged[[f"input.{name}" for name in names if f"input.{name}" in logged]]
    frame = frame.rename(columns=lambda name: name.removeprefix("input."))
    values, wrong = _values(frame, candidate)
    absent = {name: "the prediction log does not hold it" for name in names if name not in frame}
    return WindowRows(
        rows=len(logged),
        values=values,
        absent=absent,
        wrong=wrong,
        answers=outputs.logged(logged, candidate.classes),
        target=join_labels(spec, logged, workspace),
    )


def logged_rows(
    spec: ModelSpec,
    version: int,
    start_at: datetime | None,
    end_at: datetime | None,
    workspace: Workspace,
    columns: Sequence[str] | None = None,
) -> Any:
    """Return what a version answered in a stretch of time, oldest first.

    Args:
        spec: of the model.
        version: who answered.
        start_at: rows at or after it.
        end_at: rows before it; None for all.
        workspace: whose log.
        columns: what is wanted beside time and id; None for all.
    """
    return predictions.read(
        spec.name, workspace, since=start_at, until=end_at, version=version, columns=columns
    )
