"""What does a gRPC infer request ask for?

Its tensors come typed or raw; from there on they are the same as those that come over HTTP.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tenure.serving.asks import Ask
from tenure.serving.limits import Limits
from tenure.serving.oip.asking import Reader, Wanted, checked_parameters, read_texts
from tenure.serving.oip.datatypes import Datatype, Family
from tenure.serving.oip.tensors import (
    Tensor,
    Values,
    checked_shape,
    datatype_named,
    named,
    of_bytes,
    refused,
)

_FIELDS = {
    "BOOL": "bool_contents",
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
} | {
    f"{sign}INT{bits}": f"{sign.lower()}int_contents" for sign in ("", "U") for bits in (8, 16, 32)
}


def read_ask(request: Any, reader: Reader, limits: Limits) -> tuple[Ask, Wanted]:
    """Return what a ModelInferRequest asks for; its outputs are raw where its inputs were.

    Raises:
        Problem: 400 that says which part is wrong, what it is and what is wanted.
    """
    raw = request.raw_input_contents
    if not request.inputs:
        raise refused("The request has no inputs.")
    if raw and len(raw) != len(request.inputs):
        got = f"{len(raw)} raw contents for {len(request.inputs)} inputs"
        raise refused(f"The request has {got}; wanted one each, or none.")
    tensors = [
        _tensor(given, raw[place] if raw else None, place, limits)
        for place, given in enumerate(request.inputs)
    ]
    parameters = {**values_of(request.parameters), "binary_data_output": bool(raw)}
    outputs = [
        {"name": each.name, "parameters": _without_binary(values_of(each.parameters))}
        for each in request.outputs
    ]
    said = {"id": request.id, "parameters": parameters, "outputs": outputs or None}
    return reader.of_tensors(tensors, said)


def values_of(parameters: Any) -> dict[str, Any]:
    """Return a map of InferParameter as plain values."""
    found = {}
    for name, each in parameters.items():
        choice = each.WhichOneof("parameter_choice")
        found[name] = None if choice is None else getattr(each, choice)
    return found


def _without_binary(parameters: dict[str, Any]) -> dict[str, Any]:
    # An answer is raw as a whole or not at all.
    return {name: value for name, value in parameters.items() if name != "binary_data"}


def _tensor(given: Any, raw: bytes | None, place: int, limits: Limits) -> Tensor:
    if not given.name:
        raise refused(f"inputs[{place}] has no name.")
    what = named(given.name, limits)
    datatype = datatype_named(given.datatype, what)
    shape = checked_shape(list(given.shape), what)
    parameters = checked_parameters(values_of(given.parameters), what)
    if raw is None:
        values = _typed(given.contents, datatype, shape, what)
    else:
        if given.HasField("contents"):
            raise refused(f"{what} has both typed and raw contents; send one of them.")
        values = of_bytes(memoryview(raw), datatype, shape, what)
    if datatype.family is Family.TEXT:
        values = read_texts(values, parameters, what)
    return Tensor(name=given.name, datatype=datatype, shape=shape, values=values)


def _typed(contents: Any, datatype: Datatype, shape: tuple[int, ...], what: str) -> Values:
    field = _FIELDS.get(datatype.name)
    if field is None:
        raise refused(f"{what} is {datatype.name}, which has no typed contents; send it raw.")
    given = getattr(contents, field)
    others = [each.name for each, _ in contents.ListFields() if each.name != field]
    if others:
        raise refused(f"{what} is {datatype.name} and has {others[0]}; wanted {field}.")
    if len(given) != math.prod(shape):
        said = ", ".join(map(str, shape))
        detail = f"{what} has {len(given)} elements; its shape [{said}] has {math.prod(shape)}."
        raise refused(detail)
    if datatype.family is Family.TEXT:
        try:
            return [each.decode() for each in given]
        except UnicodeDecodeError:
            raise refused(f"{what} has an element that is not in UTF-8.") from None
    if datatype.family is Family.BOOL:
        return np.fromiter(given, bool, len(given))
    if datatype.family is Family.FLOAT:
        return np.fromiter(given, "float64", len(given))
    values = np.fromiter(given, "uint64" if datatype.name == "UINT64" else "int64", len(given))
    if len(values) and not datatype.low <= int(values.min()) <= int(values.max()) <= datatype.high:
        raise refused(f"{what} has a number that is out of the range of {datatype.name}.")
    return values
