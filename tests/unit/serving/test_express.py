"""Is a request of a known head and form answered as the ordinary way answers it?"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st

from tenure import predictions
from tenure.serving import build_app
from tenure.serving.access import Access
from tenure.serving.application import Application
from tenure.serving.connections import BoundedProtocol
from tenure.serving.heads import Express, Heads
from tenure.serving.keys import Role, add_key
from tenure.serving.limits import Limits
from tenure.serving.oip.asking import Reader
from tenure.serving.problems import Problem
from tenure.workspace import Workspace
from tests.unit.serving import lives

ADDRESS = "/v2/models/fraud/infer"


def tensor(name: str, datatype: str, value: Any, shape: tuple[int, ...] = (1, 1)) -> dict[str, Any]:
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": [value]}


def request(
    amount: Any = 12.5, items: Any = 3, country: Any = "de", is_new: Any = True, **more: Any
) -> dict[str, Any]:
    inputs = [
        tensor("amount", "FP64", amount),
        tensor("items", "INT64", items),
        {**tensor("country", "BYTES", country), "parameters": {"content_type": "str"}},
        tensor("is_new", "BOOL", is_new, (1,)),
    ]
    return {"id": "one", "inputs": inputs, **more}


def post(body: dict[str, Any] | bytes, address: str = ADDRESS, **headers: str) -> bytes:
    said = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = {"host": "127.0.0.1", "content-type": "application/json", **headers}
    head = f"POST {address} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items())
    return f"{head}content-length: {len(said)}\r\n\r\n".encode() + said


class Wire:
    """Real sockets to servers of one application: one that knows heads, and one that does not."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.at_once = 0
        self._writers: list[asyncio.StreamWriter] = []
        heads = Heads(self._made)
        self.knowing = type("Knowing", (BoundedProtocol,), {"limits": Limits(), "heads": heads})
        self.plain = type("Plain", (BoundedProtocol,), {"limits": Limits()})

    def _made(self, scope: dict[str, Any]) -> Express | None:
        express = self.app.express(scope)
        if express is None:
            return None

        def counted(body: bytes) -> Any:
            found = express(body)
            self.at_once += found is not None
            return found

        return counted

    def hang_up(self, place: int) -> None:
        """Leave a connection, the one at a place in the order they were made in."""
        self._writers[place].close()

    def run(self, go: Callable[[], Awaitable[None]]) -> None:
        """Run a test's part, and hang up."""

        async def whole() -> None:
            try:
                await go()
            finally:
                for each in self._writers:
                    each.close()
                    await each.wait_closed()
                await asyncio.sleep(0.01)

        asyncio.run(whole())

    async def connect(self, kind: Any) -> Callable[..., Awaitable[bytes]]:
        config = uvicorn.Config(self.app, http=kind, ws="none", lifespan="off", log_config=None)  # type: ignore[arg-type]
        config.load()
        state = self.state = uvicorn.Server(config).server_state
        ours, theirs = socket.socketpair()
        make = partial(kind, config=config, server_state=state, app_state={})
        await asyncio.get_running_loop().connect_accepted_socket(make, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        self._writers.append(writer)

        async def say(*pieces: bytes, answers: int = 1) -> bytes:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            found = b""
            for _ in range(answers):
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head)
                assert length is not None
                found += re.sub(rb"date: [^\r]*\r\n", b"", head)
                found += await reader.readexactly(int(length[1]))
            return found

        return say


@pytest.fixture
def wire(living: Workspace) -> Iterator[Wire]:
    app = build_app(living)
    app.core.router.look()
    app.core.log.start()
    yield Wire(app)
    app.core.log.close()
    app.core.engine.close()


def test_all_ways_say_the_same(wire: Wire) -> None:
    said = [
        *[request()] * 8,
        request(amount=0.25, country="at", is_new=False, items=1),
        request(amount=7),
        request(amount=None),
        request(country="nowhere"),
        request(country=None),
        request(items=2.5),
        request(items="many"),
        request(is_new=1),
        request(amount=1e300),
        {**request(), "outputs": [{"name": "predict_proba"}]},
        {**request(), "id": "x" * 121},
        {**request(), "id": ""},
        {"inputs": []},
    ]

    async def go() -> None:
        quick, plain = await wire.connect(wire.knowing), await wire.connect(wire.plain)
        for body in said:
            found, wanted = await quick(post(body)), await plain(post(body))
            if body.get("id") == "":
                found, wanted = (re.sub(rb'"id":"\w+"', b"", each) for each in (found, wanted))
            assert found == wanted, body

    wire.run(go)
    # Three make the form known, two of a length the head; so it was the other way as well.
    assert 0 < wire.at_once < len(said)


def test_a_body_may_come_by_itself_in_pieces_or_with_the_next(wire: Wire) -> None:
    async def go() -> None:
        quick, plain = await wire.connect(wire.knowing), await wire.connect(wire.plain)
        whole = post(request())
        head, body = whole[: whole.index(b"\r\n\r\n") + 4], whole.partition(b"\r\n\r\n")[2]
        wanted = await plain(whole)
        for _ in range(6):
            assert await quick(head, body) == wanted
        before = wire.at_once
        assert await quick(head, body) == wanted
        assert wire.at_once == before + 1
        assert await quick(head, body[:10], body[10:]) == wanted
        assert await quick(whole[:30], whole[30:]) == wanted
        assert await quick(whole + whole, answers=2) == wanted * 2
        assert await quick(whole + whole[:40], whole[40:], answers=2) == wanted * 2
        assert await quick(head, body + whole, answers=2) == wanted * 2
        assert await quick(whole) == wanted
        assert wire.at_once == before + 2

    wire.run(go)


def test_a_body_that_does_not_come_is_given_up_and_a_stopping_server_waits_for_it(
    wire: Wire,
) -> None:
    whole = post(request())
    head, body = whole[: whole.index(b"\r\n\r\n") + 4], whole.partition(b"\r\n\r\n")[2]

    async def go() -> None:
        quick = await wire.connect(wire.knowing)
        for _ in range(6):
            await quick(head, body)
        assert wire.at_once
        (connection,) = wire.state.connections
        assert connection.cycle.response_complete
        asked = asyncio.create_task(quick(head, b"", body))
        await asyncio.sleep(0.005)
        connection.settle()
        assert not connection.cycle.response_complete
        assert (await asked).startswith(b"HTTP/1.1 200")
        for _ in range(3):
            await quick(head, body)
        connection.limits = replace(connection.limits, body_timeout_s=0.05)
        assert (await quick(head)).startswith(b"HTTP/1.1 408")

    wire.run(go)


def test_a_head_that_says_more_about_its_connection_goes_the_ordinary_way(wire: Wire) -> None:
    async def go() -> None:
        for said, is_at_once in (("keep-alive", True), ("close, te", False)):
            quick = await wire.connect(wire.knowing)
            before = wire.at_once
            for _ in range(6):
                found = await quick(post(request(), connection=said))
                if b"connection: close" in found:
                    break
            assert (wire.at_once > before) is is_at_once

    wire.run(go)


def test_what_changes_meanwhile_is_asked_each_time(wire: Wire, living: Workspace) -> None:
    app = wire.app

    async def go() -> None:
        quick = await wire.connect(wire.knowing)
        for _ in range(6):
            found = await quick(post(request()))
        assert wire.at_once
        assert b"tenure-version: 1\r\ntenure-epoch: 1\r\n" in found

        lives.promote(living, 2)
        app.core.router.look()
        for _ in range(5):
            found = await quick(post(request()))
            assert b"tenure-version: 2\r\ntenure-epoch: 2\r\n" in found
        before = wire.at_once
        await quick(post(request()))
        assert wire.at_once == before + 1

        add_key(living, "someone", roles=[Role.PREDICT], models=None, actor=lives.ACTOR)
        assert isinstance(app.admission, Access)
        app.admission.look()
        found = await quick(post(request()))
        assert found.startswith(b"HTTP/1.1 401")

    wire.run(go)
    app.core.log.flush()
    kept = predictions.read("fraud", living)
    assert len(kept) == 12, "each answer is logged once, and what was refused is not"
    assert kept["version"].tolist().count(2) == 6
    assert "input.country" not in kept, "the spec leaves it out"


def test_a_wrong_host_or_address_is_never_learned(wire: Wire) -> None:
    scope = {"method": "POST", "path": ADDRESS, "query_string": b""}
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]

    async def go() -> None:
        plain = await wire.connect(wire.plain)
        await plain(post(request()))

    wire.run(go)
    assert wire.app.express({**scope, "headers": headers}) is not None
    for other in (
        {"headers": [(b"host", b"elsewhere.example"), *headers[1:]]},
        {"headers": [*headers, (b"content-encoding", b"gzip")]},
        {"headers": [*headers, (b"tenure-slot", b"champion")]},
        {"headers": [headers[0], (b"content-type", b"text/plain")]},
        {"headers": headers, "query_string": b"key=1"},
        {"headers": headers, "method": "GET"},
        {"headers": headers, "path": "/v2/models/other/infer"},
        {"headers": headers, "path": "/v1/models/fraud:predict"},
    ):
        assert wire.app.express({**scope, **other}) is None, other


def reader_of(app: Application, *, knows: bytes | None = None) -> Reader:
    reference = app.core.router.reference("fraud")
    assert reference is not None
    reader = Reader(reference.runtime, Limits())
    for _ in range(3):
        if knows is not None:
            reader.read(knows, None)
    return reader


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["de", "at", "ng"]),
)
_TOKENS = st.sampled_from(
    [
        b"01",
        b"1e999",
        b"-",
        b"NaN",
        b"1_0",
        b"1.",
        b".5",
        b"+1",
        b'"a\\"b"',
        b'"a"b"',
        b"[1]",
        b"1,2",
        b"tru",
        b"-0",
        b"1e5",
        b"1E+2",
        b"{}",
        b"",
        b'"\x01"',
        b"9" * 5000,
        b'"' + b"z" * 200 + b'"',
    ]
)


@settings(max_examples=120, deadline=None)
@given(
    values=st.lists(_VALUES, min_size=4, max_size=4),
    token=st.none() | st.tuples(st.integers(0, 3), _TOKENS),
    indent=st.sampled_from([None, 1]),
)
def test_a_known_form_gives_what_the_ordinary_way_gives(
    steady: Application, values: list[Any], token: tuple[int, bytes] | None, indent: int | None
) -> None:
    knowing = reader_of(steady, knows=json.dumps(request(), indent=indent).encode())
    marks = [f"@{place}@" for place in range(4)] if token else values
    text = json.dumps(request(*marks), indent=indent)
    if token is not None:
        for place, value in enumerate(values):
            said = token[1] if place == token[0] else json.dumps(value).encode()
            text = text.replace(f'"@{place}@"', said.decode("latin-1"))
    body = text.encode("latin-1") if token else text.encode()
    found = knowing.of_known_form(body)
    try:
        ask, wanted = reader_of(steady).read(body, None)
    except Problem:
        assert found is None
        return
    if found is not None:
        assert (found[0].columns, found[0].ids) == (
            {name: tuple(values) for name, values in ask.columns.items()},
            ask.ids,
        )
        assert found[1] == wanted
    if values[0] == 2.5 and values[2] == "de":
        assert found is not None


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("more", [{}, {"parameters": {"content_type": "pd", "id": "x"}}])
def test_a_form_is_learned_whatever_its_spelling(
    steady: Application, indent: int | None, more: dict[str, Any]
) -> None:
    said = json.dumps(request(**more), indent=indent).encode()
    knowing = reader_of(steady, knows=said)
    found = knowing.of_known_form(said.replace(b"12.5", b"99.25").replace(b'"one"', b'"two"'))
    assert found is not None
    assert found[0].columns["amount"] == (99.25,)
    assert found[1].request_id == "two"


def test_what_names_a_thing_twice_is_not_learned(steady: Application) -> None:
    said = orjson.dumps(request()).replace(b'"data":[12.5]', b'"data":[1.0],"data":[12.5]')
    knowing = reader_of(steady, knows=said)
    assert knowing.of_known_form(said) is None
    assert knowing.read(said, None)[0].columns["amount"] == [12.5]
