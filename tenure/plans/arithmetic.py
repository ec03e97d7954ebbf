"""How is arithmetic on a column's numbers done, step by step or at once?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tenure.plans.shapes import Op


def run(values: Any, ops: Sequence[Op]) -> Any:
    """Return numbers after arithmetic, each step rounded as scikit-learn's own is."""
    for op in ops:
        match op:
            case ("fill", fill):
                values = np.where(np.isnan(values), fill, values)
            case ("missing",):
                values = np.isnan(values).astype(np.float64)
            case ("sub", by):
                values = values - by
            case ("add", by):
                values = values + by
            case ("mul", by):
                values = values * by
            case ("div", by):
                values = values / by
            case ("clip", low, high):
                values = np.clip(values, low, high)
            case _:
                raise AssertionError(op)
    return values


def run_one(value: float, ops: Sequence[Op]) -> float:
    """Return one number after arithmetic; NaN is a missing one."""
    for op in ops:
        match op[0]:
            case "fill":
                value = op[1] if value != value else value
            case "missing":
                value = float(value != value)
            case "sub":
                value = value - op[1]
            case "add":
                value = value + op[1]
            case "mul":
                value = value * op[1]
            case "div":
                value = value / op[1]
            case _:
                value = min(max(value, op[1]), op[2]) if value == value else value
    return value


def folded(ops: Sequence[Op], weight: float) -> tuple[float, float, float, float | None] | None:
    """Return arithmetic and a weight as one line: offset, factor, constant, missing.

    `weight` times what `ops` make of x is (x - offset) * factor + constant, and `missing` where x
    is missing (None where it stays so). None where the arithmetic is no such line. The first
    offset is kept apart: folded into the constant, a large one would cost digits.
    """
    ops = list(ops)
    fill = None
    while ops and ops[0][0] == "fill":
        fill = ops[0][1] if fill is None else fill
        ops = ops[1:]
    if ops == [("missing",)]:
        constant = 0.0 if fill is not None else weight
        return 0.0, 0.0, 0.0, constant
    missing = None if fill is None else float(run(np.float64(fill), ops) * weight)
    offset = 0.0
    if ops and ops[0][0] == "sub":
        offset, ops = ops[0][1], ops[1:]
    factor, constant = 1.0, 0.0
    for name, *by in ops:
        match name:
            case "sub":
                constant -= by[0]
            case "add":
                constant += by[0]
            case "mul":
                factor, constant = factor * by[0], constant * by[0]
            case "div":
                factor, constant = factor / by[0], constant / by[0]
            case "fill":
                continue
            case _:
                return None
    if any(op[0] == "fill" for op in ops) and fill is None:
        return None
    return offset, factor * weight, constant * weight, missing
