"""How does the prediction server run as a process, and how does it stop without cutting anyone off?

On SIGTERM it answers on for a moment, telling every client to use another connection, then refuses
new connections, ends the requests in flight, and writes out the log.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import uvicorn

from tenure.errors import TenureError
from tenure.registry import golden
from tenure.serving.access import Access, check_bind
from tenure.serving.admin import admin_of
from tenure.serving.application import Application
from tenure.serving.building import build_app
from tenure.serving.connections import BoundedProtocol
from tenure.serving.heads import Heads
from tenure.serving.journal import write_journal
from tenure.serving.limits import Limits
from tenure.serving.operating import Options
from tenure.serving.workers import Workers, listen
from tenure.workspace import Workspace, open_workspace

_log = logging.getLogger(__name__)

MOST_WORKERS = 64


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which says goodbye before it goes."""

    def __init__(self, config: uvicorn.Config, app: Application) -> None:
        super().__init__(config)
        self.app = app
        self.server_state.is_draining = False  # type: ignore[attr-defined]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer on for `drain_s` with `Connection: close`, then stop as uvicorn does."""
        self.app.core.is_draining = True
        self.server_state.is_draining = True  # type: ignore[attr-defined]
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.settle()
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                cycle.keep_alive = False
        await asyncio.sleep(self.app.core.limits.drain_s)
        for listener in sockets or []:
            await self._take_last(listener)
        await self._let_go()
        await super().shutdown(sockets)
        # uvicorn would raise the signal again; a server that was told to stop and did ends well.
        self._captured_signals.clear()

    async def _take_last(self, listener: socket.socket) -> None:
        # Connections in the kernel's queue are reset when the last handle of a listening socket is
        # closed: so the loop's is closed first, and what the queue still holds is taken by hand.
        loop = asyncio.get_running_loop()
        listener.listen(0)
        with listener.dup() as rest:
            rest.setblocking(False)
            for server in self.servers:
                server.close()
            listener.close()
            await asyncio.sleep(0)
            taken = []
            with suppress(BlockingIOError):
                while True:
                    taken.append(rest.accept()[0])
        for connection in taken:
            await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        return make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def _let_go(self) -> None:
        # A connection that was just made has a request on its way, which uvicorn would cut off; one
        # that sends nothing is closed by its own clock.
        loop = asyncio.get_running_loop()
        due_at = loop.time() + self.app.core.limits.header_timeout_s
        while loop.time() < due_at:
            cycles = [getattr(each, "cycle", None) for each in self.server_state.connections]
            if all(cycle is not None and cycle.response_complete for cycle in cycles):
                return
            await asyncio.sleep(0.02)


def serve(
    workspace: Workspace,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    allow_hosts: Iterable[str] = (),
    limits: Limits | None = None,
    options: Options | None = None,
    is_shared: bool = False,
) -> None:
    """Serve a workspace until SIGTERM or SIGINT.

    Args:
        workspace: what is to be served.
        host: the address to listen on.
        port: 0 takes a free one; the status file in the spool names it.
        allow_hosts: further names that requests may be for.
        limits: what a request may cost.
        options: how it is run.
        is_shared: whether other processes answer at the same address.

    Raises:
        OpenToAll: others reach the address, and nobody needs a key.
        KeyFileBroken: the file of keys cannot be used.
        OSError: an address cannot be listened on.
        UnsafeUnpickler: the installed joblib cannot be used safely.
    """
    options = options or Options()
    check_bind(host, Access(workspace), is_open=options.is_open)
    server, listener = make_server(
        workspace,
        host,
        port,
        allow_hosts=allow_hosts,
        limits=limits,
        options=options,
        is_shared=is_shared,
    )
    core = server.app.core
    assert core.busy is not None
    _spare_the_collector()
    with core.busy.watching(), admin_of(workspace, options, allow_hosts):
        core.engine.marks = core.busy.marks
        server.run(sockets=[listener])


def _spare_the_collector() -> None:
    # What is imported stays; looking through it again and again would cost requests their time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def make_server(
    workspace: Workspace,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    allow_hosts: Iterable[str] = (),
    limits: Limits | None = None,
    options: Options | None = None,
    is_shared: bool = False,
) -> tuple[DrainingServer, socket.socket]:
    """Return a server and the socket that it is to be run with; arguments as in `serve`."""
    limits, options = limits or Limits(), options or Options()
    listener = listen(host, port, is_shared=is_shared)
    bound = listener.getsockname()[1]
    app = build_app(
        workspace,
        host=host,
        port=bound,
        allow_hosts=allow_hosts,
        limits=limits,
        options=options,
        is_shared=is_shared,
    )
    _log.info("serving %s at %s://%s:%s", workspace.root, options.scheme, host, bound)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=type("Protocol", (BoundedProtocol,), {"limits": limits, "heads": Heads(app.express)}),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=int(limits.idle_s),
        timeout_graceful_shutdown=int(limits.stop_s),
        **options.of_uvicorn(),
    )
    return DrainingServer(config, app), listener


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m tenure.serving`; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tenure.serving", description=__doc__)
    parser.add_argument("--workspace", help="a folder that holds config/")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (0)")
    parser.add_argument(
        "--allow-host", action="append", default=[], help="a further name in the Host header"
    )
    parser.add_argument("--workers", type=_count, default=1, help="how many processes (1)")
    Options.add_to(parser)
    given = parser.parse_args(arguments)
    write_journal(given.log_format)
    return _exit_code(partial(_run, given), given.host, given.port)


def _run(given: argparse.Namespace) -> int:
    workspace, options = open_workspace(given.workspace), Options.of(given)
    if given.workers == 1:
        return _serve_alone(workspace, given.host, given.port, given.allow_host, options)
    mine = replace(options, admin_port=None)

    def work(port: int) -> int:
        alone = partial(_serve_alone, workspace, given.host, port, given.allow_host, mine, True)
        return _exit_code(alone, given.host, port)

    where = (workspace, given.host, given.port, given.workers)
    return Workers(*where, serve=work, allow_hosts=given.allow_host, options=options).run()


def _serve_alone(
    workspace: Workspace,
    host: str,
    port: int,
    allow_hosts: Iterable[str],
    options: Options,
    is_shared: bool = False,
) -> int:
    golden.begin()  # no ledger, log or model is open here yet
    serve(workspace, host, port, allow_hosts=allow_hosts, options=options, is_shared=is_shared)
    return 0


def _exit_code(work: Callable[[], int], host: str, port: int) -> int:
    try:
        return work()
    except TenureError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    except OSError as error:
        print(f"Cannot listen on {host}:{port}: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return 4


def _count(text: str) -> int:
    count = int(text)
    if not 0 < count <= MOST_WORKERS:
        raise ValueError
    return count
