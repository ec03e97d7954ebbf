"""When did each row happen?"""

from __future__ import annotations

from typing import Any

import numpy as np

from tenure.spec.model import DataSpec


def row_times(frame: Any, data: DataSpec) -> np.ndarray | None:
    """Return when each row happened: (n,) datetime64[ns] in UTC, NaT where it cannot be told.

    The first of data.time.columns holds a date or a time; those after it count hours and minutes
    of that day. Times without a zone are in data.time.timezone. None without data.time.

    Args:
        frame: a pandas frame with those columns, as they were read or as they are stored.
        data: of the spec.
    """
    import pandas as pd

    if data.time is None:
        return None
    first, *others = data.time.columns
    stamps = frame[first]
    if not pd.api.types.is_datetime64_any_dtype(stamps):
        stamps = pd.to_datetime(
            stamps.astype(object), format=data.time.format or "ISO8601", errors="coerce"
        )
    if stamps.dt.tz is not None and others:
        stamps = stamps.dt.tz_localize(None)
    if stamps.dt.tz is None:
        for name, unit in zip(others, ("h", "m"), strict=False):
            stamps = stamps + pd.to_timedelta(frame[name].astype("float64"), unit=unit)
        stamps = stamps.dt.tz_localize(data.time.timezone, ambiguous="NaT", nonexistent="NaT")
    return stamps.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
