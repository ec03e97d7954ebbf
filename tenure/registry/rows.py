"""Which rows does a training set hold, and when did they happen?

A training set names snapshots, time bounds and a filter; this turns them into one frame, in the
order of the snapshots, and a mask of the rows that are used. Positions are always those of that
whole frame, so that another stage that reads the same snapshots means the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.records import Column, Snapshot
from tenure.registry.frames import read_frames
from tenure.spec.model import DataSpec, Task
from tenure.spec.times import row_times

if TYPE_CHECKING:
    from tenure.workspace import Workspace

TIME_TYPES = {"datetime", "date", "string", "category"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of some snapshots.

    Attributes:
        frame: all rows in order of snapshots, RangeIndex.
        batch: (n,) place of each row's snapshot.
        labelled: (n,) bool, the target is there.
        newest: (n,) bool, no later row has the same key (all True without `latest_wins`).
        times: (n,) datetime64[ns] in UTC, or None without data.time.
    """

    frame: Any
    batch: np.ndarray
    labelled: np.ndarray
    newest: np.ndarray
    times: np.ndarray | None

    def used(self, start_at: datetime | None, end_at: datetime | None) -> np.ndarray:
        """Return the mask of rows that count, within the bounds (start excluded, end included)."""
        mask = self.labelled & self.newest
        if self.times is None:
            return mask
        if start_at is not None:
            mask = mask & (self.times > _stamp(start_at))
        if end_at is not None:
            mask = mask & (self.times <= _stamp(end_at))
        return mask


def _stamp(at: datetime) -> np.datetime64:
    import pandas as pd

    return pd.Timestamp(at).tz_convert("UTC").tz_localize(None).to_datetime64()


def read_rows(
    model: str,
    data: DataSpec,
    snapshots: Sequence[Snapshot],
    workspace: Workspace,
    columns: Sequence[str] | None = None,
) -> Rows:
    """Read the rows of some snapshots, in their order.

    Args:
        model: its name.
        data: what the spec says about rows.
        snapshots: in order; may be a part of the model's.
        workspace: where they are.
        columns: names to read, None for all; target, key and time columns always come along.
    """
    if columns is not None:
        time = data.time.columns if data.time else []
        columns = list(dict.fromkeys([*columns, data.target, *data.key, *time]))
    frame = read_frames(model, [each.digest for each in snapshots], workspace, columns=columns)
    batch = np.repeat(np.arange(len(snapshots)), [each.rows for each in snapshots])
    newest = np.ones(len(frame), dtype=bool)
    if data.key and data.on_correction == "latest_wins":
        newest = ~frame.duplicated(subset=data.key, keep="last").to_numpy()
    return Rows(
        frame=frame,
        batch=batch,
        labelled=frame[data.target].notna().to_numpy(),
        newest=newest,
        times=row_times(frame, data),
    )


def row_filter(data: DataSpec) -> str:
    """Return in words which rows of the snapshots count; part of a training set's identity."""
    words = f"'{data.target}' is there"
    if data.key and data.on_correction == "latest_wins":
        words += f"; the latest of each key ({', '.join(data.key)})"
    return words


def feature_columns(data: DataSpec, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return what a model is fitted on: all but target, key, group, times and what is left out.

    A number among the time columns (an hour) stays a feature: it says when in the day, not when.
    """
    times = set(data.time.columns if data.time else [])
    apart = {data.target, *data.key, *data.leave_out} | ({data.group} if data.group else set())
    return tuple(
        column
        for column in columns
        if column.name not in apart and not (column.name in times and column.type in TIME_TYPES)
    )


def labels(target: Any, task: Task) -> np.ndarray:
    """Return labels as scikit-learn wants them: texts as objects, numbers as numbers."""
    import pandas as pd

    if task is Task.REGRESSION:
        return target.to_numpy(dtype=np.float64)
    if pd.api.types.is_bool_dtype(target.dtype):
        return target.to_numpy(dtype=bool)
    if pd.api.types.is_integer_dtype(target.dtype):
        return target.to_numpy(dtype=np.int64)
    if pd.api.types.is_float_dtype(target.dtype):
        return target.to_numpy(dtype=np.float64)
    return target.astype(object).to_numpy()
