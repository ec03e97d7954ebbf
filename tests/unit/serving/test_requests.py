"""What a client sends is answered, or refused with the field that is meant; never with a 500."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from tenure.serving import predict_offline
from tenure.serving.application import Application
from tests.unit.serving.lives import FEATURES, ROW

PREDICT = "/v1/models/fraud:predict"
JSON = {"content-type": "application/json"}
Ask = Callable[..., httpx.Response]


def test_an_answer_holds_predictions_probabilities_and_what_gave_them(ask: Ask) -> None:
    body = {"instances": [ROW, {**ROW, "amount": 900}], "ids": ["a", "b"]}
    answer = ask("POST", PREDICT, json=body)
    assert answer.status_code == 200
    said = answer.json()
    assert said["predictions"] == ["fine", "fraud"]
    assert said["classes"] == ["fine", "fraud"]
    assert [math.fsum(row) for row in said["probabilities"]] == pytest.approx([1, 1])
    assert (said["model"], said["version"], said["epoch"], said["slot"], said["ids"]) == (
        "fraud",
        1,
        1,
        "champion",
        ["a", "b"],
    )
    assert answer.headers["tenure-version"] == "1"


def test_arrays_and_records_are_answered_alike(ask: Ask) -> None:
    array = [ROW[feature.name] for feature in FEATURES]
    shuffled = dict(reversed(ROW.items()))
    answers = [
        ask("POST", PREDICT, json={"instances": [row]}).json() for row in (ROW, array, shuffled)
    ]
    assert len({orjson.dumps(each["probabilities"]) for each in answers}) == 1
    assert len({each["ids"][0] for each in answers}) == 3


def test_probabilities_are_left_out_on_request(ask: Ask) -> None:
    said = ask("POST", PREDICT, json={"instances": [ROW], "probabilities": False}).json()
    assert "probabilities" not in said
    assert "classes" not in said


def test_a_regression_answers_numbers(ask: Ask) -> None:
    said = ask("POST", "/v1/models/price:predict", json={"instances": [ROW]}).json()
    assert isinstance(said["predictions"][0], float)
    assert "probabilities" not in said


def test_a_category_that_was_never_seen_is_missing_not_an_error(ask: Ask) -> None:
    assert ask("POST", PREDICT, json={"instances": [{**ROW, "country": "zz"}]}).status_code == 200


def test_whole_numbers_may_be_written_as_floats(ask: Ask) -> None:
    assert ask("POST", PREDICT, json={"instances": [{**ROW, "items": 3.0}]}).status_code == 200


def test_the_server_answers_what_is_answered_without_it(ask: Ask, steady: Application) -> None:
    offline = predict_offline("fraud", [ROW], steady.core.router.workspace)
    online = ask("POST", PREDICT, json={"instances": [ROW], "ids": ["0"]}).json()
    # A plan answers one row, and it agrees within 1e-9: equality to the last bit is not promised.
    (said,), (wanted,) = online.pop("probabilities"), offline.pop("probabilities")
    assert said == pytest.approx(wanted, abs=1e-9)
    assert online == offline


def rows(**changed: Any) -> dict[str, Any]:
    return {"instances": [{**ROW, **changed}]}


REFUSED = [
    # what is wrong, body, code, field
    ("a text for a number", rows(amount="12.5"), "wrong-type", "/instances/0/amount"),
    ("a boolean for a number", rows(amount=True), "wrong-type", "/instances/0/amount"),
    ("a boolean for a whole number", rows(items=True), "wrong-type", "/instances/0/items"),
    ("a fraction for a whole number", rows(items=1.5), "wrong-type", "/instances/0/items"),
    ("a number above 64 bits", rows(items=2**63), "wrong-type", "/instances/0/items"),
    ("a number above all bits", rows(items=1e300), "wrong-type", "/instances/0/items"),
    ("a number for a text", rows(country=1), "wrong-type", "/instances/0/country"),
    ("a number for a truth value", rows(is_new=1), "wrong-type", "/instances/0/is_new"),
    ("an object for a number", rows(amount={"$": 1}), "wrong-type", "/instances/0/amount"),
    ("an array for a text", rows(country=["de"]), "wrong-type", "/instances/0/country"),
    ("a column too many", rows(extra=1), "unknown-column", "/instances/0"),
    ("a column too few", {"instances": [{"amount": 1}]}, "missing-column", "/instances/0"),
    ("no instance", {"instances": []}, "no-instances", "/instances"),
    ("an empty record", {"instances": [{}]}, "missing-column", "/instances/0"),
    ("an empty array", {"instances": [[]]}, "wrong-length", "/instances/0"),
    ("ragged arrays", {"instances": [[1, 2, "de", True], [1]]}, "wrong-length", "/instances/1"),
    ("records and arrays mixed", {"instances": [ROW, [1]]}, "wrong-type", "/instances/1"),
    ("arrays and records mixed", {"instances": [[1, 2, "de", True], ROW]}, "wrong-type", None),
    ("a bare number", {"instances": [1]}, "wrong-type", "/instances/0"),
    ("a null row", {"instances": [None]}, "wrong-type", "/instances/0"),
    ("instances as object", {"instances": ROW}, "wrong-type", "/instances"),
    ("no instances at all", {"rows": [ROW]}, "unknown-key", None),
    ("an empty object", {}, "missing-key", "/instances"),
    ("an array as body", [ROW], "wrong-type", None),
    ("null as body", None, "wrong-type", None),
    ("a further key", {**rows(), "signature_name": "x"}, "unknown-key", None),
    ("too few ids", {**rows(), "ids": []}, "wrong-ids", "/ids"),
    ("an id that is no text", {**rows(), "ids": [1]}, "wrong-type", "/ids/0"),
    ("an empty id", {**rows(), "ids": [""]}, "wrong-type", "/ids/0"),
    ("an endless id", {**rows(), "ids": ["x" * 129]}, "wrong-type", "/ids/0"),
    ("probabilities as text", {**rows(), "probabilities": "no"}, "wrong-type", "/probabilities"),
    ("a row that the model cannot take", rows(amount=None), "unpredictable", None),
]


@pytest.mark.parametrize(
    ("body", "code", "field"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_a_body_that_does_not_fit_is_refused(
    ask: Ask, body: Any, code: str, field: str | None
) -> None:
    answer = ask("POST", PREDICT, content=orjson.dumps(body), headers=JSON)
    said = answer.json()
    assert answer.status_code == 422, said
    assert answer.headers["content-type"] == "application/problem+json"
    assert said["type"] == f"urn:tenure:problem:{code}"
    assert field is None or said["field"] == field
    assert {"title", "status", "detail"} <= said.keys()


BROKEN = {
    "NaN": b'{"instances": [{"amount": NaN}]}',
    "Infinity": b'{"instances": [{"amount": Infinity}]}',
    "minus Infinity": b'{"instances": [[-Infinity, 1, "de", true]]}',
    "1e999": b'{"instances": [{"amount": 1e999}]}',
    "cut": b'{"instances": [{"amount": 1',
    "bad UTF-8": b'{"instances": [{"country": "\xff\xfe"}]}',
    "overlong UTF-8": b'{"instances": [{"country": "\xc0\xaf"}]}',
    "UTF-16": '{"instances": []}'.encode("utf-16"),
    "a lone surrogate": b'{"instances": ["\\ud800"]}',
    "deep nesting": b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of a thousand digits": b'{"instances": [[' + b"9" * 1000 + b"]]}",
    "two documents": b"{}{}",
    "nothing": b"",
    "a byte-order mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_json_is_refused(ask: Ask, content: bytes) -> None:
    answer = ask("POST", PREDICT, content=content, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["type"] in ("urn:tenure:problem:not-json", "urn:tenure:problem:no-body")


ODD_NUMBERS = {
    "NaN": (b'{"instances": [{"amount": 1}, {"amount": NaN}]}', "/instances/1/amount"),
    "Infinity": (b'{"instances": [[1, -Infinity]]}', "/instances/0/1"),
    "1e999": (b'{"instances": [{"amount": 1e999}]}', "/instances/0/amount"),
    "5,000 digits": (b'{"instances": [{"a/b": ' + b"9" * 5_000 + b"}]}", "/instances/0/a~1b"),
    "below an endless key": (
        b'{"instances": [{"' + b"x" * 1_000 + b'": NaN}]}',
        "/instances/0",
    ),
}


@pytest.mark.parametrize(("content", "field"), ODD_NUMBERS.values(), ids=ODD_NUMBERS.keys())
def test_a_number_that_no_json_has_is_refused_with_its_field(
    ask: Ask, content: bytes, field: str
) -> None:
    answer = ask("POST", PREDICT, content=content, headers=JSON)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert "99999" not in answer.text


def test_a_long_body_is_not_read_twice_to_name_a_number(ask: Ask) -> None:
    content = b'{"instances": [[' + b"1," * 100_000 + b"NaN]]}"
    answer = ask("POST", PREDICT, content=content, headers=JSON)
    assert (answer.status_code, answer.json().get("field")) == (422, None)


def test_a_refusal_repeats_no_value(ask: Ask) -> None:
    for body in (rows(amount="4111-1111"), rows(country=41111111), rows(items=4111.1111)):
        answer = ask("POST", PREDICT, json=body)
        assert answer.status_code == 422
        assert "4111" not in answer.text


def test_a_refusal_repeats_a_key_shortened_and_escaped(ask: Ask) -> None:
    answer = ask("POST", PREDICT, json={"instances": [{**ROW, "\r\nx" + "y" * 100_000: 1}]})
    assert answer.status_code == 422
    assert len(answer.content) < 1_000
    assert "\\r\\nx" in answer.json()["detail"]


def test_more_instances_than_allowed_are_refused(ask: Ask) -> None:
    array = [1.0, 1, "de", True]
    answer = ask("POST", PREDICT, json={"instances": [array] * 10_001})
    assert (answer.status_code, answer.json()["wanted"]) == (422, 10_000)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_another_media_type_or_coding_is_refused(ask: Ask, headers: dict[str, str]) -> None:
    content = gzip.compress(orjson.dumps(rows()))
    assert ask("POST", PREDICT, content=content, headers=headers).status_code == 415


def test_a_charset_of_utf_8_is_fine(ask: Ask) -> None:
    headers = {"content-type": 'Application/JSON; charset="UTF-8"'}
    assert ask("POST", PREDICT, content=orjson.dumps(rows()), headers=headers).status_code == 200


NAMES = [
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "fraud%00",
    "fraud%0d%0aset-cookie:%20a=b",
    "%c0%ae%c0%ae",
    "%ff",
    "Fraud",
    "fraud.",
    "x" * 49,
    "x" * 60_000,
    "%E2%84%AA",
    "nobody",
    "",
]


@pytest.mark.parametrize("name", NAMES, ids=[repr(name[:20]) for name in NAMES])
@pytest.mark.parametrize("verb", ["", ":predict"])
def test_a_name_that_no_model_has_is_not_found(ask: Ask, name: str, verb: str) -> None:
    method = "POST" if verb else "GET"
    path = f"/v1/models/{name}{verb}"
    answer = ask(method, path, **({"json": rows()} if verb else {}))
    assert answer.status_code in (404, 405)
    assert len(answer.content) < 400
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", PREDICT, "POST"),
        ("OPTIONS", PREDICT, "POST"),
        ("POST", "/v1/models/fraud", "GET, HEAD"),
        ("DELETE", "/v1/models", "GET, HEAD"),
        ("POST", "/health/ready", "GET, HEAD"),
    ],
)
def test_another_method_is_refused(ask: Ask, method: str, path: str, allowed: str) -> None:
    answer = ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("[::1]:8080", 200),
        ("rebound.example", 421),
        ("127.0.0.1.rebound.example", 421),
        ("localhost@rebound.example", 421),
        ("", 421),
        ("[::1", 421),
        ("a b", 421),
    ],
)
def test_only_known_hosts_are_answered(ask: Ask, host: str, status: int) -> None:
    assert ask("GET", "/health/live", headers={"host": host}).status_code == status


def test_models_say_what_they_take(ask: Ask) -> None:
    listed = ask("GET", "/v1/models").json()
    assert [each["model"] for each in listed["models"]] == ["fraud", "price"]
    assert listed["without_champion"] == []
    model = ask("GET", "/v1/models/fraud").json()
    assert (model["version"], model["epoch"], model["task"]) == (1, 1, "classification")
    assert [(each["name"], each["type"]) for each in model["features"]] == [
        ("amount", "float64"),
        ("items", "int64"),
        ("country", "category"),
        ("is_new", "bool"),
    ]


def test_models_say_what_computes_them_and_how_far_it_agrees(ask: Ask) -> None:
    told = ask("GET", "/v1/models/fraud").json()
    assert told["plan"] == "linear"
    assert 0 <= told["agreement"]["max_difference"] <= 1e-9
    in_v2 = ask("GET", "/v2/models/fraud").json()["parameters"]
    assert (told["plan"], told["agreement"]) == (in_v2["plan"], in_v2["agreement"])


def test_health_says_what_is_served(ask: Ask) -> None:
    assert ask("GET", "/health/live").json() == {"status": "live"}
    ready = ask("GET", "/health/ready").json()
    assert (ready["status"], ready["reasons"]) == ("ready", [])
    assert ready["serving"]["price"]["version"] == 1


def test_the_log_has_what_was_answered_without_what_is_left_out(
    ask: Ask, steady: Application
) -> None:
    from tenure import predictions

    answer = ask("POST", PREDICT, json={"instances": [ROW, ROW], "ids": ["log-1", "log-2"]})
    steady.core.log.flush()
    logged = predictions.read("fraud", steady.core.router.workspace)
    mine = logged[logged["id"].isin(["log-1", "log-2"])]
    assert mine["prediction"].tolist() == answer.json()["predictions"]
    assert mine["probability.fraud"].tolist() == [row[1] for row in answer.json()["probabilities"]]
    assert mine["input.amount"].tolist() == [12.5, 12.5]
    assert mine["input.is_new"].tolist() == [True, True]
    assert "input.country" not in logged
    assert mine[["version", "epoch", "slot"]].values.tolist() == [[1, 1, "champion"]] * 2
