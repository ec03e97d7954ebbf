"""Real prediction servers for the fault tests: a process of its own, or a thread of this one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tenure.predictions.status import ServerStatus
from tenure.serving import read_statuses
from tenure.serving.limits import Limits
from tenure.serving.server import make_server
from tenure.workspace import Workspace

PROJECT = Path(__file__).parents[2]
PATIENCE_S = 300


@dataclass
class Running:
    """A server in a process of its own."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None


def until(holds: Callable[[], Any]) -> Any:
    """Poll until something is true, and return it."""
    end = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
    return found


def start(workspace: Workspace, log: Path, *more: str) -> Running:
    """Start `python -m tenure.serving`, with further words, and return when it is ready."""
    wanted = int(more[more.index("--workers") + 1]) if "--workers" in more else 1
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with open(log, "ab") as target:
        process = subprocess.Popen(
            [sys.executable, "-m", "tenure.serving", "--workspace", str(workspace.root), *more],
            cwd=PROJECT,
            env=environment,
            stdout=target,
            stderr=target,
        )

    def said() -> ServerStatus | None:
        assert process.poll() is None, log.read_text()
        family = {process.pid, *(each.pid for each in psutil.Process(process.pid).children())}
        mine = [each for each in read_statuses(workspace) if each.pid in family and each.is_ready]
        return mine[0] if len(mine) == wanted else None

    return Running(process, until(said).address, log)


@contextmanager
def threaded(workspace: Workspace, limits: Limits) -> Iterator[str]:
    """A server in a thread of this process; gives its address."""
    server, listener = make_server(workspace, limits=limits)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    until(lambda: server.started)
    until(lambda: httpx.get(f"{address}/health/ready").status_code == 200)
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join()


def connected(address: str) -> socket.socket:
    """A bare connection to a server."""
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def drained(sock: socket.socket) -> bytes:
    """Everything that the server sends until it closes."""
    chunks = []
    try:
        while chunk := sock.recv(65_536):
            chunks.append(chunk)
    except ConnectionResetError:
        pass  # closed with bytes of ours unread; what had arrived is kept
    return b"".join(chunks)
