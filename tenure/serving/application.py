"""Which door answers a request, and what if it cannot?

A plain ASGI application: it looks at the Host header, hands the request to the door whose address
it is, and turns whatever goes wrong into that door's own shape. It knows nothing of scikit-learn.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenure.errors import TenureError
from tenure.serving import answers, v1
from tenure.serving.bodies import CLOSE, ClientLeft, Receive
from tenure.serving.core import Core
from tenure.serving.cycles import Cycle
from tenure.serving.doors import Answer, Door, Quick, QuickDoor, Request, Said, only
from tenure.serving.folder import read_page
from tenure.serving.heads import Express, Told
from tenure.serving.hosts import host_of
from tenure.serving.lanes import Waiting
from tenure.serving.oip import door as oip
from tenure.serving.problems import Problem, from_error

if TYPE_CHECKING:
    from tenure.serving.companions import Admission, Metrics
    from tenure.serving.watching import Watching

_log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Scope = dict[str, Any]

_MANY_HOSTS = 100


class Site:
    """The addresses that are no protocol's: health, and the pages."""

    name = "site"

    def __init__(self, core: Core, pages: Path) -> None:
        self._core = core
        self._pages = pages

    async def answer(self, request: Request) -> Answer | None:
        """Return health, a page, or None."""
        path = request.path
        if path not in ("/", "/health/live", "/health/ready") and not path.startswith("/pages/"):
            return None
        only(request.method, "GET", "HEAD")
        match path:
            case "/health/live":
                return 200, [answers.JSON], b'{"status":"live"}'
            case "/health/ready":
                return self._ready(request)
            case "/":
                return 307, [(b"location", b"/pages/index.html")], b""
        name = path.removeprefix("/pages/")
        body, headers = await asyncio.to_thread(read_page, self._pages, name)
        return 200, headers, body

    def _ready(self, request: Request) -> Answer:
        core = self._core
        log = {"dropped": core.log.dropped, "trouble": core.log.trouble}
        status, body = answers.readiness(
            core.router.standing, is_draining=core.is_draining, log=log
        )
        if getattr(request.caller, "is_stranger", False):
            body = b'{"status":"ready"}' if status == 200 else b'{"status":"not ready"}'
        return status, [answers.JSON], body

    def refuse(self, problem: Problem) -> Answer:
        """Return a problem as problem details."""
        return v1.refuse(problem)


class Application:
    """The prediction server's front.

    Args:
        core: what the doors share.
        doors: asked in this order; the first whose address it is answers.
        hosts: the names that requests may be for.
        started: called when the server starts; `stopped` when it has drained.

    Attributes:
        admission: says who may ask; None lets everybody.
        metrics: counts; None for nobody.
        watching: spans, lines and what browsers are told; None for nothing.
    """

    def __init__(
        self,
        core: Core,
        doors: Sequence[Door],
        *,
        hosts: frozenset[str],
        started: Callable[[], None] = lambda: None,
        stopped: Callable[[], None] = lambda: None,
    ) -> None:
        self.core = core
        self.doors = doors
        self.hosts = hosts
        self.admission: Admission | None = None
        self.metrics: Metrics | None = None
        self.watching: Watching | None = None
        self._started, self._stopped = started, stopped
        self._hosts_seen: set[bytes | None] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or the server's start and stop (ASGI 3)."""
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "lifespan":
                await self._lifespan(receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await asyncio.to_thread(self._started)
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.to_thread(self._stopped)
                self.core.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_at = time.perf_counter()
        client = scope.get("client")
        request = Request(
            scope["method"],
            scope["path"],
            scope["query_string"],
            dict(scope["headers"]),
            receive,
            client[0] if client else "",
        )
        watching = self.watching
        begun = None if watching is None else watching.begin(request)
        try:
            door, (status, headers, body) = await self._answer(request)
        except ClientLeft:
            _log.info("a client left before its answer")
            if watching is not None:
                watching.end(begun, "site", request, 499)
            return
        if watching is not None:
            headers = [*headers, *watching.end(begun, door, request, status)]
        cycle = Cycle.of(send)
        if cycle is None or not cycle.respond(status, headers, body):
            headers = [*headers, (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        if self.metrics is not None:
            self._count(self.metrics, door, request, status, time.perf_counter() - began_at)

    def express(self, scope: Scope) -> Express | None:
        """Return what answers further requests of one's head at once; None if nothing does."""
        headers = dict(scope["headers"])
        if scope["query_string"] or headers.get(b"host") not in self._hosts_seen:
            return None
        request = Request(scope["method"], scope["path"], b"", headers, _nothing)
        for door in self.doors:
            found = door.quick(request) if isinstance(door, QuickDoor) else None
            if found is not None:
                return self._express(door.name, headers, *found)
        return None

    def _express(self, door: str, headers: dict[bytes, bytes], model: str, quick: Quick) -> Express:
        def express(body: bytes) -> Told | Waiting | None:
            began_at = time.perf_counter()
            admission = self.admission
            if self.watching is not None:
                return None
            if admission is not None and not admission.lets(headers, model):
                return None
            try:
                found = quick(body, began_at)
            except Exception:  # noqa: BLE001 - the ordinary way says what is wrong
                return None
            if isinstance(found, tuple):
                return self._counted(door, found, began_at)
            if found is None:
                return None
            return found.after(lambda found: self._counted(door, found, began_at))

        return express

    def _counted(self, door: str, said: Said, began_at: float) -> Told:
        by, status, headers, body = said
        if self.metrics is not None:
            seconds = time.perf_counter() - began_at
            slot = by.slot._value_
            self.metrics.answered(door, by.model, by.version, slot, status, seconds, 1)
        return status, headers, body

    def _count(
        self, metrics: Metrics, door: str, request: Request, status: int, seconds: float
    ) -> None:
        by = request.reference
        if by is None:
            metrics.answered(door, "", "", "", status, seconds, 0)
        else:
            slot = by.slot._value_  # the property costs more than all else here
            metrics.answered(door, by.model, by.version, slot, status, seconds, request.rows)

    def _check_host(self, host: bytes | None) -> None:
        if host is None or host_of(host) not in self.hosts:
            detail = "This server is not known by the name in the Host header."
            raise Problem(421, "wrong-host", detail, headers=[CLOSE])
        if len(self._hosts_seen) < _MANY_HOSTS:
            self._hosts_seen.add(host)

    async def _answer(self, request: Request) -> tuple[str, Answer]:
        name, refuse = "site", v1.refuse
        try:
            host = request.headers.get(b"host")
            if host not in self._hosts_seen:
                self._check_host(host)
            if self.watching is not None:
                preflight = self.watching.preflight(request)
                if preflight is not None:
                    return name, preflight
            if self.admission is not None:
                request.caller = self.admission.admit(
                    request.method, request.path, request.query, request.headers, request.client
                )
            for door in self.doors:
                name, refuse = door.name, door.refuse
                answer = await door.answer(request)
                if answer is not None:
                    return name, answer
            name, refuse = "site", v1.refuse
            only(request.method, "GET", "HEAD")
            raise Problem(404, "no-route", "There is no such address here.")
        except Problem as problem:
            if name == "site" and request.path.startswith("/v2"):
                name, refuse = "v2", oip.refuse  # nobody got as far as a door
            return name, refuse(problem)
        except TenureError as error:
            return name, refuse(from_error(error))
        except ClientLeft:
            raise
        except Exception as error:  # noqa: BLE001 - a client never reads a traceback
            return name, refuse(_unexpected(error))


async def _nothing() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def _unexpected(error: Exception) -> Problem:
    # The text of an error may hold values out of a row: only its kind and place are written down.
    reference = uuid.uuid4().hex
    last = traceback.extract_tb(error.__traceback__)[-1]
    _log.error(
        "request %s failed: %s at %s:%s",
        reference,
        type(error).__name__,
        Path(last.filename).name,
        last.lineno,
    )
    detail = f"The server could not answer; its log says more under {reference}."
    return Problem(500, "failed", detail, instance=f"urn:uuid:{uuid.UUID(reference)}")
