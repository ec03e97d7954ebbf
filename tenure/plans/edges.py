"""On which rows is a plan most likely to err?

Each row is one that was seen, with one value changed: missing, the least and the most, beyond them,
every category, one that is unseen, an empty one, and what lies next to a tree's thresholds once it
is rounded to float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tenure.plans.columns import Columns
from tenure.plans.plan import Plan
from tenure.plans.shapes import NUMBERS, TEXTS, Number, Op, Table

MOST_KEYS = 64
MOST_NEAR = 400
"""How many rows next to thresholds there are at most, over all columns."""
_EXACT = 2.0**53


def edge_rows(
    plan: Plan, reference: Columns, thresholds: Mapping[int, Sequence[float]]
) -> dict[str, list[Any]]:
    """Return edge rows by column.

    Args:
        plan: whose columns are changed.
        reference: rows as they were seen, at least one; other columns are kept as they are.
        thresholds: by position in the row that the trees see, what they compare with.
    """
    rows = len(next(iter(reference.values())))
    kinds = {name: kind for name, kind, _ in plan.shape.columns}
    odd = {name: _odd(kind, reference[name]) for name, kind in kinds.items()}
    for slot in plan.shape.slots:
        if isinstance(slot, Table):
            odd[slot.column] += list(slot.keys[:MOST_KEYS])
    for name, values in _near(plan, thresholds).items():
        odd[name] += [round(value) for value in values] if kinds[name] == "int64" else values
    bases = sorted({0, rows // 2, rows - 1})
    found: dict[str, list[Any]] = {name: [] for name in reference}
    place = 0
    for changed, values in odd.items():
        for value in dict.fromkeys(_fitting(values, kinds[changed])):
            base = bases[place % len(bases)]
            place += 1
            for name, column in reference.items():
                found[name].append(value if name == changed else plain(column[base]))
    return found


def plain(value: Any) -> Any:
    """Return a value as a request has it: Python's own, None where it is missing."""
    if hasattr(value, "item"):
        value = value.item()
    return None if value is None or value != value else value


def _odd(kind: str, seen: Sequence[Any]) -> list[Any]:
    if kind in TEXTS:
        return [None, "", " ", "\x00 unseen", "é" * 40]
    if kind == "bool":
        return [None, True, False]
    known = np.asarray(seen, dtype=np.float64)
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    wide = max(high - low, 1)
    ends = [None, low, high, 0, -1, 1, low - wide, high + wide]
    return [*ends, -(2**53), 2**53] if kind == "int64" else [*ends, -0.0, 5e-324, -1e30, 1e30, 1e39]


def _fitting(values: Sequence[Any], kind: str) -> list[Any]:
    match kind:
        case "int64":
            return [
                None if value is None else int(value)
                for value in values
                if value is None or (float(value).is_integer() and abs(value) <= _EXACT)
            ]
        case "float64":
            return [None if value is None else float(value) for value in values]
        case "bool":
            return [None if value is None else bool(value) for value in values]
    return list(values)


def _near(plan: Plan, thresholds: Mapping[int, Sequence[float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    asked = [at for at, values in thresholds.items() if len(values)]
    each = max(1, MOST_NEAR // (7 * len(asked))) if asked else 0
    at = 0
    for slot in plan.shape.slots:
        kind = {name: kind for name, kind, _ in plan.shape.columns}[slot.column]
        if isinstance(slot, Number) and at in thresholds and kind in NUMBERS - {"bool"}:
            values = np.unique(np.asarray(thresholds[at], dtype=np.float64))
            chosen = values[np.unique(np.linspace(0, len(values) - 1, each).round().astype(int))]
            near = np.concatenate([_neighbours(value) for value in chosen])
            found.setdefault(slot.column, []).extend(_before(near, slot.ops).tolist())
        at += slot.width
    return found


def _neighbours(value: float) -> np.ndarray:
    rounded = np.float32(value)
    ends = (np.float32(-np.inf), np.float32(np.inf))
    return np.array(
        [
            value,
            *(np.nextafter(value, float(end)) for end in ends),
            float(rounded),
            *(float(np.nextafter(rounded, end)) for end in ends),
            (float(rounded) + float(np.nextafter(rounded, ends[1]))) / 2,
        ]
    )


def _before(values: np.ndarray, ops: Sequence[Op]) -> np.ndarray:
    """Return what a column must hold so that arithmetic makes these values of it, about."""
    for op in reversed(ops):
        match op:
            case ("sub", by):
                values = values + by
            case ("add", by):
                values = values - by
            case ("mul", by) if by:
                values = values / by
            case ("div", by):
                values = values * by
            case _:
                continue
    return values[np.isfinite(values)]
