"""An infer request of the open protocol is answered, or refused by one sentence; never a 500."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from tenure.serving import predict_offline
from tenure.serving.application import Application
from tests.unit.serving.lives import FEATURES, ROW

INFER = "/v2/models/fraud/infer"
DATATYPES = {"amount": "FP64", "items": "INT64", "country": "BYTES", "is_new": "BOOL"}
JSON = {"content-type": "application/json"}
ROWS = [ROW, {**ROW, "amount": 900}, {**ROW, "country": None}]
Ask = Callable[..., httpx.Response]


def tensors(*rows: dict[str, Any], **changed: dict[str, Any]) -> list[dict[str, Any]]:
    """One tensor a column, in the model's order; `changed` replaces parts of one by name."""
    return [
        {
            "name": feature.name,
            "shape": [len(rows)],
            "datatype": DATATYPES[feature.name],
            "data": [row[feature.name] for row in rows],
        }
        | changed.get(feature.name, {})
        for feature in FEATURES
    ]


def in_bytes(inputs: list[dict[str, Any]], **more: Any) -> tuple[bytes, dict[str, str]]:
    """The same tensors with their data as bytes behind the JSON, and the headers that say so."""
    blobs, heads = [], []
    for tensor in inputs:
        values = tensor["data"]
        if tensor["datatype"] == "BYTES":
            raw = b"".join(struct.pack("<I", len(v.encode())) + v.encode() for v in values)
        else:
            dtype = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "INT32": "<i4", "BOOL": "?"}
            raw = np.array(values, dtype[tensor["datatype"]]).tobytes()
        blobs.append(raw)
        parameters = {**tensor.get("parameters", {}), "binary_data_size": len(raw)}
        heads.append({k: v for k, v in tensor.items() if k != "data"} | {"parameters": parameters})
    head = orjson.dumps({"inputs": heads, **more})
    return head + b"".join(blobs), {
        "inference-header-content-length": str(len(head)),
        "content-type": "application/octet-stream",
    }


def outputs_of(answer: httpx.Response) -> dict[str, list[Any]]:
    assert answer.status_code == 200, answer.text
    return {each["name"]: each["data"] for each in answer.json()["outputs"]}


def test_an_answer_holds_both_outputs_and_what_gave_them(ask: Ask) -> None:
    body = {"id": "a", "inputs": tensors(ROW, {**ROW, "amount": 900})}
    answer = ask("POST", INFER, json=body)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["model_name"], said["model_version"], said["id"]) == ("fraud", "1", "a")
    told = {"epoch": 1, "slot": "champion", "plan": said["parameters"]["plan"]}
    assert said["parameters"] == told
    predict, shares = said["outputs"]
    assert predict == {"name": "predict", "datatype": "BYTES", "shape": [2]} | {
        "data": ["fine", "fraud"]
    }
    assert (shares["name"], shares["datatype"], shares["shape"]) == (
        "predict_proba",
        "FP64",
        [2, 2],
    )
    assert np.reshape(shares["data"], (2, 2)).sum(axis=1) == pytest.approx([1, 1])
    named = [answer.headers[f"tenure-{name}"] for name in ("model", "version", "epoch", "slot")]
    assert named == ["fraud", "1", "1", "champion"]


def test_the_answer_is_that_of_the_version_without_a_server(ask: Ask, steady: Application) -> None:
    offline = predict_offline("fraud", ROWS, steady.core.router.workspace)
    online = outputs_of(ask("POST", INFER, json={"inputs": tensors(*ROWS)}))
    assert online["predict"] == offline["predictions"]
    shares = np.array(offline["probabilities"]).ravel()
    assert online["predict_proba"] == pytest.approx(shares, abs=1e-9)


def test_a_regression_answers_numbers_and_no_shares(ask: Ask) -> None:
    answer = ask("POST", "/v2/models/price/infer", json={"inputs": tensors(ROW)})
    (output,) = answer.json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("predict", "FP64", [1])
    assert isinstance(output["data"][0], float)


def test_a_version_is_asked_by_its_number(ask: Ask) -> None:
    answer = ask("POST", "/v2/models/fraud/versions/1/infer", json={"inputs": tensors(ROW)})
    assert answer.json()["model_version"] == "1"
    absent = ask("POST", "/v2/models/fraud/versions/9/infer", json={"inputs": tensors(ROW)})
    assert (absent.status_code, list(absent.json())) == (404, ["error"])


def shaped(shape: list[int], nest: Callable[[list[Any]], Any], *rows: dict[str, Any]) -> Any:
    return [{**each, "shape": shape, "data": nest(each["data"])} for each in tensors(*rows)]


@pytest.mark.parametrize("row", ROWS, ids=["plain", "whole for float", "null"])
def test_all_ways_to_send_one_row_are_answered_alike(ask: Ask, row: dict[str, Any]) -> None:
    plain = outputs_of(ask("POST", INFER, json={"inputs": tensors(row)}))
    ways = {
        "reversed": tensors(row)[::-1],
        "column vectors, flat": shaped([1, 1], lambda data: data, row),
        "column vectors, nested": shaped([1, 1], lambda data: [data], row),
        "marked as text": tensors(row, country={"parameters": {"content_type": "str"}}),
        "narrow": tensors(row, items={"datatype": "INT8"}, amount={"datatype": "FP32"}),
        "whole as float": tensors(row, items={"datatype": "FP64", "data": [3.0]}),
    }
    for way, inputs in ways.items():
        assert outputs_of(ask("POST", INFER, json={"inputs": inputs})) == plain, way


def test_many_rows_are_answered_as_each_of_them(ask: Ask) -> None:
    together = outputs_of(ask("POST", INFER, json={"inputs": tensors(*ROWS)}))
    alone = [outputs_of(ask("POST", INFER, json={"inputs": tensors(row)})) for row in ROWS]
    assert together["predict"] == [each["predict"][0] for each in alone]
    shares = [share for each in alone for share in each["predict_proba"]]
    assert together["predict_proba"] == pytest.approx(shares, abs=1e-9)


@pytest.mark.parametrize("rows", [ROWS[:1], ROWS[:2]], ids=["one row", "two rows"])
def test_bytes_are_answered_as_json_is(ask: Ask, rows: list[dict[str, Any]]) -> None:
    as_json = outputs_of(ask("POST", INFER, json={"inputs": tensors(*rows)}))
    body, headers = in_bytes(tensors(*rows))
    assert outputs_of(ask("POST", INFER, content=body, headers=headers)) == as_json
    body, headers = in_bytes(tensors(*rows), parameters={"binary_data_output": True})
    answer = ask("POST", INFER, content=body, headers=headers)
    length = int(answer.headers["inference-header-content-length"])
    said, tail = orjson.loads(answer.content[:length]), answer.content[length:]
    sizes = [each["parameters"]["binary_data_size"] for each in said["outputs"]]
    assert sum(sizes) == len(tail)
    shares = np.frombuffer(tail[sizes[0] :], "<f8")
    assert shares.tolist() == as_json["predict_proba"]
    labels = [label.encode() for label in as_json["predict"]]
    assert tail[: sizes[0]] == b"".join(struct.pack("<I", len(e)) + e for e in labels)


def test_a_text_may_stand_for_a_missing_one_in_bytes(ask: Ask) -> None:
    missing = outputs_of(ask("POST", INFER, json={"inputs": tensors({**ROW, "country": None})}))
    marked = tensors({**ROW, "country": "?"}, country={"parameters": {"missing": "?"}})
    body, headers = in_bytes(marked)
    assert outputs_of(ask("POST", INFER, content=body, headers=headers)) == missing


def test_a_whole_number_that_is_missing_comes_as_a_float(ask: Ask) -> None:
    row = {**ROW, "items": float("nan")}
    body, headers = in_bytes(tensors(row, items={"datatype": "FP64"}))
    refused = ask("POST", INFER, content=body, headers=headers)
    as_json = ask("POST", INFER, json={"inputs": tensors({**ROW, "items": None})})
    # This model cannot take a missing number: both say so, and which one.
    assert (refused.status_code, as_json.status_code) == (400, 400)
    assert "'items'" in refused.json()["error"]
    assert "'items'" in as_json.json()["error"]


def test_only_the_outputs_that_are_asked_for_are_answered(ask: Ask) -> None:
    for names in (["predict"], ["predict_proba"], ["predict_proba", "predict"]):
        body = {"inputs": tensors(ROW), "outputs": [{"name": name} for name in names]}
        assert list(outputs_of(ask("POST", INFER, json=body))) == names


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
    ],
    ids=["gzip", "deflate", "bare deflate"],
)
def test_a_packed_body_is_unpacked(ask: Ask, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    body = pack(orjson.dumps({"inputs": tensors(*ROWS)}))
    headers = {**JSON, "content-encoding": encoding}
    plain = outputs_of(ask("POST", INFER, json={"inputs": tensors(*ROWS)}))
    assert outputs_of(ask("POST", INFER, content=body, headers=headers)) == plain


def test_a_long_answer_is_packed_for_who_takes_it(ask: Ask) -> None:
    body = {"inputs": tensors(*ROWS * 30)}
    plain = ask("POST", INFER, json=body, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for accepted, packed in (("gzip, br", "gzip"), ("gzip;q=0, deflate", "deflate")):
        answer = ask("POST", INFER, json=body, headers={"accept-encoding": accepted})
        assert answer.headers["content-encoding"] == packed
        assert outputs_of(answer) == outputs_of(plain)
