"""What does an infer request ask for?

The common request (one row, one tensor a column, as JSON) is read in one pass that checks what it
takes as it goes, and one whose form is known by its values alone; at the first thing out of the
common, the careful way reads the request from its start, and it alone says what is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tenure.predictions import RowIds
from tenure.serving.asks import Ask, fresh_id
from tenure.serving.limits import Limits
from tenure.serving.oip.columns import columns_of, rows_of
from tenure.serving.oip.datatypes import Family
from tenure.serving.oip.forms import Forms
from tenure.serving.oip.metadata import PREDICT, PROBABILITIES
from tenure.serving.oip.straight import by_bytes, by_json
from tenure.serving.oip.tensors import (
    Tensor,
    checked_head,
    kind_of,
    named,
    of_bytes,
    of_json,
    refused,
)
from tenure.serving.oip.unreadable import unreadable
from tenure.serving.problems import shown
from tenure.serving.runtime import Runtime

_ID_LENGTH = 120
_ONE, _ONE_COLUMN = [1], [1, 1]
_PLAIN_TEXT = {"content_type": "str"}
_UNCOMMON = (KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error)


@dataclass(slots=True)
class Wanted:
    """Which outputs a client wants, and how.

    Attributes:
        outputs: by name in the client's order, whether as bytes.
        request_id: what the answer repeats.
    """

    outputs: dict[str, bool]
    request_id: str


class Reader:
    """Reads the infer requests of one version."""

    def __init__(self, runtime: Runtime, limits: Limits) -> None:
        self._asked = runtime.asked
        self._limits = limits
        names = [PREDICT, PROBABILITIES] if runtime.has_probabilities else [PREDICT]
        self._outputs = names
        self._all_as_json = dict.fromkeys(names, False)
        self._all_as_bytes = dict.fromkeys(names, True)
        self._json, self._bytes = by_json(runtime.asked), by_bytes(runtime.asked)
        self._forms = Forms(self._json, [column.name for column in runtime.asked])

    def read(self, body: bytes, header_length: bytes | None) -> tuple[Ask, Wanted]:
        """Return what a request asks for.

        Args:
            body: as it was before any encoding.
            header_length: how many of its bytes are JSON, where binary tensors follow.

        Raises:
            Problem: 400 that says which part is wrong, what it is and what is wanted.
        """
        if header_length is None:
            return self.of_known_form(body) or self._of_json(body)
        head, tail = _split(body, header_length)
        request = _parsed(head)
        columns = self._straight_bytes(request, body, len(head))
        if columns is None:
            return self.of_tensors(self._careful(request, tail), request)
        wanted = self._wanted(request)
        return self._ask(columns, 1, wanted), wanted

    def of_known_form(self, body: bytes) -> tuple[Ask, Wanted] | None:
        """Return what a request asks for whose form was read before; None for any other."""
        found = self._forms.find(body)
        if found is None:
            return None
        columns, request_id, outputs = found
        if not request_id:
            request_id = fresh_id()
        elif len(request_id) > _ID_LENGTH:
            return None
        wanted = Wanted(outputs, request_id)
        return Ask(columns, [request_id], PROBABILITIES in outputs), wanted

    def _of_json(self, body: bytes) -> tuple[Ask, Wanted]:
        request = _parsed(body)
        columns = self._straight(request)
        if columns is None:
            ask, wanted = self.of_tensors(self._careful(request, _NO_TAIL), request)
        else:
            wanted = self._wanted(request)
            ask = self._ask(columns, 1, wanted)
        if ask.rows == 1:
            self._forms.learn(body, request, ask.columns, wanted.outputs)
        return ask, wanted

    def of_tensors(self, tensors: Sequence[Tensor], request: dict[str, Any]) -> tuple[Ask, Wanted]:
        """Return what a request asks for whose tensors were read.

        Args:
            tensors: its inputs, each checked against itself.
            request: its other parts: `id`, `parameters` and `outputs`, as JSON has them.

        Raises:
            Problem: 400 that says which part is wrong, what it is and what is wanted.
        """
        columns = columns_of(tensors, self._asked, self._limits)
        wanted = self._wanted(request)
        return self._ask(columns, rows_of(columns), wanted), wanted

    def _ask(self, columns: dict[str, Any], rows: int, wanted: Wanted) -> Ask:
        return Ask(
            columns=columns,
            ids=_row_ids(wanted.request_id, rows),
            probabilities=PROBABILITIES in wanted.outputs,
        )

    def _straight(self, request: Any) -> dict[str, Any] | None:
        reads, columns = self._json, {}
        try:
            inputs = request["inputs"]
            for tensor in inputs:
                name = tensor["name"]
                read = reads[name, tensor["datatype"]]
                shape = tensor["shape"]
                (value,) = tensor["data"]
                if (shape != _ONE and shape != _ONE_COLUMN) or type(shape[0]) is not int:
                    return None
                if len(tensor) != 4 and tensor.get("parameters") != _PLAIN_TEXT:
                    return None
                columns[name] = [read[type(value)](value)]
        except _UNCOMMON:
            return None
        is_whole = len(columns) == len(self._asked) == len(inputs)
        return columns if is_whole else None

    def _straight_bytes(self, request: Any, body: bytes, at: int) -> dict[str, Any] | None:
        reads, columns = self._bytes, {}
        try:
            inputs = request["inputs"]
            for tensor in inputs:
                name = tensor["name"]
                parameters = tensor["parameters"]
                size = parameters["binary_data_size"]
                shape = tensor["shape"]
                if (shape != _ONE and shape != _ONE_COLUMN) or type(shape[0]) is not int:
                    return None
                if len(tensor) != 4 or len(parameters) != 1 or type(size) is not int:
                    return None
                columns[name] = [reads[name, tensor["datatype"]](body, at, size)]
                at += size
        except _UNCOMMON:
            return None
        is_whole = len(columns) == len(self._asked) == len(inputs) and at == len(body)
        return columns if is_whole else None

    def _careful(self, request: Any, tail: memoryview) -> list[Tensor]:
        if not isinstance(request, dict):
            raise refused(f"The body is {kind_of(request)}; wanted an object with 'inputs'.")
        inputs = request.get("inputs")
        if not isinstance(inputs, list) or not inputs:
            got = "empty" if inputs == [] else kind_of(inputs)
            raise refused(f"'inputs' is {got}; wanted an array of tensors.")
        tensors, at = [], 0
        for place, given in enumerate(inputs):
            tensor, at = self._tensor(given, place, tail, at)
            tensors.append(tensor)
        if at != len(tail):
            detail = f"The inputs take {at} bytes behind the JSON; the body has {len(tail)} there."
            raise refused(detail)
        return tensors

    def _tensor(self, given: Any, place: int, tail: memoryview, at: int) -> tuple[Tensor, int]:
        name, datatype, shape = checked_head(given, place, self._limits)
        what = named(name, self._limits)
        parameters = checked_parameters(given.get("parameters"), what)
        size = parameters.get("binary_data_size")
        if size is None:
            values = of_json(given.get("data"), datatype, shape, what)
        else:
            if type(size) is not int or size < 0:
                raise refused(f"{what} has a 'binary_data_size' that is no size.")
            if "data" in given:
                raise refused(f"{what} has both 'data' and 'binary_data_size'; send one of them.")
            if at + size > len(tail):
                left = len(tail) - at
                raise refused(f"{what} takes {size} bytes behind the JSON; {left} are left.")
            values = of_bytes(tail[at : at + size], datatype, shape, what)
            at += size
        if datatype.family is Family.TEXT:
            values = read_texts(values, parameters, what)
        return Tensor(name=name, datatype=datatype, shape=shape, values=values), at

    def _wanted(self, request: dict[str, Any]) -> Wanted:
        request_id = request.get("id")
        if request_id is None or request_id == "":
            request_id = fresh_id()
        elif not isinstance(request_id, str) or len(request_id) > _ID_LENGTH:
            raise refused(f"'id' is no text of 1 to {_ID_LENGTH} characters.")
        parameters = request.get("parameters")
        as_bytes = False
        if parameters is not None:
            as_bytes = _flag(checked_parameters(parameters, "The request"), "binary_data_output")
        outputs = request.get("outputs")
        if outputs:
            return Wanted(outputs=self._requested(outputs, as_bytes), request_id=request_id)
        if outputs is not None and not isinstance(outputs, list):
            raise refused(f"'outputs' is {kind_of(outputs)}; wanted an array.")
        every = self._all_as_bytes if as_bytes else self._all_as_json
        return Wanted(outputs=every, request_id=request_id)

    def _requested(self, outputs: Any, as_bytes: bool) -> dict[str, bool]:
        if not isinstance(outputs, list):
            raise refused(f"'outputs' is {kind_of(outputs)}; wanted an array.")
        found: dict[str, bool] = {}
        for place, output in enumerate(outputs):
            name = output.get("name") if isinstance(output, dict) else None
            if not isinstance(name, str):
                raise refused(
                    f"outputs[{place}] has no 'name'; wanted {' or '.join(self._outputs)}."
                )
            what = f"Output {shown(name, self._limits.name_length)}"
            if name not in self._outputs:
                raise refused(f"{what} is unknown; the model has {' and '.join(self._outputs)}.")
            if name in found:
                raise refused(f"{what} is asked for twice.")
            parameters = checked_parameters(output.get("parameters"), what)
            found[name] = _flag(parameters, "binary_data", otherwise=as_bytes)
        return found


def _split(body: bytes, header_length: bytes) -> tuple[memoryview, memoryview]:
    if not header_length.isdigit() or len(header_length) > 18 or int(header_length) > len(body):
        detail = (
            f"Inference-Header-Content-Length is no number of bytes of the body, "
            f"which has {len(body)}."
        )
        raise refused(detail, "bad-length")
    whole = memoryview(body)
    return whole[: int(header_length)], whole[int(header_length) :]


_NO_TAIL = memoryview(b"")


def _parsed(head: bytes | memoryview) -> Any:
    try:
        return orjson.loads(head)
    except orjson.JSONDecodeError as error:
        raise unreadable(head, error) from None


_NOT_OFFERED = {
    "shared_memory_region": "tensors in shared memory",
    "classification": "answers as classification strings",
    "sequence_id": "sequences",
}


def checked_parameters(parameters: Any, what: str) -> dict[str, Any]:
    """Return the parameters of a request or tensor.

    Raises:
        Problem: 400 where they are none, or ask for an extension that is not offered.
    """
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise refused(f"{what} has {kind_of(parameters)} for 'parameters'; wanted an object.")
    for name, said in _NOT_OFFERED.items():
        if parameters.get(name):
            raise refused(f"{what} asks for {said} by '{name}', which this server does not offer.")
    return parameters


def _flag(parameters: dict[str, Any], name: str, *, otherwise: bool = False) -> bool:
    value = parameters.get(name, otherwise)
    if not isinstance(value, bool):
        raise refused(f"The parameter '{name}' is {kind_of(value)}; wanted true or false.")
    return value


def read_texts(values: Any, parameters: dict[str, Any], what: str) -> list[Any]:
    """Return texts as their tensor's parameters say they are to be read.

    `missing` is the text that stands for a missing value, since bytes have no null;
    `content_type: base64` is taken off.

    Raises:
        Problem: 400 where that cannot be.
    """
    missing = parameters.get("missing")
    if missing is not None:
        if not isinstance(missing, str):
            raise refused(f"{what} has {kind_of(missing)} for 'missing'; wanted a text.")
        values = [None if value == missing else value for value in values]
    if parameters.get("content_type") == "base64":
        return [None if value is None else _plain(value, what) for value in values]
    return values


def _plain(text: str, what: str) -> str:
    import base64

    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise refused(f"{what} has an element that is not base64 of UTF-8.") from None


def _row_ids(request_id: str, rows: int) -> Sequence[str]:
    return [request_id] if rows == 1 else RowIds(request_id, rows)
