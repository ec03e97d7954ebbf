"""Which route answers what?

A plain ASGI application: it matches the path, keeps to the limits, and turns whatever a client did
wrong into problem details. It knows the protocol and the router, and nothing of scikit-learn.
"""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tenure.errors import TenureError
from tenure.predictions import PredictionLog
from tenure.serving import absent, answers
from tenure.serving.bodies import CLOSE, ClientLeft, Receive, read_body
from tenure.serving.folder import read_page
from tenure.serving.hosts import host_of
from tenure.serving.instances import read_ask
from tenure.serving.limits import Limits
from tenure.serving.predicting import Job
from tenure.serving.problems import MEDIA_TYPE, Headers, Problem, from_error
from tenure.serving.router import GONE, Reference, Router
from tenure.serving.worker import Worker

_log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Scope = dict[str, Any]
Answer = tuple[int, Headers, bytes]

_MODEL = re.compile(
    r"/v1/models/([a-z][a-z0-9-]{0,47})(?:/versions/([1-9]\d{0,8}))?(:predict)?", re.ASCII
)


class Application:
    """The prediction server's routes.

    Args:
        router: knows what answers for a model.
        log: takes what was answered.
        pages: the folder that is handed out below /pages/.
        hosts: the names that requests may be for.
        limits: what a request may cost.
        started: called when the server starts; `stopped` when it has drained.
    """

    def __init__(
        self,
        router: Router,
        log: PredictionLog,
        *,
        pages: Path,
        hosts: frozenset[str],
        limits: Limits,
        started: Callable[[], None] = lambda: None,
        stopped: Callable[[], None] = lambda: None,
    ) -> None:
        self.router = router
        self.log = log
        self.pages = pages
        self.hosts = hosts
        self.limits = limits
        self.worker = Worker(limits.in_flight)
        self.is_draining = False
        self.gone = absent.Counting()
        self._started, self._stopped = started, stopped

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
                self.worker.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            status, answered, body = await self._route(scope, headers, receive)
        except Problem as problem:
            status, answered, body = _told(problem)
        except TenureError as error:
            status, answered, body = _told(from_error(error))
        except ClientLeft:
            _log.info("a client left before its answer")
            return
        except Exception as error:  # noqa: BLE001 - a client never reads a traceback
            status, answered, body = _told(_unexpected(error))
        answered.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": answered})
        await send({"type": "http.response.body", "body": body})

    async def _route(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        if host_of(headers.get(b"host")) not in self.hosts:
            detail = "This server is not known by the name in the Host header."
            raise Problem(421, "wrong-host", detail, headers=[CLOSE])
        path, method = scope["path"], scope["method"]
        matched = _MODEL.fullmatch(path)
        if matched is not None and matched[3]:
            _only(method, "POST")
            reference = await self._asked(matched[1], matched[2], is_prediction=True)
            return await self._predict(reference, headers, receive)
        _only(method, "GET", "HEAD")
        if matched is not None:
            reference = await self._asked(matched[1], matched[2], is_prediction=False)
            return (
                200,
                [answers.JSON, *answers.version_headers(reference)],
                answers.model(reference),
            )
        return await self._plain(path)

    async def _plain(self, path: str) -> Answer:
        match path:
            case "/health/live":
                return 200, [answers.JSON], b'{"status":"live"}'
            case "/health/ready":
                log = {"dropped": self.log.dropped, "trouble": self.log.trouble}
                status, body = answers.readiness(
                    self.router.standing, is_draining=self.is_draining, log=log
                )
                return status, [answers.JSON], body
            case "/v1/models":
                return 200, [answers.JSON], answers.models(self.router.standing)
            case "/":
                return 307, [(b"location", b"/pages/index.html")], b""
        if path.startswith("/pages/"):
            body, headers = await asyncio.to_thread(
                read_page, self.pages, path.removeprefix("/pages/")
            )
            return 200, headers, body
        raise Problem(404, "no-route", "There is no such address here.")

    async def _predict(
        self, reference: Reference, headers: dict[bytes, bytes], receive: Receive
    ) -> Answer:
        _check_media(headers)
        body = await read_body(headers, receive, self.limits)
        ask = read_ask(body, reference.runtime.asked, self.limits)
        job = Job(reference, ask, self.log)
        return (
            200,
            [answers.JSON, *answers.version_headers(reference)],
            await self.worker.run(job.answer, receive),
        )

    async def _asked(self, model: str, version: str | None, *, is_prediction: bool) -> Reference:
        """Return what answers at an address; raise the problem that a client reads otherwise."""
        reference = self.router.reference(model)
        if version is None:
            if model in self.router.standing.closed:
                raise absent.closed(model, self.router.standing)
            if reference is None:
                raise absent.without(model, self.router.standing)
            return reference
        if reference is not None and reference.version == int(version):
            return reference
        stage = await asyncio.to_thread(self.router.stage, model, int(version))
        if stage in GONE and is_prediction:
            self.gone.add(model, version)
        raise absent.not_serving(model, int(version), stage, reference)


def _only(method: str, *allowed: str) -> None:
    if method not in allowed:
        allow = (b"allow", ", ".join(allowed).encode())
        detail = f"This address takes {' and '.join(allowed)}."
        raise Problem(405, "wrong-method", detail, headers=[allow, CLOSE])


def _check_media(headers: dict[bytes, bytes]) -> None:
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        detail = "The body is compressed; send it as it is."
        refused = [(b"accept-encoding", b"identity"), CLOSE]
        raise Problem(415, "compressed", detail, headers=refused)
    kind, _, parameters = headers.get(b"content-type", b"").partition(b";")
    charset = parameters.strip().lower().replace(b'"', b"")
    if kind.strip().lower() != b"application/json" or charset not in (b"", b"charset=utf-8"):
        detail = "The body's Content-Type must be application/json, in UTF-8."
        raise Problem(415, "wrong-media-type", detail, headers=[CLOSE], wanted="application/json")


def _told(problem: Problem) -> Answer:
    return problem.status, [(b"content-type", MEDIA_TYPE), *problem.headers], problem.body()


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
