"""Health, metadata and the repository of the open protocol, and what has no address in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from tenure.serving import build_app
from tenure.workspace import Workspace
from tests.unit.serving import lives

Ask = Callable[..., httpx.Response]


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_says_what_it_is(ask: Ask, path: str) -> None:
    said = ask("GET", path).json()
    assert said["name"] == "tenure"
    assert said["extensions"] == ["binary_tensor_data", "model_repository"]


def test_health_is_told(ask: Ask) -> None:
    assert ask("GET", "/v2/health/live").json() == {"live": True}
    assert ask("GET", "/v2/health/ready").json() == {"ready": True}
    assert ask("HEAD", "/v2/health/ready").status_code == 200


def test_a_server_without_its_champions_is_not_ready(living: Workspace) -> None:
    app = build_app(living)

    async def look() -> httpx.Response:
        async with lives.client_of(app) as client:
            return await client.get("/v2/health/ready")

    answer = asyncio.run(look())
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert "The ledger was not read yet." in answer.json()["error"]
    assert answer.headers["retry-after"] == "1"
    app.core.close()


@pytest.mark.parametrize("version", ["", "/versions/1"])
def test_a_model_says_what_it_takes_and_gives(ask: Ask, version: str) -> None:
    said = ask("GET", f"/v2/models/fraud{version}").json()
    assert (said["name"], said["versions"], said["platform"]) == ("fraud", ["1"], "sklearn")
    assert [(each["name"], each["datatype"], each["shape"]) for each in said["inputs"]] == [
        ("amount", "FP64", [-1]),
        ("items", "INT64", [-1]),
        ("country", "BYTES", [-1]),
        ("is_new", "BOOL", [-1]),
    ]
    assert [(each["name"], each["datatype"], each["shape"]) for each in said["outputs"]] == [
        ("predict", "BYTES", [-1]),
        ("predict_proba", "FP64", [-1, 2]),
    ]
    assert said["outputs"][1]["parameters"] == {"classes": ["fine", "fraud"]}
    ready = ask("GET", f"/v2/models/fraud{version}/ready")
    assert (ready.status_code, ready.json()) == (200, {"name": "fraud", "ready": True})


def test_the_repository_lists_what_serves(ask: Ask) -> None:
    both = [
        {"name": name, "version": "1", "state": "READY", "reason": ""}
        for name in ("fraud", "price")
    ]
    for body in (b"", b"{}", b'{"ready": true}', b'{"ready": false}'):
        assert ask("POST", "/v2/repository/index", content=body).json() == both


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"ready": 1}', b"\xff"])
def test_an_index_asked_for_wrongly_is_refused(ask: Ask, body: bytes) -> None:
    answer = ask("POST", "/v2/repository/index", content=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_the_repository_lists_what_does_not_serve(living: Workspace) -> None:
    lives.write_spec(living, "slow")
    app = build_app(living)
    app.core.router.look()

    async def index(body: bytes) -> list[dict[str, str]]:
        async with lives.client_of(app) as client:
            return (await client.post("/v2/repository/index", content=body)).json()

    absent = [each for each in asyncio.run(index(b"")) if each["name"] == "slow"]
    assert absent == [
        {"name": "slow", "version": "", "state": "UNAVAILABLE", "reason": "It has no champion."}
    ]
    ready = asyncio.run(index(b'{"ready": true}'))
    assert [each["name"] for each in ready] == ["fraud", "price"]
    app.core.close()


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_slots_are_the_ledgers_business(ask: Ask, verb: str) -> None:
    answer = ask("POST", f"/v2/repository/models/fraud/{verb}", json={})
    assert answer.status_code == 400
    assert "decided and recorded in the ledger" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/unknown",
        "/v2/models/fraud/versions/9",
        "/v2/models/fraud/versions/9/ready",
        "/v2/models/fraud/versions/0",
        "/v2/models/fraud/versions/x",
        "/v2/models/fraud/versions/99999999999999999999",
        "/v2/models/FRAUD",
        "/v2/models/%2e%2e/ready",
        "/v2/models/fraud%0d%0a",
        "/v2/models/fraud/config",
        "/v2/models/fraud/",
        "/v2/models/" + "f" * 49,
        "/v2/nothing",
        "/v2/health",
    ],
)
def test_what_does_not_exist_is_not_found(ask: Ask, path: str) -> None:
    answer = ask("GET", path)
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v2/models/fraud/infer", "POST"),
        ("POST", "/v2/models/fraud", "GET, HEAD"),
        ("DELETE", "/v2", "GET, HEAD"),
        ("GET", "/v2/repository/index", "POST"),
        ("PUT", "/v2/health/live", "GET, HEAD"),
    ],
)
def test_another_method_is_refused(ask: Ask, method: str, path: str, allowed: str) -> None:
    answer = ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert list(answer.json()) == ["error"]


def test_who_gets_to_no_door_is_refused_in_this_protocol_s_shape(ask: Ask) -> None:
    answer = ask("GET", "/v2/models/fraud", headers={"host": "elsewhere.example"})
    assert (answer.status_code, list(answer.json())) == (421, ["error"])
    answer = ask("GET", "/v1/models/fraud", headers={"host": "elsewhere.example"})
    assert (answer.status_code, answer.json()["status"]) == (421, 421)
