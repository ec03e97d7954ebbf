"""Triton's own client, which knows nothing of this server, works with it over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tenure.serving import predict_offline
from tenure.workspace import Workspace
from tests.faults.serving_processes import Running
from tests.unit.serving.lives import ROW

ROWS = [ROW, {**ROW, "amount": 900.0, "country": "ng"}]
DTYPES = {"amount": "float64", "items": "int64", "country": "object", "is_new": "bool"}


@pytest.fixture(scope="module")
def client(served: Running) -> Iterator[Any]:
    with triton.InferenceServerClient(served.address.removeprefix("http://")) as made:
        yield made


def inputs_of(
    rows: list[dict[str, Any]], *, binary: bool = True, column: bool = False, **dtypes: str
) -> list[Any]:
    made = []
    for name, dtype in (DTYPES | dtypes).items():
        values = np.array([row[name] for row in rows], dtype=dtype)
        values = values.reshape(-1, 1) if column else values
        tensor = triton.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(values, binary_data=binary)
        made.append(tensor)
    return made


def labels(result: Any) -> list[str]:
    found = result.as_numpy("predict").tolist()
    return [each.decode() if isinstance(each, bytes) else each for each in found]


def test_health_metadata_and_index(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("fraud")
    assert client.is_model_ready("fraud", "1")
    assert not client.is_model_ready("fraud", "9")
    assert client.get_server_metadata()["name"] == "tenure"
    metadata = client.get_model_metadata("fraud", "1")
    assert [each["datatype"] for each in metadata["inputs"]] == ["FP64", "INT64", "BYTES", "BOOL"]
    index = {each["name"]: each["state"] for each in client.get_model_repository_index()}
    assert index == dict.fromkeys(("digits", "fraud", "price"), "READY")


def test_the_metadata_are_enough_to_ask(client: Any) -> None:
    metadata = client.get_model_metadata("fraud")
    tensors = []
    for each in metadata["inputs"]:
        tensor = triton.InferInput(each["name"], [1], each["datatype"])
        dtype = {"BYTES": object, "FP64": "f8", "INT64": "i8", "BOOL": bool}[each["datatype"]]
        tensor.set_data_from_numpy(np.array([ROW[each["name"]]], dtype=dtype))
        tensors.append(tensor)
    result = client.infer("fraud", tensors)
    for output in metadata["outputs"]:
        assert result.as_numpy(output["name"]) is not None


@pytest.mark.parametrize("binary_out", [True, False], ids=["bytes out", "JSON out"])
@pytest.mark.parametrize("binary_in", [True, False], ids=["bytes in", "JSON in"])
@pytest.mark.parametrize("rows", [ROWS[:1], ROWS, ROWS * 40], ids=["1 row", "2 rows", "80 rows"])
def test_bytes_and_json_in_and_out_give_the_version_s_answers(
    client: Any, furnished: Workspace, rows: list[Any], binary_in: bool, binary_out: bool
) -> None:
    outputs = [
        triton.InferRequestedOutput(name, binary_data=binary_out)
        for name in ("predict", "predict_proba")
    ]
    tensors = inputs_of(rows, binary=binary_in, column=len(rows) == 2)
    result = client.infer("fraud", tensors, outputs=outputs, request_id="r1")
    offline = predict_offline("fraud", rows, furnished)
    assert labels(result) == offline["predictions"]
    shares = result.as_numpy("predict_proba")
    np.testing.assert_allclose(shares, offline["probabilities"], rtol=0, atol=1e-9)
    said = result.get_response()
    assert (said["id"], said["model_name"], said["model_version"]) == ("r1", "fraud", "1")
    assert {"epoch", "slot", "plan"} <= said["parameters"].keys()


def test_all_numeric_datatypes_are_taken(client: Any) -> None:
    plain = client.infer("fraud", inputs_of([ROW])).as_numpy("predict_proba")
    for bits in ("int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "float64"):
        for binary in (True, False):
            tensors = inputs_of([ROW], binary=binary, items=bits)
            assert (client.infer("fraud", tensors).as_numpy("predict_proba") == plain).all(), bits
    for bits in ("float16", "float32"):  # 12.5 is the same number in all of them
        tensors = inputs_of([ROW], amount=bits)
        assert (client.infer("fraud", tensors).as_numpy("predict_proba") == plain).all(), bits


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_packed_requests_and_answers(client: Any, packing: str) -> None:
    rows = ROWS * 100
    plain = client.infer("fraud", inputs_of(rows)).as_numpy("predict_proba")
    result = client.infer(
        "fraud",
        inputs_of(rows),
        request_compression_algorithm=packing,
        response_compression_algorithm=packing,
    )
    assert (result.as_numpy("predict_proba") == plain).all()


def test_a_body_that_the_client_made_ahead(served: Running) -> None:
    body, length = triton.InferenceServerClient.generate_request_body(inputs_of([ROW]))
    headers = {"inference-header-content-length": str(length)}
    answer = httpx.post(f"{served.address}/v2/models/fraud/infer", content=body, headers=headers)
    given = answer.headers.get("inference-header-content-length")
    parse = triton.InferenceServerClient.parse_response_body
    result = parse(answer.content, header_length=int(given) if given else None)
    assert labels(result) == ["fine"]


def test_a_matrix_for_a_model_of_numbers(client: Any) -> None:
    values = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    found = []
    for dtype in ("float64", "float32", "int32"):
        tensor = triton.InferInput("input-0", [2, 3], np_to_triton_dtype(np.dtype(dtype)))
        tensor.set_data_from_numpy(values.astype(dtype))
        found.append(client.infer("digits", [tensor]))
    assert [each.as_numpy("predict").tolist() for each in found] == [[1, 0]] * 3
    assert found[0].as_numpy("predict").dtype == np.int64
    assert found[0].as_numpy("predict_proba").shape == (2, 2)


def test_only_what_is_asked_for_is_answered(client: Any) -> None:
    outputs = [triton.InferRequestedOutput("predict")]
    result = client.infer("fraud", inputs_of([ROW]), outputs=outputs)
    assert result.as_numpy("predict_proba") is None


def test_many_at_once(client: Any) -> None:
    waiting = [client.async_infer("fraud", inputs_of([row])) for row in ROWS * 8]
    assert [labels(each.get_result())[0] for each in waiting] == ["fine", "fraud"] * 8


@pytest.mark.parametrize(
    ("model", "version", "status"), [("unknown", "", "404"), ("fraud", "9", "404")]
)
def test_what_is_not_there_is_said_by_an_error(
    client: Any, model: str, version: str, status: str
) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, inputs_of([ROW]), model_version=version)
    assert caught.value.status() == status
    assert model in caught.value.message()


def test_a_wrong_tensor_is_said_by_an_error(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="'items' is BYTES; wanted INT64"):
        client.infer("fraud", inputs_of([{**ROW, "items": "three"}], items="object"))


@pytest.mark.parametrize("verb", ["load_model", "unload_model"])
def test_the_ledger_decides_what_is_loaded(client: Any, verb: str) -> None:
    with pytest.raises(InferenceServerException, match="recorded in the ledger"):
        getattr(client, verb)("fraud")
