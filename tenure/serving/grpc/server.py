"""How does the gRPC server run as a process, beside the HTTP server and over the same workspace?

It follows the ledger, checks keys and writes the prediction log as that one does, each in its own
files; on SIGTERM it says that it is not ready, ends the calls in flight, and writes out the log.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from tenure.serving.access import Access, check_bind
from tenure.serving.application import Application
from tenure.serving.building import build_app
from tenure.serving.grpc.health import Health
from tenure.serving.grpc.service import Service
from tenure.serving.limits import Limits
from tenure.serving.operating import Options
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)
_HEADROOM = 64 * 1024


class GrpcOptions(Options):
    """How a gRPC server is run; its address says that it is none of HTTP."""

    @property
    def scheme(self) -> str:
        """How addresses of the server begin."""
        return "grpc" if self.tls_cert is None else "grpcs"


async def serve(
    workspace: Workspace,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    limits: Limits | None = None,
    options: GrpcOptions | None = None,
) -> None:
    """Serve a workspace over gRPC until SIGTERM or SIGINT.

    Args:
        workspace: what is to be served.
        host: the address to listen on.
        port: 0 takes a free one; the status file in the spool names it.
        limits: what a request may cost.
        options: how it is run.

    Raises:
        OpenToAll: others reach the address, and nobody needs a key.
        KeyFileBroken: the file of keys cannot be used.
        OSError: the address cannot be listened on.
    """
    limits, options = limits or Limits(), options or GrpcOptions()
    check_bind(host, Access(workspace), is_open=options.is_open)
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", limits.body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", limits.header_bytes),
            ("grpc.so_reuseport", 0),
        ],
        maximum_concurrent_rpcs=limits.connections,
    )
    bound = _listen(server, host, port, options)
    app = build_app(workspace, host=host, port=bound, limits=limits, options=options)
    server.add_generic_rpc_handlers((Service(app).handler(), Health(app).handler()))
    lifespan = Lifespan(app)
    await lifespan.start()
    stop = asyncio.Event()
    for told in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(told, stop.set)
    await server.start()
    _log.info("serving %s at %s://%s:%s", workspace.root, options.scheme, host, bound)
    await stop.wait()
    app.core.is_draining = True
    await asyncio.sleep(limits.drain_s)
    await server.stop(limits.stop_s)
    await lifespan.stop()


def _listen(server: Any, host: str, port: int, options: GrpcOptions) -> int:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if options.tls_cert is None or options.tls_key is None:
            bound = server.add_insecure_port(address)
        else:
            pair = (Path(options.tls_key).read_bytes(), Path(options.tls_cert).read_bytes())
            bound = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    except RuntimeError as error:
        raise OSError(None, "the address is taken or not here") from error
    return bound


class Lifespan:
    """Starts and stops what an application has beside its requests (ASGI 3)."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when everything has started; raise what stood in the way."""
        going = self._app({"type": "lifespan"}, self._told.get, self._said.put)
        self._task = asyncio.ensure_future(going)
        await self._tell("lifespan.startup")

    async def stop(self) -> None:
        """Return when everything has stopped."""
        await self._tell("lifespan.shutdown")

    async def _tell(self, what: str) -> None:
        assert self._task is not None
        await self._told.put({"type": what})
        heard = asyncio.ensure_future(self._said.get())
        await asyncio.wait((heard, self._task), return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()
        heard.cancel()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m tenure.serving.grpc`; return the exit code."""
    import argparse
    import sys

    from tenure.errors import TenureError
    from tenure.serving.journal import write_journal
    from tenure.workspace import open_workspace

    parser = argparse.ArgumentParser(prog="python -m tenure.serving.grpc", description=__doc__)
    parser.add_argument("--workspace", help="a folder that holds config/")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (0)")
    GrpcOptions.add_to(parser)
    given = parser.parse_args(arguments)
    write_journal(given.log_format)
    try:
        workspace, options = open_workspace(given.workspace), GrpcOptions.of(given)
        asyncio.run(serve(workspace, given.host, given.port, options=options))  # type: ignore[arg-type]
    except TenureError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    except OSError as error:
        print(f"Cannot listen on {given.host}:{given.port}: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return 4
    return 0
