"""What a client of the open protocol sends wrongly is 400 with one sentence that names it."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from tests.unit.serving.lives import ROW
from tests.unit.serving.test_oip_infer import INFER, JSON, in_bytes, tensors

Ask = Callable[..., httpx.Response]
SECRET = "sesame-4711"


def one(**changed: Any) -> dict[str, Any]:
    """A request of one row in which parts of the tensor `amount` are replaced."""
    return {"inputs": tensors(ROW, amount=changed)}


def lacking(key: str) -> dict[str, Any]:
    inputs = tensors(ROW)
    del inputs[0][key]
    return {"inputs": inputs}


REFUSED = [
    # what is wrong, body, what the sentence must say
    ("a text for a number", one(data=[SECRET]), "'amount' has a text as element 0; wanted"),
    ("a boolean for a number", one(data=[True]), "'amount' has a boolean as element 0; wanted"),
    ("BOOL for a number", one(datatype="BOOL", data=[True]), "'amount' is BOOL; wanted FP64"),
    ("BYTES for a number", one(datatype="BYTES", data=[SECRET]), "'amount' is BYTES; wanted FP64"),
    ("INT8 out of range", one(datatype="INT8", data=[300]), "out of the range of INT8"),
    ("UINT8 below zero", one(datatype="UINT8", data=[-1]), "out of the range of UINT8"),
    ("FP16 out of range", one(datatype="FP16", data=[1e6]), "out of the range of FP16"),
    ("FP32 out of range", one(datatype="FP32", data=[1e39, 1][:1]), "out of the range of FP32"),
    ("INT64 with a fraction", one(datatype="INT64", data=[1.5]), "a number with a fraction"),
    (
        "a fraction for a whole number",
        {"inputs": tensors(ROW, items={"datatype": "FP64", "data": [1.5]})},
        "'items') has a number that is not whole",
    ),
    (
        "a number above 64 bits",
        {"inputs": tensors(ROW, items={"datatype": "UINT64", "data": [2**63]})},
        "beyond 64 bits",
    ),
    (
        "a number for a text",
        {"inputs": tensors(ROW, country={"datatype": "INT64", "data": [1]})},
        "'country' is INT64; wanted BYTES",
    ),
    (
        "a number for a truth value",
        {"inputs": tensors(ROW, is_new={"datatype": "INT8", "data": [1]})},
        "'is_new' is INT8; wanted BOOL",
    ),
    ("an unknown datatype", one(datatype="FP128"), "datatype 'FP128'; wanted one of BOOL"),
    ("a datatype that is a number", one(datatype=64), "datatype a number"),
    ("no datatype", lacking("datatype"), "datatype null"),
    ("no name", lacking("name"), "inputs[0] has no 'name'"),
    ("no shape", lacking("shape"), "null for a 'shape'"),
    ("no data", lacking("data"), "null for its 'data'"),
    ("data as text", one(data=SECRET), "a text for its 'data'"),
    ("a shape of texts", one(shape=["1"]), "not all sizes are whole"),
    ("a shape of booleans", one(shape=[True]), "not all sizes are whole"),
    ("an empty shape", one(shape=[]), "0 dimensions"),
    ("a deep shape", one(shape=[1] * 99), "99 dimensions"),
    ("a negative shape", one(shape=[-1]), "below 0"),
    ("a huge shape", one(shape=[2**63]), "beyond 64 bits"),
    ("a shape of more than there is", one(shape=[2**62, 2**62]), "1 elements; its shape"),
    ("more data than the shape says", one(data=[1.0, 2.0]), "2 elements; its shape [1] has 1"),
    ("nested otherwise", one(shape=[1, 1], data=[[1.0, 2.0]]), "nested otherwise than its shape"),
    ("nested too deeply", one(data=[[1.0]]), "an array as element 0"),
    ("more rows in one tensor", one(shape=[2], data=[1.0, 2.0]), "has 1 rows, input"),
    ("three dimensions", one(shape=[1, 1, 1]), "shape [1, 1, 1]; wanted [n] or [n, 1]"),
    (
        "no rows",
        {"inputs": [{**each, "shape": [0], "data": []} for each in tensors(ROW)]},
        "0 rows",
    ),
    ("a tensor twice", {"inputs": [*tensors(ROW), tensors(ROW)[0]]}, "'amount' is there twice"),
    ("a tensor too few", {"inputs": tensors(ROW)[1:]}, "lacks 'amount'"),
    (
        "a tensor too many",
        {"inputs": [*tensors(ROW), {**tensors(ROW)[0], "name": "extra"}]},
        "has 'extra', which the model does not take",
    ),
    (
        "a matrix that is too narrow",
        {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]},
        "'x' has 2 columns; the model has 4",
    ),
    (
        "a matrix of numbers for a model with texts",
        {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}]},
        "'x' is FP64 for column 'country'; wanted BYTES",
    ),
    ("inputs as an object", {"inputs": {}}, "'inputs' is an object"),
    ("no inputs", {"inputs": []}, "'inputs' is empty"),
    ("inputs missing", {"id": "a"}, "'inputs' is null"),
    ("an input that is none", {"inputs": [1]}, "inputs[0] is a number"),
    ("an array as body", [ROW], "The body is an array"),
    ("null as body", None, "The body is null"),
    ("an id that is no text", {**one(), "id": 7}, "'id' is no text"),
    ("an endless id", {**one(), "id": "x" * 121}, "'id' is no text"),
    ("parameters as a text", {**one(), "parameters": "x"}, "a text for 'parameters'"),
    ("an unknown output", {**one(), "outputs": [{"name": "score"}]}, "'score' is unknown"),
    ("an output twice", {**one(), "outputs": [{"name": "predict"}] * 2}, "asked for twice"),
    ("an output without a name", {**one(), "outputs": [{}]}, "outputs[0] has no 'name'"),
    ("outputs as an object", {**one(), "outputs": {"name": "predict"}}, "'outputs' is an object"),
    (
        "a flag that is none",
        {**one(), "parameters": {"binary_data_output": "yes"}},
        "'binary_data_output' is a text",
    ),
    ("shared memory", one(parameters={"shared_memory_region": "r"}), "does not offer"),
    (
        "classification",
        {**one(), "outputs": [{"name": "predict", "parameters": {"classification": 2}}]},
        "does not offer",
    ),
    ("bytes that are not there", one(parameters={"binary_data_size": 8}), "both 'data' and"),
    ("a missing number that the model cannot take", one(data=[None]), "Missing values stand in"),
]


@pytest.mark.parametrize(
    ("body", "said"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_a_body_that_does_not_fit_is_refused(ask: Ask, body: Any, said: str) -> None:
    answer = ask("POST", INFER, content=orjson.dumps(body), headers=JSON)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()
    assert list(error) == ["error"]
    assert said in error["error"]
    assert SECRET not in error["error"]


BROKEN = {
    "NaN": b'{"inputs": [{"name": "amount", "data": [NaN]}]}',
    "Infinity": b'{"inputs": [{"name": "amount", "data": [Infinity]}]}',
    "cut": b'{"inputs": [{"name": "amount"',
    "bad UTF-8": b'{"id": "\xff\xfe"}',
    "UTF-16": '{"inputs": []}'.encode("utf-16"),
    "empty": b"",
    "blank": b"  ",
    "5,000 digits": b'{"inputs": [{"name": "amount", "shape": [1], "datatype": "FP64", "data": ['
    + b"9" * 5000
    + b"]}]}",
    "a shape of 5,000 digits": b'{"inputs": [{"name": "a", "shape": [' + b"9" * 5000 + b"]}]}",
    "100,000 deep": b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "1,000 deep": b'{"inputs": [{"name": "amount", "shape": [1], "datatype": "FP64", "data": '
    + b"[" * 1000
    + b"]" * 1000
    + b"}]}",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_json_or_beyond_it_is_refused(ask: Ask, body: bytes) -> None:
    answer = ask("POST", INFER, content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error"]


DIGITS = b"9" * 5_000


def holding(name: str, datatype: str, number: bytes, key: str = "data") -> bytes:
    """A request of one row in which a number stands in one tensor's data or shape, unquoted."""
    changed = {name: {"datatype": datatype, key: ["here"]}}
    return orjson.dumps({"inputs": tensors(ROW, **changed)}).replace(b'"here"', number)


ODD_NUMBERS = {
    "5,000 digits in INT64": (holding("items", "INT64", DIGITS), "'items' has a number beyond"),
    "5,000 digits in FP64": (holding("amount", "FP64", DIGITS), "'amount' has a number beyond"),
    "minus 5,000 digits": (holding("amount", "FP64", b"-" + DIGITS), "'amount' has a number"),
    "5,000 digits in BYTES": (holding("country", "BYTES", DIGITS), "'country' has a number"),
    "5,000 digits in BOOL": (holding("is_new", "BOOL", DIGITS), "'is_new' has a number beyond"),
    "a shape of 5,000 digits": (
        holding("items", "INT64", DIGITS, "shape"),
        "'items' has a number beyond what 64 bits hold, as element 0 of its 'shape'",
    ),
    "300 digits in INT64": (holding("items", "INT64", b"9" * 300), "out of the range of INT64"),
    "30 digits in a shape": (
        holding("items", "INT64", b"9" * 30, "shape"),
        "'items' has a 'shape'",
    ),
    "NaN in FP64": (holding("amount", "FP64", b"NaN"), "'amount' has NaN or Infinity"),
    "Infinity in INT64": (holding("items", "INT64", b"Infinity"), "'items' has NaN or Infinity"),
    "minus Infinity in BYTES": (holding("country", "BYTES", b"-Infinity"), "'country' has NaN"),
    "NaN in a shape": (holding("amount", "FP64", b"NaN", "shape"), "of its 'shape'"),
    "1e999": (holding("amount", "FP64", b"1e999"), "'amount' has a number beyond"),
    "NaN in parameters": (b'{"parameters": {"a": NaN}, "inputs": []}', "in 'parameters'"),
    "NaN alone": (b"NaN", "The body has NaN"),
    "in a tensor without a name": (b'{"inputs": [{"data": [NaN]}]}', "inputs[0] has NaN"),
}


@pytest.mark.parametrize(("body", "said"), ODD_NUMBERS.values(), ids=ODD_NUMBERS.keys())
def test_a_number_that_no_json_has_is_refused_with_its_tensor(
    ask: Ask, body: bytes, said: str
) -> None:
    answer = ask("POST", INFER, content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]
    assert "99999" not in answer.text


def test_a_text_of_5000_digits_is_a_category_that_nobody_has_seen(ask: Ask) -> None:
    inputs = tensors(ROW, country={"data": [DIGITS.decode()]})
    assert ask("POST", INFER, json={"inputs": inputs}).status_code == 200


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize("key", ["id", "parameters", "inputs", "outputs"])
def test_nesting_without_end_is_refused_wherever_it_stands(ask: Ask, key: str) -> None:
    body = orjson.dumps({**one(), key: "here"}).replace(b'"here"', DEEP)
    for address in (INFER, "/v2/repository/index"):
        answer = ask("POST", address, content=body, headers=JSON)
        assert (answer.status_code, list(answer.json())) == (400, ["error"])


MANY = 10_000_000


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ([MANY], "'amount' has 1 elements; its shape [10000000] has 10000000"),
        ([MANY, 1], "'amount' has 1 elements; its shape [10000000, 1] has 10000000"),
        ([MANY, 0], "'amount' has 1 elements; its shape [10000000, 0] has 0"),
        ([1, MANY], "'amount' has 1 elements; its shape [1, 10000000] has 10000000"),
        ([MANY] * 8, "'amount' has 1 elements; its shape"),
    ],
)
def test_ten_million_rows_that_are_only_said_take_no_memory(
    ask: Ask, shape: list[int], said: str
) -> None:
    tracemalloc.start()
    try:
        answers = [ask("POST", INFER, json=one(shape=shape))]
        body, headers = in_bytes(tensors(ROW, amount={"shape": shape}))
        answers.append(ask("POST", INFER, content=body, headers=headers))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [answer.status_code for answer in answers] == [400, 400]
    assert said in answers[0].json()["error"]
    assert "'amount' has 8 bytes; its shape" in answers[1].json()["error"]
    assert most < 20 * 2**20


def test_no_rows_are_refused_as_bytes_and_as_a_matrix(ask: Ask) -> None:
    empty = [{**each, "shape": [0], "data": []} for each in tensors(ROW)]
    body, headers = in_bytes(empty)
    matrix = {"inputs": [{"name": "x", "shape": [0, 4], "datatype": "BYTES", "data": []}]}
    for answer in (
        ask("POST", INFER, content=body, headers=headers),
        ask("POST", INFER, json=matrix),
    ):
        assert (answer.status_code, "0 rows" in answer.json()["error"]) == (400, True)


def lying(length: str | None = None, size: Any = None, tail: bytes = b"") -> Any:
    body, headers = in_bytes(tensors(ROW))
    if size is not None:
        head = int(headers["inference-header-content-length"])
        request = orjson.loads(body[:head])
        request["inputs"][0]["parameters"]["binary_data_size"] = size
        changed = orjson.dumps(request)
        body = changed + body[head:]
        headers["inference-header-content-length"] = str(len(changed))
    if length is not None:
        headers["inference-header-content-length"] = length
    return body + tail, headers


LIES = {
    "a length beyond the body": (lying(length="99999"), "no number of bytes of the body"),
    "a negative length": (lying(length="-1"), "no number of bytes of the body"),
    "a length that is no number": (lying(length="ten"), "no number of bytes of the body"),
    "a length of 30 digits": (lying(length="9" * 30), "no number of bytes of the body"),
    "a length within the JSON": (lying(length="10"), "no JSON"),
    "a size beyond the body": (lying(size=10**9), "'amount' takes 1000000000 bytes"),
    "a negative size": (lying(size=-8), "'binary_data_size' that is no size"),
    "a size that is a truth value": (lying(size=True), "'binary_data_size' that is no size"),
    "a size that is too small": (lying(size=4), "'amount' has 4 bytes; its shape [1] of FP64"),
    "bytes that nobody takes": (lying(tail=b"xy"), "bytes behind the JSON"),
}


@pytest.mark.parametrize(("sent", "said"), LIES.values(), ids=LIES.keys())
def test_lengths_that_lie_are_refused(ask: Ask, sent: Any, said: str) -> None:
    body, headers = sent
    answer = ask("POST", INFER, content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\xff\xff\xff\xff", "length goes beyond"),
        (b"\x02\x00\x00\x00d", "length goes beyond"),
        (b"\x01\x00", "length goes beyond"),
        (b"\x02\x00\x00\x00\xff\xfe", "not in UTF-8"),
        (b"\x00\x00\x00\x00\x00\x00\x00\x00", "2 elements; its shape [1] has 1"),
        (b"", "0 elements; its shape [1] has 1"),
    ],
    ids=["4 GB", "one byte short", "half a length", "bad UTF-8", "two texts", "none"],
)
def test_texts_in_bytes_that_lie_are_refused(ask: Ask, raw: bytes, said: str) -> None:
    inputs = tensors(ROW)
    body, headers = in_bytes(inputs)
    head = int(headers["inference-header-content-length"])
    request = orjson.loads(body[:head])
    request["inputs"][2]["parameters"]["binary_data_size"] = len(raw)
    changed = orjson.dumps(request)
    tail = body[head : head + 16] + raw + body[-1:]
    headers["inference-header-content-length"] = str(len(changed))
    answer = ask("POST", INFER, content=changed + tail, headers=headers)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


def test_a_truth_value_of_two_is_refused(ask: Ask) -> None:
    body, headers = in_bytes(tensors(ROW))
    answer = ask("POST", INFER, content=body[:-1] + b"\x02", headers=headers)
    assert answer.status_code == 400
    assert "neither 0 nor 1" in answer.json()["error"]


def test_a_bomb_does_not_unpack(ask: Ask) -> None:
    bomb = gzip.compress(b" " * 64 * 2**20)
    assert len(bomb) < 2**20
    answer = ask("POST", INFER, content=bomb, headers={**JSON, "content-encoding": "gzip"})
    assert (answer.status_code, "unpacks to more than" in answer.json()["error"]) == (413, True)


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", b"no gzip", 400),
        ("gzip", gzip.compress(b"{}" * 99)[:-9], 400),
        ("gzip", gzip.compress(b"{}") + b"more", 400),
        ("deflate", b"\x00\x01", 400),
        ("br", b"x", 415),
    ],
    ids=["no gzip", "cut", "more behind it", "no deflate", "unknown"],
)
def test_what_does_not_unpack_is_refused(ask: Ask, encoding: str, body: bytes, status: int) -> None:
    headers = {**JSON, "content-encoding": encoding}
    answer = ask("POST", INFER, content=body, headers=headers)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_rows_beyond_the_limit_are_refused(ask: Ask) -> None:
    answer = ask("POST", INFER, json={"inputs": tensors(*[ROW] * 10_001)})
    assert answer.status_code == 400
    assert "10001 rows; one request may hold 10000" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers", [{"content-type": "text/plain"}, {"origin": "http://elsewhere.example"}]
)
def test_what_a_page_elsewhere_can_send_is_refused(ask: Ask, headers: dict[str, str]) -> None:
    answer = ask("POST", INFER, content=orjson.dumps(one()), headers=headers)
    assert (answer.status_code, list(answer.json())) == (415, ["error"])
