"""What does one tensor of a request hold, and is it what its own shape and datatype say?

Elements come as JSON (nested or flat, row-major), as bytes (the binary extension, gRPC's raw
contents), or already typed (gRPC's contents). They leave as a flat array, or as a list where an
element is missing or a text. No refusal repeats a value.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from tenure.serving.limits import Limits
from tenure.serving.oip.datatypes import DATATYPES, Datatype, Family
from tenure.serving.problems import Problem, shown

Values = np.ndarray | list[Any]

_MOST_DIMENSIONS = 8
_NULL = type(None)
_KINDS = {
    Family.BOOL: frozenset({bool, _NULL}),
    Family.WHOLE: frozenset({int, float, _NULL}),
    Family.FLOAT: frozenset({int, float, _NULL}),
    Family.TEXT: frozenset({str, _NULL}),
}
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One input of a request, checked against itself.

    Attributes:
        name: as the client calls it.
        datatype: what it is declared as.
        shape: its dimensions, none negative.
        values: its elements, row-major: an array (NaN where a float is missing), or a list in which
            a missing element is None; texts are a list of `str`.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    values: Values


def refused(detail: str, code: str = "bad-tensor") -> Problem:
    """Return what a client reads whose tensors are wrong."""
    return Problem(400, code, detail)


def named(name: str, limits: Limits) -> str:
    """Return an input's name as a refusal repeats it."""
    return f"Input {shown(name, limits.name_length)}"


def checked_head(tensor: Any, place: int, limits: Limits) -> tuple[str, Datatype, tuple[int, ...]]:
    """Return name, datatype and shape of an input as JSON gives it.

    Raises:
        Problem: 400 where one of them is missing or wrong.
    """
    if not isinstance(tensor, dict):
        raise refused(f"inputs[{place}] is {kind_of(tensor)}; wanted an object.")
    name = tensor.get("name")
    if not isinstance(name, str) or not name:
        raise refused(f"inputs[{place}] has no 'name'; wanted a text.")
    what = named(name, limits)
    return name, datatype_named(tensor.get("datatype"), what), _shape(tensor, what)


def datatype_named(name: Any, what: str) -> Datatype:
    """Return a datatype by its name.

    Raises:
        Problem: 400 where the protocol knows none of that name.
    """
    found = DATATYPES.get(name) if isinstance(name, str) else None
    if found is None:
        got = shown(name, 20) if isinstance(name, str) else kind_of(name)
        raise refused(f"{what} has datatype {got}; wanted one of {', '.join(DATATYPES)}.")
    return found


def _shape(tensor: dict[str, Any], what: str) -> tuple[int, ...]:
    shape = tensor.get("shape")
    if not isinstance(shape, list):
        raise refused(f"{what} has {kind_of(shape)} for a 'shape'; wanted an array of numbers.")
    if any(type(size) is not int for size in shape):
        raise refused(f"{what} has a 'shape' in which not all sizes are whole numbers.")
    return checked_shape(shape, what)


def checked_shape(shape: Sequence[int], what: str) -> tuple[int, ...]:
    """Return a shape.

    Raises:
        Problem: 400 where it is no shape.
    """
    if not 0 < len(shape) <= _MOST_DIMENSIONS:
        detail = f"{what} has {len(shape)} dimensions; wanted 1 to {_MOST_DIMENSIONS}."
        raise refused(detail)
    if min(shape) < 0 or max(shape) >= 2**63:
        raise refused(f"{what} has a shape with a size below 0 or beyond 64 bits.")
    return tuple(shape)


def of_json(data: Any, datatype: Datatype, shape: tuple[int, ...], what: str) -> Values:
    """Return the elements of a tensor that came as JSON, nested as its shape says or flat.

    Raises:
        Problem: 400 where they are not what shape and datatype say.
    """
    if not isinstance(data, list):
        raise refused(f"{what} has {kind_of(data)} for its 'data'; wanted an array.")
    flat = _flat(data, shape, what)
    kinds, taken = set(map(type, flat)), _KINDS[datatype.family]
    if not kinds <= taken:
        place = next(place for place, each in enumerate(flat) if type(each) not in taken)
        raise _wrong_element(what, place, kind_of(flat[place]), datatype)
    if datatype.family is Family.TEXT:
        return flat
    has_nulls = _NULL in kinds
    match datatype.family:
        case Family.BOOL:
            return flat if has_nulls else np.array(flat, dtype=bool)
        case Family.FLOAT:
            # An array of the standard library takes numbers three times as fast as NumPy's.
            numbers = np.array(flat, "float64") if has_nulls else np.frombuffer(array("d", flat))
            if datatype.size < 8:
                _check_range(numbers, datatype, what)
            return numbers
    return _whole_numbers(flat, kinds, datatype, what)


def _flat(data: list[Any], shape: tuple[int, ...], what: str) -> list[Any]:
    flat = data
    for depth in range(len(shape) - 1):
        if not flat or set(map(type, flat)) != {list}:
            break
        size = shape[depth + 1]
        if len(flat) != math.prod(shape[: depth + 1]) or any(len(each) != size for each in flat):
            raise refused(f"{what} is nested otherwise than its shape {_said(shape)}.")
        flat = list(chain.from_iterable(flat))
    if len(flat) != math.prod(shape):
        raise _wrong_count(what, len(flat), shape)
    return flat


def _whole_numbers(flat: list[Any], kinds: set[type], datatype: Datatype, what: str) -> Values:
    if float in kinds:
        flat = [_whole(value, place, datatype, what) for place, value in enumerate(flat)]
    if datatype.name == "INT64" and _NULL not in kinds:
        try:
            return np.frombuffer(array("q", flat), "int64")
        except OverflowError:
            raise _out_of_range(what, datatype) from None
    present = [value for value in flat if value is not None]
    if present and not (datatype.low <= min(present) and max(present) <= datatype.high):
        raise _out_of_range(what, datatype)
    return flat if _NULL in kinds else np.array(flat, dtype=datatype.dtype)


def _whole(value: Any, place: int, datatype: Datatype, what: str) -> Any:
    if type(value) is not float:
        return value
    if not value.is_integer():
        raise _wrong_element(what, place, "a number with a fraction", datatype)
    return int(value)


def _check_range(numbers: np.ndarray, datatype: Datatype, what: str) -> None:
    # A missing number is NaN, which is above nothing.
    if (np.abs(numbers) > datatype.high).any():
        raise _out_of_range(what, datatype)


def of_bytes(raw: memoryview, datatype: Datatype, shape: tuple[int, ...], what: str) -> Values:
    """Return the elements of a tensor that came as bytes, little-endian and row-major.

    Raises:
        Problem: 400 where there are more or fewer than the shape says, or texts are not UTF-8.
    """
    wanted = math.prod(shape)
    if datatype.family is Family.TEXT:
        return _texts(raw, wanted, shape, what)
    if len(raw) != wanted * datatype.size:
        detail = (
            f"{what} has {len(raw)} bytes; its shape {_said(shape)} of {datatype.name} "
            f"has {wanted * datatype.size}."
        )
        raise refused(detail)
    values = np.frombuffer(raw, dtype=datatype.dtype)
    if datatype.family is Family.BOOL:
        if (values > 1).any():
            raise refused(f"{what} has a BOOL byte that is neither 0 nor 1.")
        return values.view(bool)
    if datatype.name == "BF16":
        return (values.astype("<u4") << 16).view("<f4")
    return values


def _texts(raw: memoryview, wanted: int, shape: tuple[int, ...], what: str) -> list[str]:
    data, end, at = bytes(raw), len(raw), 0
    is_ascii = data.isascii()
    source = data.decode("ascii") if is_ascii else data
    texts: list[Any] = []
    # A text takes 4 bytes at least, so that no shape makes this longer than the bytes are.
    try:
        while at < end:
            start = at + 4
            at = start + _LENGTH.unpack_from(data, at)[0]
            texts.append(source[start:at])
        if not is_ascii:
            texts = [text.decode() for text in texts]
    except UnicodeDecodeError:
        raise refused(f"{what} has an element that is not in UTF-8.") from None
    except struct.error:
        at = end + 1
    if at != end:
        raise refused(f"{what} has a text whose length goes beyond the tensor's bytes.")
    if len(texts) != wanted:
        raise _wrong_count(what, len(texts), shape)
    return texts


def _wrong_count(what: str, got: int, shape: tuple[int, ...]) -> Problem:
    return refused(f"{what} has {got} elements; its shape {_said(shape)} has {math.prod(shape)}.")


def _wrong_element(what: str, place: int, got: str, datatype: Datatype) -> Problem:
    wanted = f"a {datatype.family} or null, as its datatype {datatype.name} says"
    return refused(f"{what} has {got} as element {place}; wanted {wanted}.")


def _out_of_range(what: str, datatype: Datatype) -> Problem:
    return refused(f"{what} has a number that is out of the range of {datatype.name}.")


def _said(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def kind_of(value: Any) -> str:
    """Return what kind of JSON value something is, never the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "an array"
        case _:
            return "an object"
