"""How does a request's body get into memory without costing more than it may?

A declared length beyond the cap is refused before a byte is read; an undeclared one is counted
while it arrives; a body that does not arrive in time ends with 408. The connection is closed with
each of these answers, since the rest of the body would be read as the next request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tenure.serving.cycles import Cycle
from tenure.serving.limits import Limits
from tenure.serving.problems import CLOSE, Problem

Receive = Callable[[], Awaitable[dict[str, Any]]]

__all__ = ["CLOSE", "ClientLeft", "Receive", "read_body"]


class ClientLeft(Exception):
    """The client closed its connection; there is nobody to answer."""


async def read_body(headers: dict[bytes, bytes], receive: Receive, limits: Limits) -> bytes:
    """Return a request's whole body.

    Raises:
        Problem: 400 for a length that is no number, 413 beyond the cap, 408 if it stalls.
        ClientLeft: the connection ended first.
    """
    cycle = Cycle.of(receive)  # where it knows that all is there, nothing need be waited for
    if cycle is not None:
        body = cycle.whole()
        if body is not None:
            if len(body) > limits.body_bytes:
                raise _too_long(limits)
            return body
        if cycle.is_late:
            raise _stalled(limits)
    _check_declared(headers.get(b"content-length"), limits)
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            return await _collect(receive, limits)
    except TimeoutError:
        raise _stalled(limits) from None


def _stalled(limits: Limits) -> Problem:
    detail = f"The body did not arrive within {limits.body_timeout_s:g} s."
    return Problem(408, "body-stalled", detail, headers=[CLOSE])


async def _collect(receive: Receive, limits: Limits) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        if len(body) > limits.body_bytes:
            raise _too_long(limits)
        if not message.get("more_body", False):
            return bytes(body)


def _check_declared(declared: bytes | None, limits: Limits) -> None:
    if declared is None:
        return
    if not declared.isdigit():
        raise Problem(400, "bad-length", "Content-Length is no number.", headers=[CLOSE])
    if len(declared) > 18 or int(declared) > limits.body_bytes:
        raise _too_long(limits)


def _too_long(limits: Limits) -> Problem:
    detail = f"The body is longer than {limits.body_bytes} bytes. Send fewer instances at once."
    return Problem(413, "body-too-long", detail, headers=[CLOSE], wanted=limits.body_bytes)
