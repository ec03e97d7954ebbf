"""A body is taken within its limits, whatever its length was said to be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tenure.serving.bodies import ClientLeft, read_body
from tenure.serving.limits import Limits
from tenure.serving.problems import Problem

LIMITS = Limits(body_bytes=10, body_timeout_s=0.05)


def pieces(*bodies: bytes, stalls: bool = False) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A client that sends these pieces, and then nothing, or that was all."""
    waiting = list(bodies)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting) or stalls}

    return receive


def test_pieces_are_joined() -> None:
    assert asyncio.run(read_body({}, pieces(b"12345", b"", b"67890"), LIMITS)) == b"1234567890"


@pytest.mark.parametrize(
    ("declared", "sent", "status"),
    [
        (None, (b"12345678901",), 413),
        (None, (b"1234567890", b"1"), 413),
        (b"11", (), 413),
        (b"9" * 5_000, (), 413),
        (b"3", (b"12345678901",), 413),
        (b"-1", (), 400),
        (b"1e3", (), 400),
        (b"", (), 400),
    ],
)
def test_a_body_beyond_the_cap_is_refused(
    declared: bytes | None, sent: tuple[bytes, ...], status: int
) -> None:
    headers = {} if declared is None else {b"content-length": declared}
    with pytest.raises(Problem) as refused:
        asyncio.run(read_body(headers, pieces(*sent), LIMITS))
    assert refused.value.status == status
    assert (b"connection", b"close") in refused.value.headers


@pytest.mark.parametrize("sent", [(), (b"1",), (b"1", b"2")])
def test_a_body_that_stalls_is_given_up(sent: tuple[bytes, ...]) -> None:
    with pytest.raises(Problem) as refused:
        asyncio.run(read_body({}, pieces(*sent, stalls=True), LIMITS))
    assert refused.value.status == 408


def test_a_client_that_leaves_is_no_problem_of_the_server() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientLeft):
        asyncio.run(read_body({}, gone, LIMITS))
