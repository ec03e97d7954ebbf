"""How does one value become a column's, where nothing about it is out of the common?

One table for JSON and one for bytes, by the column's type and the tensor's datatype. What raises or
is not in a table goes the careful way, which says what is wrong. Both ways give the same values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from tenure.records import Column
from tenure.serving.oip.datatypes import DATATYPES, Datatype, Family, families_of

Read = Callable[[Any], Any]
Unpack = Callable[[bytes, int, int], Any]

_INT64 = 2**63
_NULL = type(None)


def by_json(columns: Sequence[Column]) -> dict[tuple[str, str], dict[type, Read]]:
    """Return for each column and datatype how a JSON value of an exact type is read."""
    return {
        (column.name, datatype.name): _of_json(column.type, datatype)
        for column in columns
        for datatype in DATATYPES.values()
        if datatype.family in families_of(column)
    }


def by_bytes(columns: Sequence[Column]) -> dict[tuple[str, str], Unpack]:
    """Return for each column and datatype how the bytes of one element are read."""
    return {
        (column.name, datatype.name): unpack
        for column in columns
        for datatype in DATATYPES.values()
        if datatype.family in families_of(column)
        and (unpack := _of_bytes(column.type, datatype)) is not None
    }


def _of_json(kind: str, datatype: Datatype) -> dict[type, Read]:
    if kind in _TEXTS:
        return {str: _TEXTS[kind], _NULL: same}
    if kind == "bool":
        return {bool: same, _NULL: same}
    if datatype.name == "FP64" and kind == "float64":
        return {float: same, int: float, _NULL: same}
    if datatype.name == "INT64" and kind == "int64":
        return {int: _int64, _NULL: same}
    read = _bounded(datatype, float if kind == "float64" else _int64)
    return {int: read, _NULL: same} | ({float: read} if datatype.family is Family.FLOAT else {})


def _bounded(datatype: Datatype, read: Read) -> Read:
    low, high = datatype.low, datatype.high

    def bounded(value: Any) -> Any:
        if low <= value <= high:
            return read(value)
        raise ValueError

    return bounded


def same(value: Any) -> Any:
    """Return a value that is its column's as it stands."""
    return value


def _int64(value: Any) -> int:
    whole = int(value)
    if whole != value or not -_INT64 <= whole < _INT64:
        raise ValueError
    return whole


_TEXTS: dict[str, Read] = {
    "string": same,
    "category": same,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
}


_CODES = {"BOOL": "<B", "FP16": "<e", "FP32": "<f", "FP64": "<d"} | {
    f"{sign}INT{bits}": "<" + (code.upper() if sign else code)
    for bits, code in ((8, "b"), (16, "h"), (32, "i"), (64, "q"))
    for sign in ("", "U")
}


def _of_bytes(kind: str, datatype: Datatype) -> Unpack | None:
    if kind in _TEXTS:
        return _text(_TEXTS[kind])
    code = _CODES.get(datatype.name)
    if code is None:
        return None
    return _number(struct.Struct(code), _READS[kind])


def _number(form: struct.Struct, read: Read) -> Unpack:
    unpack, wanted = form.unpack_from, form.size

    def number(body: bytes, at: int, size: int) -> Any:
        if size != wanted:
            raise ValueError
        return read(unpack(body, at)[0])

    return number


def _text(read: Read) -> Unpack:
    unpack = struct.Struct("<I").unpack_from

    def text(body: bytes, at: int, size: int) -> Any:
        if size < 4 or unpack(body, at)[0] != size - 4:
            raise ValueError
        return read(body[at + 4 : at + size].decode())

    return text


def _float_or_missing(value: Any) -> float | None:
    return float(value) if value == value else None


def _int64_or_missing(value: Any) -> int | None:
    return _int64(value) if value == value else None


def _bool(value: int) -> bool:
    if value > 1:
        raise ValueError
    return value == 1


_READS: dict[str, Read] = {
    "float64": _float_or_missing,
    "int64": _int64_or_missing,
    "bool": _bool,
}
