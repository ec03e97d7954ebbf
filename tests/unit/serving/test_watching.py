"""Spans, lines and CORS: what happens around a request when a server is told so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tenure.serving.application import Application
from tenure.serving.journal import ACCESS, JsonLines, TextLines, escaped
from tenure.serving.tracing import Traces
from tenure.serving.watching import Watching
from tests.unit.serving import lives
from tests.unit.serving.lives import ROW

PREDICT = "/v1/models/fraud:predict"
BODY = {"instances": [{**ROW, "country": "SECRET"}, ROW]}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def watched(steady: Application) -> Iterator[Application]:
    yield steady
    steady.watching = None


def call(app: Application, method: str, path: str, **what: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        async with lives.client_of(app) as client:
            return await client.request(method, path, **what)

    return asyncio.run(go())


def test_a_span_names_what_answered_and_hands_the_trace_on(watched: Application) -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    watched.watching = Watching(Traces(provider), access_log=False, cors_origins=())
    headers = {"traceparent": PARENT, "tracestate": "a=b"}
    answer = call(watched, "POST", PREDICT, json=BODY, headers=headers)
    alone = call(watched, "GET", "/v1/models")
    first, second = kept.get_finished_spans()
    assert first.name == "v1 POST"
    assert first.parent is not None
    assert f"{first.parent.span_id:016x}" == "b7ad6b7169203331"
    assert dict(first.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "tenure.door": "v1",
        "tenure.model": "fraud",
        "tenure.version": 1,
        "tenure.slot": "champion",
        "tenure.epoch": 1,
        "tenure.rows": 2,
    }
    assert "SECRET" not in first.to_json()
    assert first.context is not None
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert answer.headers["traceparent"] == f"00-{trace}-{first.context.span_id:016x}-01"
    assert answer.headers["tracestate"] == "a=b"
    assert second.parent is None
    assert "traceparent" in alone.headers


@pytest.mark.parametrize("broken", ["", "x", "00-0-0-01", "\r\nx", "0" * 9_000])
def test_a_broken_traceparent_begins_a_trace_of_its_own(watched: Application, broken: str) -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    watched.watching = Watching(Traces(provider), access_log=False, cors_origins=())
    headers = [(b"traceparent", broken.encode())]
    assert call(watched, "GET", "/health/live", headers=headers).status_code == 200
    [span] = kept.get_finished_spans()
    assert span.parent is None


def test_a_line_a_request_holds_no_value(
    watched: Application, caplog: pytest.LogCaptureFixture
) -> None:
    watched.watching = Watching(None, access_log=True, cors_origins=())
    with caplog.at_level(logging.INFO, logger=ACCESS):
        call(watched, "POST", PREDICT, json=BODY)
        call(watched, "GET", "/v1/models/fraud%0d%0aforged?token=SECRET")
    one, two = caplog.records
    facts = orjson.loads(JsonLines().format(one))
    assert (facts["status"], facts["model"], facts["rows"]) == (200, "fraud", 2)
    lines = [TextLines("%(message)s").format(each) for each in (one, two)]
    lines += [JsonLines().format(each) for each in (one, two)]
    assert "SECRET" not in "".join(lines)
    assert not any("\n" in line or "\r" in line for line in lines)


def test_control_characters_are_escaped() -> None:
    assert escaped("a\r\nb\x1b[31m\u2028c") == r"a\r\nb\x1b[31m\u2028c"
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", ("a\nERROR forged",), None)
    assert "\n" not in TextLines("%(message)s").format(record)
    assert orjson.loads(JsonLines().format(record))["message"] == "a\nERROR forged"
    try:
        raise ValueError("boom")
    except ValueError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    assert "boom" in TextLines("%(message)s").format(record)
    assert "boom" in orjson.loads(JsonLines().format(record))["traceback"]


SHOP = {"origin": "https://shop.example"}


def test_a_browser_may_ask_only_from_an_origin_that_is_named(watched: Application) -> None:
    preflight = {"access-control-request-method": "POST"}
    for origin in (SHOP, {"origin": "https://evil.example"}):
        answer = call(watched, "OPTIONS", PREDICT, headers={**origin, **preflight})
        assert "access-control-allow-origin" not in answer.headers
    watched.watching = Watching(None, access_log=False, cors_origins=("https://shop.example/",))
    answer = call(watched, "OPTIONS", PREDICT, headers={**SHOP, **preflight})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert "authorization" in answer.headers["access-control-allow-headers"]
    answer = call(watched, "POST", PREDICT, json=BODY, headers=SHOP)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["vary"] == "origin"
    for origin in ("https://evil.example", "null", "https://shop.example.evil"):
        answer = call(watched, "POST", PREDICT, json=BODY, headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        refused = call(watched, "OPTIONS", PREDICT, headers={"origin": origin, **preflight})
        assert refused.status_code == 405
