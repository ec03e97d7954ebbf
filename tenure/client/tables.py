"""How do rows become a request, and its answer a frame?

A few rows go as JSON by the V1 protocol, whose refusals name the field. Many go by the Open
Inference Protocol with their columns as bytes: a number is then eight bytes, and not read twice.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from tenure.client.calls import JSON, Answer, Call

if TYPE_CHECKING:
    import pandas as pd

FEW_ROWS = 50
_LENGTH = struct.Struct("<I")
_PREDICT, _SHARES = "predict", "predict_proba"


def predicting(
    model: str,
    rows: Any,
    *,
    version: int | None,
    ids: Sequence[str] | None,
    classes: Sequence[Any] | None,
    headers: Mapping[str, str],
) -> Call[pd.DataFrame]:
    """Return the call that asks for predictions.

    Args:
        model: which model.
        rows: a frame, rows by column name, or one such row.
        version: which of its versions; None for whoever answers.
        ids: one a row; made by the server or here if not given.
        classes: what the shares of many rows are called; see `classes_of`.
        headers: further ones.
    """
    import pandas as pd

    if isinstance(rows, Mapping):
        rows = [rows]
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    at = "" if version is None else f"/versions/{version}"
    if len(frame) <= FEW_ROWS or ids is not None:
        body = {"instances": _instances(frame), **({} if ids is None else {"ids": list(ids)})}
        return Call(
            method="POST",
            path=f"/v1/models/{quote(model, safe='')}{at}:predict",
            body=orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z),
            headers={**JSON, **headers},
            read=lambda answer: _of_few(answer, frame.index),
        )
    head, tail = _tensors(frame)
    length = {"inference-header-content-length": str(len(head))}
    return Call(
        method="POST",
        path=f"/v2/models/{quote(model, safe='')}{at}/infer",
        body=b"".join([head, *tail]),
        headers={"content-type": "application/octet-stream", **length, **headers},
        read=lambda answer: _of_many(answer, frame.index, classes or ()),
    )


def classes_of(model: str) -> Call[list[Any]]:
    """Return the call that asks what a model's classes are."""
    return Call(
        method="GET",
        path=f"/v1/models/{quote(model, safe='')}",
        read=lambda answer: answer.json()["classes"],
    )


def _instances(frame: pd.DataFrame) -> list[dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    columns = [_plain(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(values: pd.Series) -> list[Any]:
    """Return a column as JSON has it: None where a value is missing, times in ISO 8601."""
    import pandas as pd

    missing = values.isna().tolist()
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        found: list[Any] = [
            None if gone else each.isoformat() for each, gone in zip(values, missing, strict=True)
        ]
        return found
    plain = values.astype(object).tolist()
    return [
        None if gone else each.isoformat() if hasattr(each, "isoformat") else each
        for each, gone in zip(plain, missing, strict=True)
    ]


def _tensors(frame: pd.DataFrame) -> tuple[bytes, list[bytes]]:
    inputs, tail = [], []
    for place in range(frame.shape[1]):
        values = frame.iloc[:, place]
        tensor, raw = _tensor(str(frame.columns[place]), values)
        inputs.append(tensor)
        tail += [] if raw is None else [raw]
    request = {
        "id": uuid.uuid4().hex,
        "inputs": inputs,
        "parameters": {"binary_data_output": True},
    }
    return orjson.dumps(request), tail


def _tensor(name: str, values: pd.Series) -> tuple[dict[str, Any], bytes | None]:
    import pandas as pd

    kinds = pd.api.types
    tensor: dict[str, Any] = {"name": name, "shape": [len(values)]}
    if kinds.is_float_dtype(values.dtype):
        tensor["datatype"], raw = "FP64", values.to_numpy("float64", na_value=float("nan"))
    elif values.isna().any():
        plain = _plain(values)
        tensor |= {"datatype": _kind_of(values, plain), "data": plain}
        return tensor, None
    elif kinds.is_bool_dtype(values.dtype):
        tensor["datatype"], raw = "BOOL", values.to_numpy("bool")
    elif kinds.is_integer_dtype(values.dtype):
        tensor["datatype"], raw = "INT64", values.to_numpy("int64")
    else:
        plain = _plain(values)
        kind = _kind_of(values, plain)
        if kind != "BYTES":
            return tensor | {"datatype": kind, "data": plain}, None
        encoded = [str(each).encode() for each in plain]
        raw = b"".join(chain.from_iterable((_LENGTH.pack(len(each)), each) for each in encoded))
        return tensor | {
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(raw)},
        }, raw
    content = raw.tobytes()
    return tensor | {"parameters": {"binary_data_size": len(content)}}, content


def _kind_of(values: pd.Series, plain: list[Any]) -> str:
    """Return the datatype of a column that pandas calls objects, or that lacks values."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(values.dtype):
        return "BOOL"
    kinds = {type(each) for each in plain if each is not None}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    return "FP64" if kinds and kinds <= {int, float} else "BYTES"


def _of_few(answer: Answer, index: pd.Index) -> pd.DataFrame:
    said = answer.json()
    columns = {"prediction": said["predictions"]}
    for place, label in enumerate(said.get("classes", ())):
        columns[f"probability.{label}"] = [row[place] for row in said["probabilities"]]
    return _framed(columns, said["ids"], said.get("flags"), index, said)


def _of_many(answer: Answer, index: pd.Index, classes: Sequence[Any]) -> pd.DataFrame:
    import numpy as np

    length = answer.headers.get("inference-header-content-length")
    head = answer.body if length is None else answer.body[: int(length)]
    tail = memoryview(answer.body)[len(head) :]
    said = orjson.loads(head)
    columns: dict[str, Any] = {}
    for output in said["outputs"]:
        values, tail = _taken(output, tail)
        if output["name"] == _PREDICT:
            columns["prediction"] = values
            continue
        shares = np.asarray(values, dtype=float).reshape(output["shape"])
        names = list(classes) if len(classes) == shares.shape[1] else range(shares.shape[1])
        columns |= {f"probability.{name}": shares[:, place] for place, name in enumerate(names)}
    parameters = said.get("parameters", {})
    about = {
        "model": said["model_name"],
        "version": int(said["model_version"]),
        "epoch": parameters.get("epoch"),
        "slot": parameters.get("slot"),
    }
    flags = parameters.get("flags")
    flags = orjson.loads(flags) if isinstance(flags, str) else flags
    stem = said["id"]
    ids = [stem] if len(index) == 1 else [f"{stem}-{row}" for row in range(len(index))]
    return _framed(columns, ids, flags, index, about)


def _taken(output: dict[str, Any], tail: memoryview) -> tuple[Any, memoryview]:
    """Return an output's elements, and what is left behind them."""
    import numpy as np

    size = output.get("parameters", {}).get("binary_data_size")
    if size is None:
        return output["data"], tail
    raw, rest = tail[:size], tail[size:]
    kinds = {"FP64": "<f8", "INT64": "<i8", "BOOL": "?", "FP32": "<f4", "INT32": "<i4"}
    if output["datatype"] in kinds:
        return np.frombuffer(raw, dtype=kinds[output["datatype"]]), rest
    texts, at = [], 0
    while at < len(raw):
        (length,) = _LENGTH.unpack_from(raw, at)
        texts.append(str(raw[at + 4 : at + 4 + length], "utf-8"))
        at += 4 + length
    return texts, rest


def _framed(
    columns: dict[str, Any],
    ids: Sequence[str],
    flags: Sequence[Mapping[str, Any]] | None,
    index: pd.Index,
    about: Mapping[str, Any],
) -> pd.DataFrame:
    import pandas as pd

    found = pd.DataFrame({"id": ids, **columns}, index=index)
    if flags:
        texts: list[list[str]] = [[] for _ in ids]
        for each in flags:
            column = each.get("column")
            texts[each["row"]].append(f"{each['guard']}:{column}" if column else each["guard"])
        found["flags"] = [", ".join(each) or None for each in texts]
    found.attrs = {name: about.get(name) for name in ("model", "version", "epoch", "slot")}
    return found
