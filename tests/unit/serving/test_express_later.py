"""Is a request of a known head that waits for its estimator answered as the ordinary way would?"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tenure import predictions
from tenure.serving import build_app
from tenure.serving.runtime import Predicted, Runtime
from tenure.workspace import Workspace
from tests.unit.serving.test_express import Wire, post, request

_NUMBER = re.compile(rb"0\.\d+(?:e-\d+)?")
_LENGTH = re.compile(rb"content-length: \d+")


class Held:
    """Estimators that predict when they may, and what they are asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_go, self.has_begun = threading.Event(), threading.Event()
        self.may_go.set()
        self.rows: list[int] = []
        self.error: Exception | None = None
        predict = Runtime.predict

        def held(runtime: Runtime, frame: Any, *, probabilities: bool) -> Predicted:
            self.rows.append(len(frame))
            self.has_begun.set()
            assert self.may_go.wait(60)
            if self.error is not None:
                raise self.error
            return predict(runtime, frame, probabilities=probabilities)

        monkeypatch.setattr(Runtime, "predict", held)

    async def hold(self) -> None:
        """Wait until one is computed, which is then held up."""
        await asyncio.to_thread(self.has_begun.wait, 60)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


@pytest.fixture
def wire(living: Workspace, held: Held) -> Iterator[Wire]:
    app = build_app(living)
    app.core.router.look()
    app.core.log.start()
    reference = app.core.router.reference("fraud")
    assert reference is not None
    object.__setattr__(reference.runtime, "compiled", None)
    yield Wire(app)
    held.may_go.set()
    app.core.log.close()
    app.core.engine.close()


async def known(wire: Wire, count: int = 1) -> list[Any]:
    """Return connections of a known head and form."""
    made = [await wire.connect(wire.knowing) for _ in range(count)]
    for say in (*made[:1] * 6, *made):
        await say(post(request()))
    assert wire.at_once
    wire.at_once = 0
    return made


def body(number: int) -> bytes:
    return post(request(amount=10.5 + number) | {"id": f"n{number:02d}"})


def shares(answer: bytes) -> list[float]:
    return [float(each) for each in _NUMBER.findall(answer)]


def plainly(answer: bytes) -> bytes:
    return _LENGTH.sub(b"", _NUMBER.sub(b"", answer))


def test_many_at_once_are_answered_as_the_ordinary_way_answers_each(wire: Wire, held: Held) -> None:
    async def go() -> None:
        plain = await wire.connect(wire.plain)
        wanted = [await plain(body(number)) for number in range(30)]
        held.rows.clear()
        many = await known(wire, 30)
        held.rows.clear()
        found = await asyncio.gather(*(say(body(n)) for n, say in enumerate(many)))
        for one, other in zip(found, wanted, strict=True):
            # Several rows in one call may differ in the last bit from each of them alone.
            assert shares(one) == pytest.approx(shares(other), rel=1e-12)
            assert plainly(one) == plainly(other)
        assert wire.at_once == len(found)
        assert sum(held.rows) == len(found)
        assert len(held.rows) < len(found) / 2, "they are computed together"
        assert wire.app.core.engine.in_flight == 0

    wire.run(go)
    wire.app.core.log.flush()
    kept = predictions.read("fraud", wire.app.core.router.workspace)
    assert len(kept) == 30 + 6 + 30 + 30, "each answer is logged once"


def test_whoever_leaves_before_its_turn_is_not_computed(wire: Wire, held: Held) -> None:
    async def go() -> None:
        first, second, third = await known(wire, 3)
        held.rows.clear()
        held.has_begun.clear()
        held.may_go.clear()
        asked = asyncio.create_task(first(body(1)))
        await held.hold()
        left = asyncio.create_task(second(body(2)))
        stays = asyncio.create_task(third(body(3)))
        while wire.app.core.engine.in_flight < 3:
            await asyncio.sleep(0.005)
        wire.hang_up(1)
        while wire.app.core.engine.in_flight > 2:
            await asyncio.sleep(0.005)
        held.may_go.set()
        with pytest.raises(asyncio.IncompleteReadError):
            await left
        assert (await asked).startswith(b"HTTP/1.1 200")
        assert (await stays).startswith(b"HTTP/1.1 200")
        assert held.rows == [1, 1]
        assert wire.app.core.engine.in_flight == 0

    wire.run(go)


def test_what_comes_behind_waits_and_is_answered_in_its_turn(wire: Wire, held: Held) -> None:
    async def go() -> None:
        plain = await wire.connect(wire.plain)
        wanted = b"".join([await plain(body(number)) for number in range(80)])
        (say,) = await known(wire)
        held.has_begun.clear()
        held.may_go.clear()
        asked = asyncio.create_task(say(*(body(number) for number in range(80)), answers=80))
        await held.hold()
        await asyncio.sleep(1)
        (waiting,) = [each for each in wire.state.connections if each.flow.read_paused]
        assert len(waiting._behind) < 64 * 1024
        held.may_go.set()
        assert await asked == wanted

    wire.run(go)


def test_a_server_that_stops_answers_it_and_then_hangs_up(wire: Wire, held: Held) -> None:
    async def go() -> None:
        (say,) = await known(wire)
        held.has_begun.clear()
        held.may_go.clear()
        asked = asyncio.create_task(say(body(1)))
        await held.hold()
        wire.state.is_draining = True
        (connection,) = wire.state.connections
        connection.shutdown()
        held.may_go.set()
        found = await asked
        assert found.startswith(b"HTTP/1.1 200")
        assert b"\r\nconnection: close\r\n" in found
        while wire.state.connections:
            await asyncio.sleep(0.005)

    wire.run(go)


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("12.5 is a row's value")])
def test_what_cannot_be_predicted_is_refused_alike(
    wire: Wire, held: Held, error: Exception
) -> None:
    async def go() -> None:
        plain = await wire.connect(wire.plain)
        (say,) = await known(wire)
        held.error = error
        wanted, found = await plain(body(1)), await say(body(1))
        assert wire.at_once == 1
        assert found.partition(b"\r\n")[0] == wanted.partition(b"\r\n")[0]
        if isinstance(error, ValueError):
            assert found == wanted
        assert b"12.5" not in found
        held.error = None
        assert (await say(body(2))).startswith(b"HTTP/1.1 200")

    wire.run(go)


def test_one_that_takes_too_long_is_told_so_once(wire: Wire, held: Held) -> None:
    async def go() -> None:
        first, second = await known(wire, 2)
        engine = wire.app.core.engine
        held.has_begun.clear()
        held.may_go.clear()
        engine.limits = replace(engine.limits, answer_s=0.2)
        asked = asyncio.create_task(first(body(1)))
        await held.hold()
        found, other = await asyncio.gather(asked, second(body(2)))
        assert found.startswith(b"HTTP/1.1 504")
        assert other.startswith(b"HTTP/1.1 503")
        assert b"\r\nretry-after: 2\r\n" in other
        held.may_go.set()
        engine.limits = replace(engine.limits, answer_s=60)
        assert (await first(body(1))).startswith(b"HTTP/1.1 200")
        assert engine.in_flight == 0

    wire.run(go)
