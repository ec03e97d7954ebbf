"""Which windows have more labels now than when they were read?

Labels are counted again only when something in their source has changed; the counts are kept beside
the ledger, and may be lost: then they are counted once more.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tenure.monitoring.labels import fingerprint, join_labels, key_columns, looked_for
from tenure.monitoring.rows import logged_rows
from tenure.predictions.feedback import feedback_mark
from tenure.records import Assignment, Reading, Window
from tenure.registry.readings import window_key
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

WORTH_SHARE = 0.05
"""A revision wants so many new labels, as a share of the rows, or the last ones."""


def grown(
    spec: ModelSpec, slot: Assignment, read: Sequence[Reading], workspace: Workspace
) -> list[Window]:
    """Return windows, oldest first, whose labels have grown enough to read them again.

    Args:
        spec: of the model.
        slot: the champion.
        read: the newest revision of each of its windows.
        workspace: where log and labels are.
    """
    if spec.data.labels is None and not feedback_mark(spec.name, workspace):
        return []
    now, horizon = workspace.clock.now(), looked_for(spec)
    open_ones = [
        each
        for each in read
        if each.window.end_at is not None
        and now - each.window.end_at <= horizon
        and each.labelled_rows < each.rows
        and each.epoch == slot.epoch
    ]
    if not open_ones:
        return []
    counts = _counts(spec, open_ones, workspace)
    return [
        each.window
        for each in open_ones
        if _is_worth_it(each, counts.get(window_key(each.window), 0))
    ]


def _is_worth_it(reading: Reading, count: int) -> bool:
    fresh = count - reading.labelled_rows
    return fresh > 0 and (fresh >= WORTH_SHARE * reading.rows or count >= reading.rows)


def _counts(spec: ModelSpec, readings: Sequence[Reading], workspace: Workspace) -> dict[str, int]:
    """Return the labelled rows of each window, counted again only if the source has changed."""
    file = workspace.state / "labels" / f"{spec.name}.json"
    seen = orjson.loads(orjson.dumps(fingerprint(spec, workspace)))
    kept = _read(file)
    counts: dict[str, int] = kept.get("counts", {}) if kept.get("seen") == seen else {}
    missing = [each for each in readings if window_key(each.window) not in counts]
    for each in missing:
        counts[window_key(each.window)] = _count(spec, each, workspace)
    if missing:
        _write(file, {"seen": seen, "counts": counts})
    return counts


def _count(spec: ModelSpec, reading: Reading, workspace: Workspace) -> int:
    window = reading.window
    logged = logged_rows(
        spec,
        reading.version,
        window.start_at,
        window.end_at,
        workspace,
        columns=key_columns(spec),
    )
    found = join_labels(spec, logged, workspace)
    return 0 if found is None else sum(each is not None for each in found)


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
