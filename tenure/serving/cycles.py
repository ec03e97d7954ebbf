"""How does one request get its answer onto its connection, at the least cost?

uvicorn's request and response, with three things cheaper: a body that is there already is taken
without waiting for it, an answer is written in one piece, and a request that needs to wait for
nothing is answered without a task of its own. To an application that knows nothing of this it is
plain ASGI; one that does finds it by `Cycle.of`.
"""

from __future__ import annotations

import asyncio
import contextvars
import types
from collections.abc import Coroutine, Generator
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from tenure.serving.problems import CLOSE, Headers


class Lasting(list[tuple[bytes, bytes]]):
    """Headers that many answers have, and that nobody changes.

    Attributes:
        lines: how they are written.
    """

    __slots__ = ("lines",)

    def __init__(self, headers: Headers) -> None:
        super().__init__(headers)
        self.lines = _lines(headers)


_last_default: tuple[Headers, bytes] = [], b""


def head_of(status: int, default: Headers, headers: Headers, length: int) -> bytes:
    """Return the head of an answer.

    Args:
        status: the HTTP status.
        default: the server's own headers.
        headers: the answer's; names in lower case; without the body's length.
        length: of the body.

    Raises:
        ValueError: a header holds a line break.
    """
    global _last_default
    lines = headers.lines if type(headers) is Lasting else _lines(headers)
    last, ours = _last_default
    if last is not default:
        # They change once a second: the date is among them.
        ours = _lines(default)
        _last_default = default, ours
    return b"%b%b%bcontent-length: %d\r\n\r\n" % (STATUS_LINE[status], ours, lines, length)


def _lines(headers: Headers) -> bytes:
    lines = b"".join([b"%b: %b\r\n" % each for each in headers])
    if lines.count(b"\n") != len(headers):
        raise ValueError("a header holds a line break")
    return lines


class Cycle(RequestResponseCycle):
    """One request and its response.

    Attributes:
        is_late: whether the body did not arrive within its time.
    """

    # uvicorn wakes its event; this one wakes itself, and does not hold itself.
    message_event: Any = property(lambda self: self, lambda self, _: None)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(message_event=None, **kwargs)  # type: ignore[arg-type]
        self.is_late = self._is_fresh = False
        self._waiter: asyncio.Future[None] | None = None

    @staticmethod
    def of(called: Any) -> Cycle | None:
        """Return whose `send` or `receive` this is, None if it is another server's."""
        owner = getattr(called, "__self__", None)
        return owner if type(owner) is Cycle else None

    def set(self) -> None:
        """Tell whoever waits in `receive` that something has happened."""
        self._is_fresh = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def whole(self) -> bytes | None:
        """Return the body if all of it is there; it is taken by this."""
        if self.more_body or self.disconnected or self.response_complete:
            return None
        body, self.body = bytes(self.body), bytearray()
        self._is_fresh = False
        return body

    def respond(self, status: int, headers: Headers, body: bytes) -> bool:
        """Write a whole answer; say False, having done nothing, where the client reads too slowly.

        Args:
            status: the HTTP status.
            headers: names in lower case; without the body's length.
            body: all of it.

        Raises:
            ValueError: a header holds a line break.
        """
        if self.flow.write_paused:
            return False
        if self.disconnected:
            return True
        if not self.keep_alive or CLOSE in headers:
            self.keep_alive = False
            headers = [*(each for each in headers if each != CLOSE), CLOSE]
        head = head_of(status, self.default_headers, headers, len(body))
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(head if self.scope["method"] == "HEAD" else head + body)
        self.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True

    async def receive(self) -> Any:
        """Return the next piece of the body, or that the client has left (ASGI 3)."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            while not self._is_fresh:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
            self._is_fresh = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}


def run_at_once(
    work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[None] | None:
    """Run a coroutine now as far as it gets without waiting; return the task of what is left.

    Until it waits for the first time there is no current task.
    """
    context = contextvars.copy_context()
    try:
        awaited = context.run(work.send, None)
    except StopIteration:
        return None
    rest: Any = _rest(work, awaited)
    return loop.create_task(rest, context=context)


@types.coroutine
def _rest(work: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    # What `await work` does, from after its first step: its caller's task waits for what it waits.
    try:
        while True:
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 - cancelled, say: it is the coroutine's
                awaited = work.throw(error)
            else:
                awaited = work.send(sent)
    except StopIteration:
        return
