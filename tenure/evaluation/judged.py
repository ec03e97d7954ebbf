"""On which rows are tonight's candidates judged, and what did everyone say about them?"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.evaluation.outputs import Outputs, Truth
from tenure.records import Candidate, Snapshot
from tenure.spec.model import DataSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

FITTED, HELD = 1, 2
"""Parts of a row in a candidate's `holdout` object; 0 is a row that the fit leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A recipe that competes: the candidate that would take office, and what its fits said.

    `outputs` come from fits that had not seen the rows: in a holdout the candidate itself, in a
    progressive comparison earlier fits of its recipe (`asked`, oldest first).
    """

    candidate: Candidate
    outputs: Outputs
    asked: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Rows that no contender's fits had seen, with what was said about them.

    Attributes:
        method: "holdout" or "progressive".
        frame: all stored columns of these rows, in order of snapshot and place.
        truth: what happened.
        looked_at: rows in which leakage is looked for (in a holdout also fitted ones), and what
            happened there.
        contenders: at least one.
        champion: what the champion said, None where there is none.
        unseen: (n,) bool, rows that the champion had not seen either.
        batch: (n,) place of a row's snapshot in `snapshots`.
        snapshots: those that hold the rows.
        cluster: (n,) rows that count as one, or None if each counts.
        clustered_by: in words.
        split: in words: how the rows came to be these.
        repeated: judged rows that repeat a fitted one in every column.
        notes: sentences for the page.
    """

    method: str
    frame: Any
    truth: Truth
    looked_at: tuple[Any, Truth]
    contenders: tuple[Contender, ...]
    champion: Outputs | None
    unseen: np.ndarray
    batch: np.ndarray
    snapshots: tuple[Snapshot, ...]
    cluster: np.ndarray | None
    clustered_by: str
    split: str
    repeated: int = 0
    notes: list[str] = field(default_factory=list)


LOOKED_AT = 10_000


def spread(rows: np.ndarray) -> np.ndarray:
    """Return at most LOOKED_AT of some positions, spread evenly."""
    if len(rows) <= LOOKED_AT:
        return rows
    return rows[np.linspace(0, len(rows) - 1, LOOKED_AT).round().astype(int)]


def parts_of(candidate: Candidate, workspace: Workspace) -> np.ndarray | None:
    """Return the part (0, FITTED, HELD) of each row of a candidate's snapshots, in order.

    None for a fit on all rows.
    """
    from tenure.registry import open_store

    if candidate.holdout is None:
        return None
    data = open_store(workspace).get_bytes(candidate.holdout)
    return np.load(io.BytesIO(data), allow_pickle=False)


def parts_on(
    candidate: Candidate,
    judged: Sequence[Snapshot],
    known: Sequence[Snapshot],
    workspace: Workspace,
) -> np.ndarray:
    """Return a candidate's part of each row of some snapshots, in their order.

    Rows of a fit without a holdout all count as fitted, also those that its bounds or its filter
    left out.

    Args:
        candidate: the fit.
        judged: whose rows are asked about.
        known: all of the model's snapshots.
        workspace: where the parts are.
    """
    parts = parts_of(candidate, workspace)
    rows = {each.digest: each.rows for each in known}
    sizes = [rows[digest] for digest in candidate.training_set.snapshots]
    if parts is None:
        parts = np.full(sum(sizes), FITTED, dtype=np.int8)
    pieces = np.split(parts, np.cumsum(sizes)[:-1])
    own = dict(zip(candidate.training_set.snapshots, pieces, strict=True))
    found = [own.get(each.digest, np.zeros(each.rows, dtype=np.int8)) for each in judged]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int8)


def clusters(
    data: DataSpec, frame: Any, batch: np.ndarray, *, is_series: bool
) -> tuple[np.ndarray | None, str]:
    """Return which rows count as one, and that in words.

    Rows of a group belong together. Rows of a series are like their neighbours: blocks of the cube
    root of their count, in order of time within a batch, count as one (Künsch, 1989).
    """
    import pandas as pd

    from tenure.spec.times import row_times

    if data.group is not None:
        codes, _ = pd.factorize(frame[data.group], use_na_sentinel=False)
        return codes.astype(np.int64), f"group '{data.group}'"
    n = len(frame)
    if not is_series or n == 0:
        return None, "rows"
    length = max(1, round(n ** (1 / 3)))
    times = row_times(frame, data)
    order = np.lexsort((np.arange(n) if times is None else times.view(np.int64), batch))
    found = np.empty(n, dtype=np.int64)
    begin = 0
    for place in np.unique(batch):
        size = int((batch == place).sum())
        blocks = max(1, size // length)
        inside = np.minimum(np.arange(size) // length, blocks - 1)
        rows = order[batch[order] == place]
        found[rows] = begin + inside
        begin += blocks
    return found, f"blocks of {length} consecutive rows"


def row_hashes(frame: Any) -> np.ndarray:
    """Return a 64-bit hash of each row over all columns of a frame; of categories, their texts."""
    util: Any = import_module("pandas.util")
    return np.array(util.hash_pandas_object(frame, index=False))
