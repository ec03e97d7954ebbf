"""Which datatypes does the protocol know, and how does each stand in bytes and in NumPy?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from tenure.records import Column


class Family(StrEnum):
    """What the elements of a tensor are."""

    BOOL = "boolean"
    WHOLE = "whole number"
    FLOAT = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Datatype:
    """One datatype of the protocol.

    Attributes:
        name: as the protocol writes it.
        family: what its elements are.
        size: bytes an element; 0 where an element carries its own length.
        dtype: how NumPy reads its bytes, little-endian.
        low: the least value, of numbers.
        high: the greatest finite value, of numbers.
    """

    name: str
    family: Family
    size: int
    dtype: np.dtype
    low: float = 0
    high: float = 0


def _whole(name: str, code: str) -> Datatype:
    dtype = np.dtype(code)
    bounds = np.iinfo(dtype)
    return Datatype(name, Family.WHOLE, dtype.itemsize, dtype, int(bounds.min), int(bounds.max))


def _float(name: str, code: str) -> Datatype:
    dtype = np.dtype(code)
    high = float(np.finfo(dtype).max)
    return Datatype(name, Family.FLOAT, dtype.itemsize, dtype, -high, high)


_BF16_HIGH = 3.3895313892515355e38

DATATYPES: dict[str, Datatype] = {
    each.name: each
    for each in (
        Datatype("BOOL", Family.BOOL, 1, np.dtype("u1")),
        *(_whole(f"UINT{bits}", f"<u{bits // 8}") for bits in (8, 16, 32, 64)),
        *(_whole(f"INT{bits}", f"<i{bits // 8}") for bits in (8, 16, 32, 64)),
        *(_float(f"FP{bits}", f"<f{bits // 8}") for bits in (16, 32, 64)),
        # The upper half of a float32: NumPy has no such type, so its bytes are read as whole.
        Datatype("BF16", Family.FLOAT, 2, np.dtype("<u2"), -_BF16_HIGH, _BF16_HIGH),
        Datatype("BYTES", Family.TEXT, 0, np.dtype(object)),
    )
}

_OF_COLUMN = {"float64": "FP64", "int64": "INT64", "bool": "BOOL"}

TAKEN: dict[str, frozenset[Family]] = {
    "float64": frozenset({Family.FLOAT, Family.WHOLE}),
    "int64": frozenset({Family.FLOAT, Family.WHOLE}),
    "bool": frozenset({Family.BOOL}),
}
_TEXT_ONLY = frozenset({Family.TEXT})


def datatype_of(column: Column) -> str:
    """Return the datatype in which a column is asked for.

    Texts, categories, times and dates (ISO 8601) are BYTES in UTF-8.
    """
    return _OF_COLUMN.get(column.type, "BYTES")


def families_of(column: Column) -> frozenset[Family]:
    """Return which elements a column may be sent as."""
    return TAKEN.get(column.type, _TEXT_ONLY)


def datatype_of_labels(classes: Sequence[Any]) -> str:
    """Return the datatype of a model's predictions; without classes they are numbers."""
    if not classes:
        return "FP64"
    for kind, name in ((bool, "BOOL"), (int, "INT64"), (float, "FP64")):
        if all(type(label) is kind for label in classes):
            return name
    return "BYTES"
