"""How is a prediction said in the protocol, as JSON or with its tensors as bytes behind it?"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import orjson

from tenure.serving.core import Outcome
from tenure.serving.cycles import Lasting
from tenure.serving.oip.asking import Wanted
from tenure.serving.oip.datatypes import datatype_of_labels
from tenure.serving.oip.metadata import PREDICT, PROBABILITIES
from tenure.serving.problems import Headers
from tenure.serving.runtime import Predicted, Runtime
from tenure.serving.standing import Reference

_JSON = (b"content-type", b"application/json")
_BYTES = (b"content-type", b"application/octet-stream")
HEADER_LENGTH = b"inference-header-content-length"
_DUMP = orjson.OPT_SERIALIZE_NUMPY
_DTYPES = {"FP64": "<f8", "INT64": "<i8", "BOOL": "?"}


@dataclass(slots=True, eq=False)
class _Begun:
    """What all answers by one version in one slot and epoch have in common.

    Attributes:
        head: how each begins.
        headers: that name the version, behind the one for JSON.
        rows: by the outputs that are wanted, an answer of one row with its values left open.
    """

    head: bytes
    headers: Lasting
    rows: dict[tuple[str, ...], bytes] = field(default_factory=dict)


class Teller:
    """Says the answers of one version."""

    def __init__(self, runtime: Runtime) -> None:
        self.datatype = datatype_of_labels(runtime.classes)
        self._classes = len(runtime.classes)
        self._begun: dict[tuple[int, str, str], _Begun] = {}

    def begun(self, reference: Reference) -> _Begun:
        """Return what all answers of a reference have in common."""
        key = (reference.epoch, reference.slot._value_, reference.runtime.plan_kind)
        found = self._begun.get(key)
        if found is None:
            if len(self._begun) > 100:
                self._begun.clear()
            found = self._begun[key] = _begun(reference)
        return found

    def told(self, outcome: Outcome, wanted: Wanted) -> tuple[Headers, bytes]:
        """Return the headers and body of an answer; the headers may be those of many."""
        found, rows = outcome.found, len(outcome.ask.ids)
        begun = self.begun(outcome.reference)
        if rows == 1 and outcome.flags is None and not found.not_finite:
            said = self._row(begun, found, wanted)
            if said is not None:
                return begun.headers, said
        parts = [begun.head]
        if outcome.flags is not None:
            # A parameter is a scalar in the protocol, so the list travels as a text of JSON.
            text = orjson.dumps(outcome.flags.said()).decode()
            parts += (b',"flags":', orjson.dumps(text))
        if found.not_finite:
            # A null in JSON, a NaN in bytes, stands for each number that overflowed.
            parts.append(b',"not_finite":%d' % len(found.not_finite))
        parts += (b'},"id":', orjson.dumps(wanted.request_id), b',"outputs":[')
        tail: list[bytes] = []
        comma = b""
        for name, as_bytes in wanted.outputs.items():
            if name == PROBABILITIES and found.probabilities is None:
                continue  # another version answered in its place, which has none
            parts += (comma, self._tensor(name, rows, found, tail if as_bytes else None))
            comma = b","
        parts.append(b"]}")
        said = b"".join(parts)
        if not tail:
            return begun.headers, said
        length = (HEADER_LENGTH, b"%d" % len(said))
        return [_BYTES, length, *begun.headers[1:]], b"".join((said, *tail))

    def _row(self, begun: _Begun, found: Predicted, wanted: Wanted) -> bytes | None:
        """Return an answer of one row as JSON, None where it is wanted as bytes."""
        outputs = wanted.outputs
        shares = found.probabilities
        if True in outputs.values() or (shares is None and PROBABILITIES in outputs):
            return None
        names = tuple(outputs)
        template = begun.rows.get(names)
        if template is None:
            if len(begun.rows) > 10:
                begun.rows.clear()
            template = begun.rows[names] = self._template(begun.head, names)
        values = found.values
        if self.datatype == "BYTES":
            values = texts(values)
        said = [
            orjson.dumps(values if name == PREDICT else flat(shares), option=_DUMP)
            for name in names
        ]
        return template % (orjson.dumps(wanted.request_id), *said)

    def _template(self, head: bytes, names: tuple[str, ...]) -> bytes:
        tensors = [self._head(name, 1).replace(b"%", b"%%") + b'"data":%b}' for name in names]
        begun = head.replace(b"%", b"%%") + b'},"id":%b,"outputs":['
        return begun + b",".join(tensors) + b"]}"

    def _head(self, name: str, rows: int) -> bytes:
        if name == PREDICT:
            said = (self.datatype.encode(), rows)
            return b'{"name":"predict","datatype":"%s","shape":[%d],' % said
        said = (rows, self._classes)
        return b'{"name":"predict_proba","datatype":"FP64","shape":[%d,%d],' % said

    def _tensor(self, name: str, rows: int, found: Predicted, tail: list[bytes] | None) -> bytes:
        head = self._head(name, rows)
        if name == PREDICT:
            values, datatype = found.values, self.datatype
        else:
            values, datatype = flat(found.probabilities), "FP64"
        if tail is None:
            if datatype == "BYTES":
                values = texts(values)
            return head + b'"data":' + orjson.dumps(values, option=_DUMP) + b"}"
        raw = as_raw(values, datatype)
        tail.append(raw)
        return head + b'"parameters":{"binary_data_size":%d}}' % len(raw)


def _begun(reference: Reference) -> _Begun:
    plan = reference.runtime.plan_kind
    body = {
        "model_name": reference.model,
        "model_version": str(reference.version),
        "parameters": {"epoch": reference.epoch, "slot": reference.slot.value, "plan": plan},
    }
    headers = [
        _JSON,
        (b"tenure-model", reference.model.encode()),
        (b"tenure-version", b"%d" % reference.version),
        (b"tenure-epoch", b"%d" % reference.epoch),
        (b"tenure-slot", reference.slot.value.encode()),
        (b"tenure-plan", plan.encode()),
    ]
    return _Begun(orjson.dumps(body)[:-2], Lasting(headers))


def flat(shares: Any) -> Any:
    """Return rows of shares one after another."""
    if isinstance(shares, np.ndarray):
        return np.ascontiguousarray(shares).reshape(-1)
    return shares[0] if len(shares) == 1 else list(chain.from_iterable(shares))


def texts(values: Any) -> list[str]:
    """Return labels as texts."""
    return [value if type(value) is str else str(value) for value in values]


def as_raw(values: Any, datatype: str) -> bytes:
    """Return a tensor's elements as bytes, little-endian; NaN where a number is missing."""
    if datatype == "BYTES":
        encoded = [text.encode() for text in texts(values)]
        return b"".join(chain.from_iterable((struct.pack("<I", len(e)), e) for e in encoded))
    return np.array(values, dtype=_DTYPES[datatype]).tobytes()
