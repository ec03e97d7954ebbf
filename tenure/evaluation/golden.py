"""Which few rows show whether an artifact still says what it said when it was registered?"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.records import Candidate
from tenure.registry import open_ledger
from tenure.registry.frames import cast, read_frames, to_table

if TYPE_CHECKING:
    from tenure.workspace import Workspace

ROWS = 20
SNAPSHOTS = 4
"""Enough of the newest snapshots of the training set to find the edges in."""


def golden_rows(candidate: Candidate, workspace: Workspace) -> bytes:
    """Return at most 20 feature rows of a candidate's training set as Parquet bytes."""
    import pyarrow.parquet as pq

    known = {each.digest: each for each in open_ledger(workspace).snapshots(candidate.model)}
    names = [column.name for column in candidate.features]
    chosen: list[str] = []
    for digest in reversed(candidate.training_set.snapshots):
        chosen.insert(0, digest)
        if sum(known[each].rows for each in chosen) >= ROWS and len(chosen) >= SNAPSHOTS:
            break
    frame = read_frames(candidate.model, chosen, workspace, columns=names)
    rows = np.array(sorted(pick(frame)), dtype=np.int64)
    picked = cast(frame.iloc[rows], candidate.features)
    target = io.BytesIO()
    pq.write_table(to_table(picked, candidate.features), target)
    return target.getvalue()


def pick(frame: Any) -> set[int]:
    """Return positions of rows that reach an edge of a column, then of rows spread evenly."""
    import pandas as pd

    found: dict[int, None] = {}
    for name in frame.columns:
        values = frame[name]
        missing = values.isna().to_numpy()
        if missing.any():
            found[int(missing.argmax())] = None
        if pd.api.types.is_numeric_dtype(values.dtype) and not missing.all():
            numbers = values.to_numpy(dtype=np.float64)
            found[int(np.nanargmin(numbers))] = None
            found[int(np.nanargmax(numbers))] = None
    edges = list(found)[: ROWS * 3 // 4]
    spread = np.linspace(0, len(frame) - 1, min(ROWS, len(frame))).round().astype(int)
    for place in spread:
        if len(edges) >= min(ROWS, len(frame)):
            break
        if int(place) not in edges:
            edges.append(int(place))
    return set(edges)
