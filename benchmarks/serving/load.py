"""How long do answers take, and how many come, under a given load?

One process on plain sockets with keep-alive, so that the generator costs little beside the server
that it measures. A closed load keeps so many requests in flight; an open one begins them by the
clock and counts each answer's time from when its request was due, whether it could be sent or not.

    python -m benchmarks.serving.load '{"port": 8080, "request": "FILE", "connections": 16, ...}'
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LEAST_TAIL = 0.99


@dataclass(slots=True)
class Connection:
    """One keep-alive connection and the request on its way."""

    socket: socket.socket
    due_at: float = 0.0
    held: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be sent: `rate` None keeps every connection busy."""

    port: int
    request: bytes
    connections: int
    seconds: float
    rate: float | None = None


class Generator:
    """Sends one load and counts what comes back."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.selector = selectors.DefaultSelector()
        self.times: list[float] = []
        self.failed = 0
        self.sample = b""
        self.idle: deque[Connection] = deque()
        for _ in range(load.connections):
            self._connect()

    def _connect(self) -> None:
        made = socket.create_connection(("127.0.0.1", self.load.port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(made)
        self.selector.register(made, selectors.EVENT_READ, connection)
        self.idle.append(connection)

    def _send(self, due_at: float) -> None:
        connection = self.idle.popleft()
        connection.due_at = due_at
        # Small against the socket's buffer; 1,000 rows are only sent over two connections.
        connection.socket.sendall(self.load.request)

    def _receive(self, connection: Connection) -> None:
        data = connection.socket.recv(1 << 18)
        if not data:
            self.failed += 1
            self.selector.unregister(connection.socket)
            connection.socket.close()
            self._connect()
            return
        held = connection.held + data if connection.held else data
        end = _end_of_answer(held)
        if end is None or len(held) < end:
            connection.held = held
            return
        connection.held = b""
        self.times.append(time.perf_counter() - connection.due_at)
        if not held.startswith(b"HTTP/1.1 200"):
            self.failed += 1
        self.sample = held
        self.idle.append(connection)

    def run(self) -> dict[str, object]:
        """Send for so many seconds, then wait for what is on its way."""
        begun = now = time.perf_counter()
        end_at = begun + self.load.seconds
        sent = 0
        while now < end_at:
            sent = self._begin(sent, begun, now)
            for key, _ in self.selector.select(self._pause(sent, begun, now)):
                self._receive(key.data)
            now = time.perf_counter()
        took = time.perf_counter() - begun
        while len(self.idle) < self.load.connections and time.perf_counter() < end_at + 10:
            for key, _ in self.selector.select(1.0):
                self._receive(key.data)
        return self._said(took)

    def _begin(self, sent: int, begun: float, now: float) -> int:
        if self.load.rate is None:
            while self.idle:
                self._send(now)
                sent += 1
            return sent
        while self.idle and begun + sent / self.load.rate <= now:
            self._send(begun + sent / self.load.rate)
            sent += 1
        return sent

    def _pause(self, sent: int, begun: float, now: float) -> float:
        if self.load.rate is None or not self.idle:
            return 0.1
        return max(0.0, begun + sent / self.load.rate - now)

    def _said(self, took: float) -> dict[str, object]:
        times = sorted(self.times)
        body = self.sample.partition(b"\r\n\r\n")[2]
        return {
            "answered": len(times),
            "failed": self.failed,
            "per_second": len(times) / took,
            "p50_ms": 1e3 * times[len(times) // 2] if times else None,
            "p99_ms": 1e3 * times[int(len(times) * _LEAST_TAIL)] if times else None,
            "sample": body.decode(errors="replace")[:2000],
        }


def _end_of_answer(held: bytes) -> int | None:
    head = held.find(b"\r\n\r\n")
    if head < 0:
        return None
    found = _LENGTH.search(held, 0, head + 2)
    if found is not None:
        return head + 4 + int(found[1])
    return len(held) if held.endswith(b"\r\n0\r\n\r\n") else None


def main() -> None:
    said = json.loads(sys.argv[1])
    request = Path(said.pop("request")).read_bytes()
    print(json.dumps(Generator(Load(request=request, **said)).run()))


if __name__ == "__main__":
    main()
