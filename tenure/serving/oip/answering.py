"""How is a prediction said in the protocol, as JSON or with its tensors as bytes behind it?"""

from __future__ import annotations

import struct
from itertools import chain
from typing import Any

import numpy as np
import orjson

from tenure.serving.core import Outcome
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


class Teller:
    """Says the answers of one version."""

    def __init__(self, runtime: Runtime) -> None:
        self.datatype = datatype_of_labels(runtime.classes)
        self._classes = len(runtime.classes)
        self._begun: dict[tuple[int, str, str], tuple[bytes, Headers]] = {}

    def begun(self, reference: Reference) -> tuple[bytes, Headers]:
        """Return how each answer of a reference begins, and the headers that name it."""
        key = (reference.epoch, reference.slot.value, reference.runtime.plan_kind)
        found = self._begun.get(key)
        if found is None:
            if len(self._begun) > 100:
                self._begun.clear()
            found = self._begun[key] = _begun(reference)
        return found

    def told(self, outcome: Outcome, wanted: Wanted) -> tuple[Headers, bytes]:
        """Return the headers and body of an answer."""
        found, rows = outcome.found, outcome.ask.rows
        head, headers = self.begun(outcome.reference)
        parts = [head]
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
            return [_JSON, *headers], said
        length = (HEADER_LENGTH, b"%d" % len(said))
        return [_BYTES, length, *headers], b"".join((said, *tail))

    def _tensor(self, name: str, rows: int, found: Predicted, tail: list[bytes] | None) -> bytes:
        if name == PREDICT:
            head = b'{"name":"predict","datatype":"%s","shape":[%d],' % (
                self.datatype.encode(),
                rows,
            )
            values, datatype = found.values, self.datatype
        else:
            head = b'{"name":"predict_proba","datatype":"FP64","shape":[%d,%d],' % (
                rows,
                self._classes,
            )
            values, datatype = flat(found.probabilities), "FP64"
        if tail is None:
            if datatype == "BYTES":
                values = texts(values)
            return head + b'"data":' + orjson.dumps(values, option=_DUMP) + b"}"
        raw = as_raw(values, datatype)
        tail.append(raw)
        return head + b'"parameters":{"binary_data_size":%d}}' % len(raw)


def _begun(reference: Reference) -> tuple[bytes, Headers]:
    plan = reference.runtime.plan_kind
    body = {
        "model_name": reference.model,
        "model_version": str(reference.version),
        "parameters": {"epoch": reference.epoch, "slot": reference.slot.value, "plan": plan},
    }
    headers = [
        (b"tenure-model", reference.model.encode()),
        (b"tenure-version", b"%d" % reference.version),
        (b"tenure-epoch", b"%d" % reference.epoch),
        (b"tenure-slot", reference.slot.value.encode()),
        (b"tenure-plan", plan.encode()),
    ]
    return orjson.dumps(body)[:-2], headers


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
