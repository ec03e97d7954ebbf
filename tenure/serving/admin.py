"""What can be asked of a server that is not for its clients, and where?

Metrics, health and status, on an address of their own that only this machine reaches unless it is
told otherwise. Nothing here can change anything; slots and keys are changed by commands.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import orjson
import uvicorn

from tenure.predictions.status import read_statuses
from tenure.serving import answers, v1
from tenure.serving.access import Access, check_bind
from tenure.serving.bodies import CLOSE, Receive
from tenure.serving.connections import BoundedProtocol
from tenure.serving.doors import Answer, only
from tenure.serving.hosts import allowed_hosts, host_of
from tenure.serving.keys import Role
from tenure.serving.limits import Limits
from tenure.serving.operating import Options
from tenure.serving.problems import Problem
from tenure.serving.publishing import counted, fold, forget
from tenure.serving.speaking import MEDIA_TYPE, exposition
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

ROUTES = ("/metrics", "/status", "/health/live", "/health/ready")
_LOOK_EVERY_S = 0.5
_FOLD_EVERY = 10


class AdminApplication:
    """The admin address of all processes of one server, as an ASGI application.

    Args:
        workspace: whose spool says everything.
        access: who may ask.
        hosts: the names that requests may be for.
    """

    def __init__(self, workspace: Workspace, access: Access, hosts: frozenset[str]) -> None:
        self._workspace, self._access, self._hosts = workspace, access, hosts

    def look(self) -> None:
        """Follow the file of keys."""
        self._access.look()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Any) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = dict(scope["headers"])
        client = scope["client"][0] if scope.get("client") else ""
        try:
            status, fields, body = await asyncio.to_thread(
                self._answer, scope["method"], scope["path"], headers, client
            )
        except Problem as problem:
            status, fields, body = v1.refuse(problem)
        except Exception as error:  # noqa: BLE001 - a client never reads a traceback
            _log.error("the admin address failed: %s", type(error).__name__)
            status, fields, body = v1.refuse(Problem(500, "failed", "It could not be answered."))
        fields = [*fields, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, method: str, path: str, headers: dict[bytes, bytes], client: str) -> Answer:
        if host_of(headers.get(b"host")) not in self._hosts:
            detail = "This server is not known by the name in the Host header."
            raise Problem(421, "wrong-host", detail, headers=[CLOSE])
        if path not in ROUTES:
            self._access.check(headers, None, Role.ADMIN, client=client)
            raise Problem(404, "no-route", "There is no such address here.")
        only(method, "GET", "HEAD")
        match path:
            case "/health/live":
                return 200, [answers.JSON], b'{"status":"live"}'
            case "/health/ready":
                return self._ready()
            case "/metrics":
                self._access.check(headers, None, Role.METRICS, client=client)
                return 200, [(b"content-type", MEDIA_TYPE)], self._metrics()
            case _:
                self._access.check(headers, None, Role.ADMIN, client=client)
                return 200, [answers.JSON], self._status()

    def _metrics(self) -> bytes:
        return exposition(counted(self._workspace), read_statuses(self._workspace))

    def _status(self) -> bytes:
        processes = [asdict(each) for each in read_statuses(self._workspace)]
        keys = {"wanted": self._access.is_on, "trouble": self._access.trouble}
        return orjson.dumps({"processes": processes, "keys": keys})

    def _ready(self) -> Answer:
        statuses = read_statuses(self._workspace)
        ready = sum(each.is_ready for each in statuses)
        is_ready = bool(statuses) and ready == len(statuses)
        body = {
            "status": "ready" if is_ready else "not ready",
            "processes": len(statuses),
            "ready": ready,
        }
        return (200 if is_ready else 503), [answers.JSON], orjson.dumps(body)


class AdminServer:
    """Listens on the admin address, in threads of its own.

    Args:
        app: what answers.
        host: where.
        port: 0 takes a free one.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(self, app: AdminApplication, host: str, port: int, workspace: Workspace) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind((host, port))
        except OSError:
            self._listener.close()
            raise
        self._listener.set_inheritable(False)
        self.port: int = self._listener.getsockname()[1]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._workspace, self._app = workspace, app
        self._file = workspace.spool / "admin.json"
        self._server = uvicorn.Server(_configuration(app))
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        """Let the spool say where; what an earlier server counted is forgotten."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        forget(self._workspace)
        self._file.write_bytes(orjson.dumps({"address": self.address}))

    def start(self) -> None:
        """Begin to answer."""
        for name, target in (("tenure-admin", self._answer), ("tenure-fold", self._look_on)):
            self._threads.append(threading.Thread(target=target, name=name, daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Stop answering."""
        self._stop.set()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """Let go of the address."""
        self._listener.close()
        self._file.unlink(missing_ok=True)

    def serve(self) -> int:
        """Answer until SIGTERM, in a process that does nothing else; return its exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        self.start()
        self._stop.wait()
        self.stop()
        return 0

    def _answer(self) -> None:
        self._server.run(sockets=[self._listener])

    def _look_on(self) -> None:
        beats = 0
        while not self._stop.wait(_LOOK_EVERY_S):
            self._app.look()
            beats += 1
            if beats % _FOLD_EVERY:
                continue
            try:
                fold(self._workspace)
            except OSError as error:
                _log.error("the metrics of ended processes stay apart: %s", error.strerror)


@contextmanager
def admin_of(
    workspace: Workspace, options: Options, allow_hosts: Iterable[str] = ()
) -> Iterator[AdminServer | None]:
    """Answer on the admin address, if there is to be one, while the block runs.

    Raises:
        OpenToAll: others reach the address, and nobody needs a key.
        OSError: the address cannot be listened on.
    """
    server = make_admin(workspace, options, allow_hosts)
    if server is None:
        yield None
        return
    server.open()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.close()


def make_admin(
    workspace: Workspace, options: Options, allow_hosts: Iterable[str] = ()
) -> AdminServer | None:
    """Return what answers on the admin address once it is told to; None if there is to be none.

    Raises:
        OpenToAll: others reach the address, and nobody needs a key.
        OSError: the address cannot be listened on.
    """
    if options.admin_port is None:
        return None
    host = options.admin_host
    access = Access(workspace)
    check_bind(host, access, is_open=options.is_open)
    app = AdminApplication(workspace, access, allowed_hosts(host, allow_hosts))
    server = AdminServer(app, host, options.admin_port, workspace)
    _log.info("metrics and status at %s", server.address)
    return server


def _configuration(app: AdminApplication) -> uvicorn.Config:
    limits = Limits(connections=32, drain_s=0.0, stop_s=2.0)
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=type("AdminProtocol", (BoundedProtocol,), {"limits": limits}),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=int(limits.idle_s),
        timeout_graceful_shutdown=int(limits.stop_s),
    )
