"""Triton's own client works with the gRPC server, and what it sends wrongly has a clean status."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tenure.predictions import spool_folder
from tenure.serving import predict_offline
from tenure.serving.grpc.generate import DESCRIPTORS, compiled
from tenure.workspace import Workspace
from tests.faults.serving_processes import PROJECT
from tests.unit.serving.lives import ROW

ROWS = [ROW, {**ROW, "amount": 900.0, "country": "ng"}]
DTYPES = {"amount": "float64", "items": "int64", "country": "object", "is_new": "bool"}


@pytest.fixture(scope="module")
def client(called: str) -> Iterator[Any]:
    with triton.InferenceServerClient(called) as made:
        yield made


@pytest.fixture(scope="module")
def stub(called: str) -> Iterator[Any]:
    with grpc.insecure_channel(called) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def inputs_of(rows: list[dict[str, Any]], **dtypes: str) -> list[Any]:
    made = []
    for name, dtype in (DTYPES | dtypes).items():
        values = np.array([row[name] for row in rows], dtype=dtype)
        tensor = triton.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(values)
        made.append(tensor)
    return made


def typed(rows: list[dict[str, Any]], **changed: dict[str, Any]) -> Any:
    """A request with typed contents; `changed` replaces a tensor's datatype and contents."""
    fields = {
        "amount": ("FP64", "fp64_contents"),
        "items": ("INT64", "int64_contents"),
        "country": ("BYTES", "bytes_contents"),
        "is_new": ("BOOL", "bool_contents"),
    }
    request = service_pb2.ModelInferRequest(model_name="fraud", id="r1")
    for name, (datatype, field) in fields.items():
        values = [row[name] for row in rows]
        if name == "country":
            values = [value.encode() for value in values]
        said = {"datatype": datatype, "contents": {field: values}, "shape": [len(rows)]}
        said |= changed.get(name, {})
        contents = service_pb2.InferTensorContents(**said.pop("contents"))
        request.inputs.add(name=name, contents=contents, **said)
    return request


def test_health_metadata_and_index(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("fraud")
    assert client.is_model_ready("fraud", "1")
    assert client.get_server_metadata().name == "tenure"
    metadata = client.get_model_metadata("fraud")
    assert [each.datatype for each in metadata.inputs] == ["FP64", "INT64", "BYTES", "BOOL"]
    assert [list(each.shape) for each in metadata.outputs] == [[-1], [-1, 2]]
    index = {each.name: each.state for each in client.get_model_repository_index().models}
    assert index == dict.fromkeys(("digits", "fraud", "price"), "READY")


@pytest.mark.parametrize("rows", [ROWS[:1], ROWS * 40], ids=["1 row", "80 rows"])
def test_raw_tensors_give_the_version_s_answers(
    client: Any, furnished: Workspace, rows: list[Any]
) -> None:
    result = client.infer("fraud", inputs_of(rows), request_id="r1")
    offline = predict_offline("fraud", rows, furnished)
    assert [each.decode() for each in result.as_numpy("predict")] == offline["predictions"]
    shares = result.as_numpy("predict_proba")
    np.testing.assert_allclose(shares, offline["probabilities"], rtol=0, atol=1e-9)
    said = result.get_response()
    assert (said.id, said.model_name, said.model_version) == ("r1", "fraud", "1")
    assert said.parameters["epoch"].int64_param == 1
    assert said.parameters["slot"].string_param == "champion"
    assert said.raw_output_contents


def test_typed_tensors_are_answered_typed_and_alike(client: Any, stub: Any) -> None:
    raw = client.infer("fraud", inputs_of(ROWS)).as_numpy("predict_proba")
    narrow = {"items": {"datatype": "INT8", "contents": {"int_contents": [3, 3]}}}
    unsigned = {"items": {"datatype": "UINT64", "contents": {"uint64_contents": [3, 3]}}}
    for changed in ({}, narrow, unsigned):
        answer = stub.ModelInfer(typed(ROWS, **changed))
        assert not answer.raw_output_contents
        labels, shares = answer.outputs
        assert list(labels.contents.bytes_contents) == [b"fine", b"fraud"]
        assert np.array(shares.contents.fp64_contents).reshape(2, 2).tolist() == raw.tolist()


def test_a_matrix_and_a_regression(client: Any, stub: Any) -> None:
    tensor = triton.InferInput("x", [2, 3], "FP32")
    tensor.set_data_from_numpy(np.array([[2, 1, 0], [0, 1, 0]], dtype="float32"))
    outputs = [triton.InferRequestedOutput("predict")]
    result = client.infer("digits", [tensor], outputs=outputs)
    assert result.as_numpy("predict").tolist() == [1, 0]
    assert result.as_numpy("predict_proba") is None
    request = typed(ROWS)
    request.model_name = "price"
    (output,) = stub.ModelInfer(request).outputs
    assert (output.datatype, len(output.contents.fp64_contents)) == ("FP64", 2)


def test_what_was_answered_is_logged(client: Any, furnished: Workspace) -> None:
    client.infer("fraud", inputs_of([ROW]), request_id="logged-over-grpc")

    def logged() -> bool:
        files = spool_folder(furnished).rglob("*.frames")
        return any(b"logged-over-grpc" in file.read_bytes() for file in files)

    from tests.faults.serving_processes import until

    assert until(logged)


REFUSED = {
    "an unknown model": ({"model_name": "unknown"}, "NOT_FOUND", "no model"),
    "a name that is none": ({"model_name": "../fraud"}, "NOT_FOUND", "no model of that name"),
    "an unknown version": ({"model_version": "9"}, "NOT_FOUND", "no version 9"),
    "a version that is none": ({"model_version": "one"}, "NOT_FOUND", "no such version"),
    "an endless id": ({"id": "x" * 200}, "INVALID_ARGUMENT", "'id'"),
    "raw contents for some": ({"raw_input_contents": [b"x"]}, "INVALID_ARGUMENT", "1 raw contents"),
}


@pytest.mark.parametrize(("changed", "code", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_request_has_a_clean_status(
    stub: Any, changed: dict[str, Any], code: str, said: str
) -> None:
    request = typed(ROWS)
    request.MergeFrom(service_pb2.ModelInferRequest(**changed))
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(request)
    assert (caught.value.code().name, said in caught.value.details()) == (code, True)


WRONG = {
    "a text for a number": (
        {"items": {"datatype": "BYTES", "contents": {"bytes_contents": [b"3", b"3"]}}},
        "'items' is BYTES; wanted INT64",
    ),
    "contents of another datatype": (
        {"amount": {"contents": {"fp32_contents": [1.0, 2.0]}}},
        "'amount' is FP64 and has fp32_contents; wanted fp64_contents",
    ),
    "INT8 out of range": (
        {"items": {"datatype": "INT8", "contents": {"int_contents": [3, 300]}}},
        "out of the range of INT8",
    ),
    "too few": ({"amount": {"contents": {"fp64_contents": [1.0]}}}, "1 elements; its shape [2]"),
    "a negative shape": ({"amount": {"shape": [-1]}}, "below 0"),
    "an unknown datatype": ({"amount": {"datatype": "FP8"}}, "wanted one of BOOL"),
    "half floats that are typed": ({"amount": {"datatype": "FP16"}}, "send it raw"),
    "bytes that are no text": (
        {"country": {"contents": {"bytes_contents": [b"\xff", b"de"]}}},
        "not in UTF-8",
    ),
    "a fraction": (
        {"items": {"datatype": "FP64", "contents": {"fp64_contents": [3.0, 1.5]}}},
        "not whole",
    ),
}


@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG.keys())
def test_wrong_tensors_are_invalid_arguments(stub: Any, changed: Any, said: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(typed(ROWS, **changed))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert said in caught.value.details()


def test_what_the_ledger_decides_is_a_failed_precondition(client: Any) -> None:
    for change in (client.load_model, client.unload_model):
        with pytest.raises(InferenceServerException, match="recorded in the ledger") as caught:
            change("fraud")
        assert caught.value.status() == "StatusCode.FAILED_PRECONDITION"


def test_bytes_that_are_no_message_are_an_invalid_argument(called: str) -> None:
    with grpc.insecure_channel(called) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff\xff")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_client_of_asyncio_is_answered(called: str) -> None:
    async def ask() -> list[bytes]:
        import tritonclient.grpc.aio as triton_aio

        async with triton_aio.InferenceServerClient(called) as client:
            results = await asyncio.gather(
                *(client.infer("fraud", inputs_of([row])) for row in ROWS * 8)
            )
        return [each.as_numpy("predict")[0] for each in results]

    assert asyncio.run(ask()) == [b"fine", b"fraud"] * 8


def test_the_descriptors_are_those_of_the_protocol() -> None:
    assert DESCRIPTORS.read_bytes() == compiled()


def test_without_the_extra_it_says_which_one_to_install() -> None:
    code = (
        "import sys, runpy; sys.modules['grpc'] = None; "
        "runpy.run_module('tenure.serving.grpc', run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "pip install 'tenure[grpc]'" in ran.stderr
