"""Do a request's tensors make the columns that a version asks for?

Either one tensor a column (`[n]` or `[n, 1]`, in any order), as pandas users send them, or one
matrix `[n, k]` of any name with the model's columns in their order. Whole numbers may stand for
floats and whole floats for whole numbers; a boolean is no number, and a text is only a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np

from tenure.records import Column
from tenure.serving.limits import Limits
from tenure.serving.oip.datatypes import Family, datatype_of, families_of
from tenure.serving.oip.tensors import Tensor, Values, named, refused
from tenure.serving.problems import shown

_BEYOND = 2.0**63


def columns_of(
    tensors: Sequence[Tensor], wanted: Sequence[Column], limits: Limits
) -> dict[str, Any]:
    """Return a request's columns, each of its column's type, and all of the same length.

    Raises:
        Problem: 400 that names the tensor, what was found and what is wanted.
    """
    matrix = _matrix(tensors, wanted)
    if matrix is not None:
        rows = _rows(matrix.shape[0], limits)
        return {
            column.name: _checked(matrix, matrix.values[place :: len(wanted)], column, limits)
            for place, column in enumerate(wanted)
            if rows
        }
    by_name = _by_name(tensors, wanted, limits)
    rows = _rows(_length(by_name[wanted[0].name], limits), limits)
    for tensor in by_name.values():
        if _length(tensor, limits) != rows:
            what = named(tensor.name, limits)
            other = named(wanted[0].name, limits).lower()
            raise refused(f"{what} has {tensor.shape[0]} rows, {other} has {rows}.")
    return {
        column.name: _checked(by_name[column.name], by_name[column.name].values, column, limits)
        for column in wanted
    }


def _matrix(tensors: Sequence[Tensor], wanted: Sequence[Column]) -> Tensor | None:
    if len(tensors) != 1 or len(tensors[0].shape) != 2 or tensors[0].shape[1] != len(wanted):
        return None
    is_column = len(wanted) == 1 and tensors[0].name == wanted[0].name
    return None if is_column else tensors[0]


def _by_name(
    tensors: Sequence[Tensor], wanted: Sequence[Column], limits: Limits
) -> dict[str, Tensor]:
    by_name: dict[str, Tensor] = {}
    for tensor in tensors:
        if tensor.name in by_name:
            raise refused(f"{named(tensor.name, limits)} is there twice.")
        by_name[tensor.name] = tensor
    names = [column.name for column in wanted]
    missing = [name for name in names if name not in by_name]
    unknown = [shown(name, limits.name_length) for name in by_name if name not in set(names)]
    if not missing and not unknown:
        return by_name
    if len(tensors) == 1 and len(tensors[0].shape) == 2:
        got = f"{named(tensors[0].name, limits)} has {tensors[0].shape[1]} columns"
        raise refused(f"{got}; the model has {len(names)}: {_listed(map(repr, names))}.")
    said = [f"lacks {_listed(map(repr, missing))}"] if missing else []
    said += [f"has {_listed(unknown)}, which the model does not take"] if unknown else []
    raise refused(f"The request {' and '.join(said)}; wanted are {_listed(map(repr, names))}.")


def _listed(names: Any) -> str:
    shown_names = list(names)
    rest = f" and {len(shown_names) - 20} more" if len(shown_names) > 20 else ""
    return ", ".join(shown_names[:20]) + rest


def _length(tensor: Tensor, limits: Limits) -> int:
    if len(tensor.shape) == 1 or (len(tensor.shape) == 2 and tensor.shape[1] == 1):
        return tensor.shape[0]
    got = ", ".join(map(str, tensor.shape))
    raise refused(f"{named(tensor.name, limits)} has shape [{got}]; wanted [n] or [n, 1].")


def _rows(rows: int, limits: Limits) -> int:
    if rows == 0:
        raise refused("The tensors have 0 rows; there is nothing to predict.")
    if rows > limits.rows:
        raise refused(f"The tensors have {rows} rows; one request may hold {limits.rows}.")
    return rows


def _checked(tensor: Tensor, values: Values, column: Column, limits: Limits) -> Sequence[Any]:
    datatype = tensor.datatype
    if datatype.family not in families_of(column):
        families = " or ".join(sorted(families_of(column)))
        wanted = f"{datatype_of(column)} (a {families})"
        of = "" if tensor.name == column.name else f" for column '{column.name}'"
        raise refused(f"{named(tensor.name, limits)} is {datatype.name}{of}; wanted {wanted}.")
    what = f"{named(tensor.name, limits)} (column '{column.name}')"
    match column.type:
        case "float64":
            return np.ascontiguousarray(values, dtype="float64")  # type: ignore[return-value]
        case "int64":
            return _whole(values, datatype.family, what)
        case "datetime":
            return _read(values, datetime.fromisoformat, "a time in ISO 8601", what)
        case "date":
            return _read(values, date.fromisoformat, "a date in ISO 8601", what)
    # Texts are a list, truth values may be every k-th of a matrix.
    return values if isinstance(values, list) else np.ascontiguousarray(values)  # type: ignore[return-value]


def _whole(values: Values, family: Family, what: str) -> Any:
    if family is Family.FLOAT:
        return _whole_of_floats(np.asarray(values, dtype="float64"), what)
    if isinstance(values, list):
        if any(value is not None and value >= 2**63 for value in values):
            raise refused(f"{what} has a number beyond 64 bits with a sign.")
        return values
    if values.dtype == np.uint64 and (values >= np.uint64(2**63)).any():
        raise refused(f"{what} has a number beyond 64 bits with a sign.")
    return np.ascontiguousarray(values, dtype="int64")


def _whole_of_floats(values: np.ndarray, what: str) -> Any:
    missing = np.isnan(values)
    present = values[~missing]
    if not (np.abs(present) < _BEYOND).all() or (np.floor(present) != present).any():
        raise refused(f"{what} has a number that is not whole; the model was trained on INT64.")
    if not missing.any():
        return values.astype("int64")
    return [None if gone else int(each) for gone, each in zip(missing, values, strict=True)]


def _read(values: Values, read: Callable[[str], Any], said: str, what: str) -> list[Any]:
    taken = []
    for place, value in enumerate(values):
        try:
            taken.append(None if value is None else read(value))
        except ValueError:
            raise refused(f"{what} has an element {place} that is not {said}.") from None
    return taken


def rows_of(columns: Mapping[str, Sequence[Any]]) -> int:
    """Return how many rows checked columns have."""
    return len(next(iter(columns.values())))
