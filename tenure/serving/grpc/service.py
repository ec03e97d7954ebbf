"""Which call of the protocol answers what, and what does a client read that did something wrong?

Who asks is checked as at the HTTP server's doors; a prediction goes through the same core. A
refusal is a status of gRPC with one sentence; a successor's address and the time to wait stand in
the trailing metadata.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from tenure.errors import TenureError
from tenure.serving import sunset
from tenure.serving.application import Application
from tenure.serving.asks import Ask
from tenure.serving.doors import Request
from tenure.serving.grpc import messages, telling
from tenure.serving.grpc.reading import read_ask
from tenure.serving.oip import metadata
from tenure.serving.oip.asking import Reader, Wanted
from tenure.serving.oip.door import is_name, is_version, ledger_decides
from tenure.serving.problems import Problem, from_error
from tenure.serving.runtime import Runtime

_log = logging.getLogger(__name__)
_STATUS = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    410: grpc.StatusCode.FAILED_PRECONDITION,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_TOLD = (b"link", b"retry-after")
Answer = Callable[[bytes, Request], Awaitable[Any]]


class Service:
    """The calls of GRPCInferenceService over a server's core."""

    def __init__(self, app: Application) -> None:
        self._app, self._core = app, app.core

    def handler(self) -> Any:
        """Return what a gRPC server dispatches to."""
        calls: dict[str, Answer] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ServerMetadata": self._metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
            "RepositoryIndex": self._index,
            "RepositoryModelLoad": self._refuse_change,
            "RepositoryModelUnload": self._refuse_change,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(self._guarded(name, answer))
            for name, answer in calls.items()
        }
        return grpc.method_handlers_generic_handler(messages.SERVICE, handlers)

    def _guarded(self, name: str, answer: Answer) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def call(body: bytes, context: Any) -> bytes:
            began_at = time.perf_counter()
            request = _request(name, context)
            said: Any = None
            status, problem = 200, None
            try:
                said = await answer(body, request)
            except Problem as raised:
                problem = raised
            except TenureError as error:
                problem = from_error(error)
            except DecodeError:
                problem = Problem(400, "not-protobuf", f"The request is no {name}Request.")
            except Exception as error:  # noqa: BLE001 - a client never reads a traceback
                problem = _unexpected(error)
            if problem is not None:
                status = problem.status
            self._count(request, status, time.perf_counter() - began_at)
            if problem is None:
                return said.SerializeToString()
            trailing = tuple(
                (key.decode(), value.decode()) for key, value in problem.headers if key in _TOLD
            )
            code = _STATUS.get(status, grpc.StatusCode.INVALID_ARGUMENT)
            await context.abort(code, problem.detail, trailing)
            raise AssertionError  # abort always raises

        return call

    def _count(self, request: Request, status: int, seconds: float) -> None:
        metrics, by = self._app.metrics, request.reference
        if metrics is None:
            return
        if by is None:
            metrics.answered("grpc", "", "", "", status, seconds, 0)
        else:
            slot = by.slot.value
            metrics.answered("grpc", by.model, by.version, slot, status, seconds, request.rows)

    def _admit(self, request: Request, path: str, method: str = "GET") -> None:
        request.path, request.method = path, method
        if self._app.admission is not None:
            request.caller = self._app.admission.admit(
                method, path, b"", request.headers, request.client
            )

    async def _live(self, _: bytes, request: Request) -> Any:
        self._admit(request, "/v2/health/live")
        return messages.ServerLiveResponse(live=True)

    async def _ready(self, _: bytes, request: Request) -> Any:
        self._admit(request, "/v2/health/ready")
        core = self._core
        is_ready = core.router.standing.is_ready and not core.is_draining
        return messages.ServerReadyResponse(ready=is_ready)

    async def _metadata(self, _: bytes, request: Request) -> Any:
        self._admit(request, "/v2")
        return telling.server_metadata(metadata.of_server())

    async def _model_ready(self, body: bytes, request: Request) -> Any:
        asked = messages.ModelReadyRequest.FromString(body)
        model, version = _checked(asked.name, asked.version)
        self._admit(request, f"/v2/models/{model}/ready")
        try:
            await self._core.find(model, version, is_prediction=False)
        except Problem as problem:
            if problem.status != 503:
                raise
            return messages.ModelReadyResponse(ready=False)
        return messages.ModelReadyResponse(ready=True)

    async def _model_metadata(self, body: bytes, request: Request) -> Any:
        asked = messages.ModelMetadataRequest.FromString(body)
        model, version = _checked(asked.name, asked.version)
        self._admit(request, f"/v2/models/{model}")
        found = await self._core.find(model, version, is_prediction=False)
        return telling.model_metadata(metadata.of_model(found, self._core.router.standing))

    async def _infer(self, body: bytes, request: Request) -> Any:
        asked = messages.ModelInferRequest.FromString(body)
        model, version = _checked(asked.model_name, asked.model_version)
        self._admit(request, f"/v2/models/{model}/infer", "POST")
        limits, found = self._core.limits, []

        def read(_: bytes, runtime: Runtime) -> Ask:
            ask, wanted = read_ask(asked, Reader(runtime, limits), limits)
            found.append(wanted)
            return ask

        outcome = await self._core.predict(model, version, request, read)
        wanted: Wanted = found[-1]
        standing = self._core.router.standing
        end = sunset.headers_at(standing, model, version, sunset.V2)
        return telling.infer_response(outcome, wanted, end)

    async def _index(self, body: bytes, request: Request) -> Any:
        asked = messages.RepositoryIndexRequest.FromString(body)
        self._admit(request, "/v2/repository/index", "POST")
        listed = metadata.index(self._core.router.standing, only_ready=asked.ready)
        return telling.repository_index(listed)

    async def _refuse_change(self, _: bytes, request: Request) -> Any:
        self._admit(request, "/v2/repository/index", "POST")
        raise Problem(409, "ledger-decides", ledger_decides())


def _checked(model: str, version: str) -> tuple[str, str | None]:
    if not is_name(model):
        raise Problem(404, "no-model", "There is no model of that name.")
    if version and not is_version(version):
        raise Problem(404, "no-version", f"There is no such version of '{model}'.")
    return model, version or None


def _request(name: str, context: Any) -> Request:
    given = context.invocation_metadata() or ()
    headers = {
        key.lower().encode(): value if isinstance(value, bytes) else value.encode()
        for key, value in given
    }
    return Request("POST", f"/{name}", b"", headers, _receive(), _host(context.peer()))


def _host(peer: str) -> str:
    # "ipv4:127.0.0.1:4711", "ipv6:%5B::1%5D:4711"
    return peer.partition(":")[2].rpartition(":")[0].replace("%5B", "").replace("%5D", "")


def _receive() -> Callable[[], Awaitable[dict[str, Any]]]:
    # The body was read with the message; that a client left is told by cancelling the call.
    is_read = False

    async def receive() -> dict[str, Any]:
        nonlocal is_read
        if is_read:
            await asyncio.Event().wait()
        is_read = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def _unexpected(error: Exception) -> Problem:
    number = uuid.uuid4().hex
    _log.error("call %s failed: %s", number, type(error).__name__)
    detail = f"The server could not answer; its log says more under {number}."
    return Problem(500, "failed", detail)
