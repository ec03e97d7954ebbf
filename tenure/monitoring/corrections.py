"""Which labels of a window of arrived data were corrected by data that came later?

Where the spec says `on_correction: latest_wins`, the newest word about a key stands, also about a
row that was judged already: such a window is due again, as another revision of its reading. Labels
are looked at again only when a batch has come; what is remembered of that may be lost.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tenure.records import Candidate, Reading, Snapshot, Window, digest_of
from tenure.registry import open_ledger
from tenure.registry.readings import window_key
from tenure.registry.rows import Rows, read_rows
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

LOOKED_BACK = 20
"""Of so many of the newest windows corrections are taken up."""


def takes_corrections(spec: ModelSpec) -> bool:
    """Say whether a later row may correct an earlier one."""
    return bool(spec.data.key) and spec.data.on_correction == "latest_wins"


def newest_target(
    spec: ModelSpec, found: Rows, mask: np.ndarray, after_seq: int, workspace: Workspace
) -> np.ndarray:
    """Return the truth of some rows as it is known today, (n,) objects, None where it is not.

    Args:
        spec: of the model.
        found: rows of a window's snapshots.
        mask: (n,) bool, which of them count.
        after_seq: the number of the last of those snapshots.
        workspace: where later ones are.
    """
    column = found.frame.loc[mask, spec.data.target]
    target = column.astype(object).to_numpy().astype(object)
    target[column.isna().to_numpy()] = None
    if not takes_corrections(spec):
        return target
    known = _said_later(spec, after_seq, workspace)
    if known:
        keys = _keys(spec, found.frame.loc[mask])
        said = [known.get(key, value) for key, value in zip(keys, target, strict=True)]
        target = np.fromiter(said, dtype=object, count=len(said))
    return target


def labels_digest(target: np.ndarray | None) -> str:
    """Return what tells whether the labels of a window are still the same."""
    return "" if target is None else digest_of([str(each) for each in target])


def corrected(
    spec: ModelSpec, read: Sequence[Reading], candidate: Candidate, workspace: Workspace
) -> list[Window]:
    """Return the windows, oldest first, whose labels are others now than when they were read.

    Args:
        spec: of the model.
        read: the newest revision of each of the champion's windows, oldest first.
        candidate: the champion's.
        workspace: where the data are.
    """
    if not takes_corrections(spec):
        return []
    snapshots = open_ledger(workspace).snapshots(spec.name)
    newest = snapshots[-1].seq if snapshots else 0
    file = workspace.state / "labels" / f"{spec.name}.data.json"
    kept = _read(file)
    known: dict[str, str] = kept.get("labels", {}) if kept.get("seen") == newest else {}
    judged = [each for each in read[-LOOKED_BACK:] if each.labels]
    missing = [each for each in judged if window_key(each.window) not in known]
    for each in missing:
        known[window_key(each.window)] = _labels_now(spec, each, snapshots, candidate, workspace)
    if missing:
        _write(file, {"seen": newest, "labels": known})
    return [each.window for each in judged if known[window_key(each.window)] != each.labels]


def _labels_now(
    spec: ModelSpec,
    reading: Reading,
    snapshots: Sequence[Snapshot],
    candidate: Candidate,
    workspace: Workspace,
) -> str:
    from tenure.monitoring.rows import inside, snapshots_of

    mine = snapshots_of(reading.window, snapshots, candidate)
    if not mine:
        return reading.labels
    found = read_rows(spec.name, spec.data, mine, workspace, [])
    mask = found.newest & inside(found.times, reading.window)
    return labels_digest(newest_target(spec, found, mask, mine[-1].seq, workspace))


def _said_later(spec: ModelSpec, after_seq: int, workspace: Workspace) -> dict[Any, Any]:
    """Return the newest label of each key in the data that came after a snapshot."""
    later = open_ledger(workspace).snapshots(spec.name, after_seq=after_seq)
    if not later:
        return {}
    found = read_rows(spec.name, spec.data, later, workspace, [])
    there = found.frame.loc[found.labelled]
    target = there[spec.data.target].astype(object).to_numpy()
    return dict(zip(_keys(spec, there), target, strict=True))


def _keys(spec: ModelSpec, frame: Any) -> list[tuple[Any, ...]]:
    columns = [frame[name].astype(object).to_numpy() for name in spec.data.key]
    return list(zip(*columns, strict=True))


def _read(file: Path) -> dict[str, Any]:
    try:
        return orjson.loads(file.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}


def _write(file: Path, value: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}.fresh")
    fresh.write_bytes(orjson.dumps(value))
    os.replace(fresh, file)
