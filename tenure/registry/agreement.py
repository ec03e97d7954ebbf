"""Do two sets of predictions on the same rows agree?"""

from __future__ import annotations

import math
from typing import Any

from tenure.errors import GoldenMismatch


def must_agree(
    found: dict[str, Any], wanted: dict[str, Any], *, tolerance: float, what: str
) -> None:
    """Refuse predictions that differ from those on record.

    Labels must be equal; numbers may differ by `tolerance`, relative to the larger one, because
    another processor may add in another order.

    Raises:
        GoldenMismatch: with how many values differ, never the values.
    """
    for method in sorted({*found, *wanted}):
        here, there = list(_flat(found.get(method))), list(_flat(wanted.get(method)))
        if len(here) != len(there):
            detail = f"{method} gives {len(here)} values on the golden rows instead of {len(there)}"
            raise GoldenMismatch(what=what, detail=detail)
        other = sum(not _same(one, two, tolerance) for one, two in zip(here, there, strict=True))
        if other:
            detail = f"{method} differs in {other} of {len(here)} values on the golden rows"
            raise GoldenMismatch(what=what, detail=detail)


def _flat(values: Any) -> Any:
    if isinstance(values, list):
        for value in values:
            yield from _flat(value)
    else:
        yield values


def _same(one: Any, two: Any, tolerance: float) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        if math.isnan(one) or math.isnan(two):
            return math.isnan(one) and math.isnan(two)
        return math.isclose(one, two, rel_tol=tolerance, abs_tol=1e-12)
    return bool(one == two)
