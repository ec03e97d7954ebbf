"""Which rows does a fit not see, so that they can judge it?

Stratified and grouped splits decide for each row (or group) by a hash of the seed and where the
row came from, not by a shuffle of all rows: a row that was held out once is held out every night,
however many batches come after it. So two nights' models can be compared on rows neither has seen.
"""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np

from tenure.registry.rows import Rows
from tenure.spec.model import DataSpec, SplitSpec, Task

LEFT_OUT, FITTED, HELD = 0, 1, 2
STRATA = 10
"""Parts of equal count into which a number as target is cut."""


def split_by(split: SplitSpec, data: DataSpec) -> str:
    """Return how rows are split, with `auto` resolved."""
    if split.by != "auto":
        return split.by
    if data.group:
        return "grouped"
    return "time" if data.time else "stratified"


def hold_out(
    rows: Rows,
    used: np.ndarray,
    sources: tuple[str, ...],
    *,
    data: DataSpec,
    split: SplitSpec,
    task: Task,
    seed: int,
) -> np.ndarray:
    """Return the part of each row: (n,) int8 of LEFT_OUT, FITTED or HELD.

    Args:
        rows: of the training set's snapshots.
        used: (n,) mask of rows that count.
        sources: digest of each snapshot, by `rows.batch`.
        data: names group, target.
        split: how, and how much.
        task: decides what strata are.
        seed: of the spec.
    """
    positions = np.flatnonzero(used)
    match split_by(split, data):
        case "time":
            held = _newest(rows, positions, split.test_share)
        case "grouped":
            held = _groups(rows.frame[data.group].iloc[positions], split.test_share, seed)
        case "random":
            held = _shuffled(len(positions), split.test_share, seed)
        case _:
            target = rows.frame[data.target].iloc[positions]
            luck = _luck(rows.batch, sources, seed)[positions]
            held = _by_luck(rows.batch[positions], luck, target, task, split.test_share)
    parts = np.where(used, FITTED, LEFT_OUT).astype(np.int8)
    parts[positions[held]] = HELD
    return parts


def _newest(rows: Rows, positions: np.ndarray, share: float) -> np.ndarray:
    """Hold out the newest rows; rows of one instant stay together."""
    count = len(positions)
    if rows.times is None:
        return np.arange(count) >= count - max(1, round(share * count))
    times = rows.times[positions]
    cut = np.sort(times)[count - max(1, round(share * count))]
    return times >= cut


def _shuffled(count: int, share: float, seed: int) -> np.ndarray:
    """Hold out what scikit-learn's `train_test_split` with this seed holds out."""
    from sklearn.model_selection import train_test_split

    held = np.zeros(count, dtype=bool)
    held[train_test_split(np.arange(count), test_size=share, random_state=seed)[1]] = True
    return held


def _groups(groups: Any, share: float, seed: int) -> np.ndarray:
    """Hold out whole groups, in the order of their hashes, until the share of rows is reached."""
    import pandas as pd

    codes, names = pd.factorize(groups, use_na_sentinel=False)
    hashes = [zlib.crc32(f"{seed}:{name}".encode()) for name in names]
    order = np.argsort(hashes, kind="stable")
    reached = np.cumsum(np.bincount(codes, minlength=len(names))[order])
    wanted = int(np.searchsorted(reached, share * len(codes))) + 1
    chosen = order[: max(1, min(wanted, len(names) - 1))]
    return np.isin(codes, chosen)


def _luck(batch: np.ndarray, sources: tuple[str, ...], seed: int) -> np.ndarray:
    """Return a number in 0..1 for each row that hangs on the seed, its snapshot and its place."""
    sizes = np.bincount(batch, minlength=len(sources))
    return np.concatenate(
        [
            np.random.default_rng([seed, int(source[:15], 16)]).random(size)
            for source, size in zip(sources, sizes, strict=True)
        ]
    )


def _by_luck(
    batch: np.ndarray, luck: np.ndarray, target: Any, task: Task, share: float
) -> np.ndarray:
    """Hold out the same share of each stratum of each batch, its rows of least luck."""
    held = np.zeros(len(batch), dtype=bool)
    for place in np.unique(batch):
        inside = np.flatnonzero(batch == place)
        strata = _strata(target.iloc[inside], task)
        for stratum in np.unique(strata):
            members = inside[strata == stratum]
            order = members[np.argsort(luck[members], kind="stable")]
            held[order[: round(share * len(order))]] = True
    return held


def _strata(target: Any, task: Task) -> np.ndarray:
    """Return classes, or parts of equal count of a number, as codes."""
    import pandas as pd

    if task is Task.CLASSIFICATION:
        return pd.factorize(target)[0]
    ranks = target.rank(method="first").to_numpy() - 1
    return (ranks * STRATA // max(len(ranks), 1)).astype(np.int64)


def parts_bytes(parts: np.ndarray) -> bytes:
    """Return the object that a candidate's `holdout` names: the parts as an .npy of int8."""
    buffer = io.BytesIO()
    np.save(buffer, parts.astype(np.int8), allow_pickle=False)
    return buffer.getvalue()
