"""How long and how large may a request's head and body be, and how little may they cost?

uvicorn has limits for neither head nor body, so that a client that sends a header a minute holds
its connection for ever. This protocol bounds both: it answers 431 or 408 and closes. One clock a
connection looks at what is due, however many requests come. A request is handed on once its body is
there, if that is short; whatever needs no waiting is then answered without a task, and one whose
head came before without being parsed, be it that it waits for others or not. While the server
drains, every answer tells its client to use another connection, so that none is cut off at the end.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tenure.serving.cycles import Cycle, head_of, run_at_once
from tenure.serving.heads import END, Heads, Told
from tenure.serving.lanes import Waiting
from tenure.serving.limits import Limits
from tenure.serving.problems import CLOSE, MEDIA_TYPE, Problem

_MANY_HEADERS = 100
_MANY_ADDRESSES = 1_000
_SHORT_BODY = 64 * 1024
_MOST_READ = 20 * 1024
_NEVER = float("inf")
_METHODS = {
    each.encode(): each for each in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}

Address = tuple[str, bytes, bytes]


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on a request's head and body."""

    parser: Any
    limits = Limits()
    addresses: dict[bytes, Address] = {}  # noqa: RUF012 - each server's class has its own
    """Addresses that were asked lately, as they are decoded."""
    heads: Heads | None = None
    """Heads that were asked lately, None where no application knows what to do with them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrived = 0
        self._is_head_open = True
        self._is_after_another = False
        self._is_idle = False
        self._due_at = _NEVER
        self._clock: asyncio.TimerHandle | None = None
        self._ready: tuple[Cycle, Any] | None = None
        self._held = self._read = self._asked = self._behind = b""
        self._later: Waiting | None = None
        self._last: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.addresses = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock with the connection: one that sends nothing is closed as well."""
        super().connection_made(transport)
        self._due_at = self.loop.time() + self.limits.header_timeout_s
        self._clock = self.loop.call_at(self._due_at, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        if self._clock is not None:
            self._clock.cancel()
        self._ready, self._held = None, b""
        if self._later is not None:
            self._later.leave()
            self._later = None
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close the connection, or let its answer do so that is still to come."""
        if self._later is None:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and count them while they make no whole head."""
        if self.transport.is_closing():
            return
        if self.heads is None:
            self._take(data)
            return
        if self._later is not None:
            self._behind += data
            if len(self._behind) > _MOST_READ:
                self.flow.pause_reading()
            return
        if self._held:
            data, self._held = self._held + data, b""
        if self._is_idle:
            if self._is_answered(self.heads, data):
                return
            self._read, self._last = data, self.cycle
        elif self._read:
            self._read += data
        self._take(data)
        if self._read and self.cycle is not self._last and not self.cycle.more_body:
            read, self._read = self._read, b""
            self.heads.learn(read, self.scope)  # type: ignore[arg-type]
        elif len(self._read) > _MOST_READ:
            self._read = b""

    def settle(self) -> None:
        """Begin a request whose body is still to come: a server that stops waits for what began."""
        held, self._held = self._held, b""
        if held:
            self._take(held)

    def _is_answered(self, heads: Heads, data: bytes) -> bool:
        """Answer a request whose head is known, if all of it is there; say whether that was all."""
        end = data.find(END) + len(END)
        known = heads.find(data[:end])
        if known is None or getattr(self.server_state, "is_draining", False):
            return False
        most = self.limit_concurrency
        if self.flow.write_paused or (most is not None and len(self.connections) >= most):
            return False
        if len(data) == end and known.length:
            # Many clients send the body by itself. It has as long as any other.
            self._held = data
            self._due_at = self.loop.time() + self.limits.body_timeout_s
            self._set_clock()
            return True
        if len(data) != end + known.length:
            return False
        told = known.express(data[end:])
        if told is None:
            return False
        if isinstance(told, Waiting):
            told.tell = self._answer_later
            self._later, self._is_idle, self._asked, self._behind = told, False, data, b""
            self._due_at = _NEVER  # who computes looks at the time
        else:
            self._tell(told)
        return True

    def _tell(self, told: Told) -> None:
        status, headers, body = told
        head = head_of(status, self.server_state.default_headers, headers, len(body))
        self.transport.write(head + body)
        self.server_state.total_requests += 1
        self._due_at = self.loop.time() + self.limits.idle_s

    def _answer_later(self, told: Told | None) -> None:
        asked, behind = self._asked, self._behind
        is_for_us, self._later = self._later is not None, None
        self._asked = self._behind = b""
        if self.transport.is_closing() or not is_for_us:
            return
        self._is_idle = True
        self.flow.resume_reading()
        if told is None:
            self._take(asked)
        elif getattr(self.server_state, "is_draining", False):
            status, headers, body = told
            self._tell((status, [*headers, CLOSE], body))
            self.transport.close()
            return
        else:
            self._tell(told)
            self._set_clock()
        if behind:
            self.data_received(behind)

    def _take(self, data: bytes) -> None:
        self._arrived += len(data)
        self._is_after_another = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._ready = None
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")
            return
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        if self._is_head_open:
            if self._is_idle:
                self._expect_head()
            self._bound(self._arrived)
        if self._ready is not None:
            self._hand_on()

    def on_message_begin(self) -> None:
        """Start the clock for this request's head."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        if not self._is_head_open:
            self._is_head_open = True
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self.url += url

    def on_headers_complete(self) -> None:
        """Make the request, unless its head is beyond its bounds."""
        length, self._arrived = self._arrived, 0
        self._is_head_open = self._is_idle = False
        self._due_at = _NEVER
        if self.transport.is_closing():
            return
        if len(self.headers) > _MANY_HEADERS:
            self._refuse_head(431, f"There are more than {_MANY_HEADERS} headers.")
            return
        if length > self.limits.header_bytes or self._is_after_another:
            # What arrived is more than the head, or less: only then is it worth counting.
            self._bound(len(self.url) + sum(len(n) + len(v) + 4 for n, v in self.headers))
            if self.transport.is_closing():
                return
        self._begin()

    def _begin(self) -> None:
        version = self.parser.get_http_version()
        method = self.parser.get_method()
        path, raw_path, query = self.addresses.get(self.url) or self._address(self.url)
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "method": _METHODS.get(method) or method.decode("ascii"),
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "state": self.app_state.copy(),
        }
        before = self.cycle
        cycle = Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0"
            and self.parser.should_keep_alive()
            and not getattr(self.server_state, "is_draining", False),
            on_response=self.on_response_complete,
        )
        self.scope, self.cycle = scope, cycle
        if before is None or before.response_complete:
            self._ready = (cycle, self._app())
        else:
            # Pipelined requests are answered one after the other.
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self._app()))

    def _app(self) -> Any:
        most = self.limit_concurrency
        if most is not None and (len(self.connections) >= most or len(self.tasks) >= most):
            self.logger.warning("Exceeded concurrency limit.")
            return service_unavailable
        return self.app

    def _address(self, url: bytes) -> Address:
        parsed = httptools.parse_url(url)
        path = self.root_path + urllib.parse.unquote(parsed.path.decode("ascii"))
        address = path, self.root_path.encode("ascii") + parsed.path, parsed.query or b""
        if len(url) < 200 and len(self.addresses) < _MANY_ADDRESSES:
            self.addresses[url] = address
        return address

    def _hand_on(self) -> None:
        assert self._ready is not None
        cycle, app = self._ready
        if cycle.more_body and self._may_wait(cycle):
            if self._due_at == _NEVER:
                self._due_at = self.loop.time() + self.limits.body_timeout_s
                self._set_clock()
            return
        self._ready = None
        self._due_at = _NEVER
        if cycle.more_body:
            self._start_asgi_task(cycle, app)
            return
        task = run_at_once(cycle.run_asgi(app), self.loop)
        if task is not None:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _may_wait(self, cycle: Cycle) -> bool:
        # A long body is read while it comes, and perhaps refused before it has come.
        if cycle.waiting_for_100_continue or cycle.is_late:
            return False
        for name, value in self.headers:
            if name == b"content-length":
                return len(value) < 6 and value.isdigit() and int(value) <= _SHORT_BODY
        return False

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body, unless the head was refused."""
        cycle: Any = self.cycle
        if self.transport.is_closing() or cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.set()

    def on_message_complete(self) -> None:
        """Hand on the end of the body, unless the head was refused."""
        cycle: Any = self.cycle
        self._arrived, self._is_after_another = 0, True
        if not self.transport.is_closing() and not cycle.response_complete:
            cycle.more_body = False
            cycle.set()

    def on_response_complete(self) -> None:
        """Go on with the next request of this connection, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not self._is_head_open:
            self._is_head_open = self._is_idle = True
            self._due_at = self.loop.time() + self.limits.idle_s
            self._set_clock()

    # The clock: it is set once and looks again when something may be due.

    def _expect_head(self) -> None:
        self._is_idle = False
        self._due_at = self.loop.time() + self.limits.header_timeout_s
        self._set_clock()

    def _set_clock(self) -> None:
        if self._clock is None:
            self._clock = self.loop.call_at(self._due_at, self._look)
        elif self._clock.when() > self._due_at:
            self._clock.cancel()
            self._clock = self.loop.call_at(self._due_at, self._look)

    def _look(self) -> None:
        self._clock = None
        if self.transport.is_closing():
            return
        if self._due_at == _NEVER:
            return
        if self.loop.time() < self._due_at:
            self._clock = self.loop.call_at(self._due_at, self._look)
            return
        self._due_at = _NEVER
        self.settle()
        if self._ready is not None:
            self._ready[0].is_late = True
            self._hand_on()
        elif self._is_idle or not self._arrived:
            self.transport.close()
        elif self.cycle is None or self.cycle.response_complete:
            self._refuse_head(408, f"No whole head within {self.limits.header_timeout_s:g} s.")
        else:
            self._expect_head()  # an earlier request of this connection is still being answered

    def _bound(self, length: int) -> None:
        if length > self.limits.header_bytes:
            self._refuse_head(431, f"The head is longer than {self.limits.header_bytes} bytes.")

    def _refuse_head(self, status: int, detail: str) -> None:
        if self.transport.is_closing():
            return
        self._ready = None
        body = Problem(status, "bad-head", detail).body()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            % (status, HTTPStatus(status).phrase.encode(), MEDIA_TYPE, len(body))
            + body
        )
        self.transport.close()
