"""How long and how large may a request's head be?

uvicorn has limits for neither, so that a client that sends a header a minute holds its connection
for ever. This protocol bounds both: it answers 431 or 408 and closes. While the server drains,
every answer tells its client to use another connection, so that none is cut off at the end.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tenure.serving.limits import Limits
from tenure.serving.problems import MEDIA_TYPE, Problem

_MANY_HEADERS = 100


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on a request's head."""

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrived = 0
        self._parsed = 0
        self._head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock with the connection: one that sends nothing is closed as well."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._head_is_done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and count them while they make no whole head."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._head_due is None and self._is_idle():
            self._expect_head()
        if self._head_due is not None:
            self._arrived += len(data)
            self._bound(self._arrived)

    def on_message_begin(self) -> None:
        """Start the clock for this request's head."""
        super().on_message_begin()
        self._arrived = self._parsed = 0
        if self._head_due is None:
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        """Count a piece of the address."""
        self._parsed += len(url)
        self._bound(self._parsed)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._parsed += len(name) + len(value) + 4
        self._bound(self._parsed)
        if len(self.headers) >= _MANY_HEADERS:
            self._refuse_head(431, f"There are more than {_MANY_HEADERS} headers.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its head was refused."""
        self._head_is_done()
        if self.transport.is_closing():
            return
        super().on_headers_complete()
        if getattr(self.server_state, "is_draining", False):
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body, unless the head was refused."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Hand on the end of the body, unless the head was refused."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head_due = self.loop.call_later(self.limits.header_timeout_s, self._head_is_late)

    def _head_is_done(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _head_is_late(self) -> None:
        self._head_due = None
        if not self._is_idle():
            self._expect_head()  # an earlier request of this connection is still being answered
        elif self._arrived:
            self._refuse_head(408, f"No whole head within {self.limits.header_timeout_s:g} s.")
        else:
            self.transport.close()

    def _bound(self, length: int) -> None:
        if length > self.limits.header_bytes:
            self._refuse_head(431, f"The head is longer than {self.limits.header_bytes} bytes.")

    def _refuse_head(self, status: int, detail: str) -> None:
        if self.transport.is_closing():
            return
        body = Problem(status, "bad-head", detail).body()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            % (status, HTTPStatus(status).phrase.encode(), MEDIA_TYPE, len(body))
            + body
        )
        self.transport.close()
