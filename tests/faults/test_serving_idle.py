"""Hundreds of connections that say nothing keep nobody else from being answered, and are closed."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tenure.serving.limits import Limits
from tenure.workspace import Workspace
from tests.faults.serving_processes import connected, drained, threaded, until
from tests.unit.serving import lives

MANY = 300
FOR_EVER = 3_600.0
ASKED = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"

pytestmark = pytest.mark.faults


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path_factory.mktemp("idle") / "a workspace") as workspace:
        yield workspace


def idle(address: str, count: int, until_end: ExitStack) -> list[socket.socket]:
    """Connections that say nothing: every other one has been answered once before."""
    found = []
    for place in range(count):
        found.append(until_end.enter_context(connected(address)))
        if place % 2:
            found[-1].sendall(ASKED)
    assert {status_of(sock) for sock in found[1::2]} == {200}
    return found


def status_of(sock: socket.socket) -> int:
    """Read one answer, to its last byte, and return its status."""
    said = b""
    while b"\r\n\r\n" not in said:
        chunk = sock.recv(65_536)
        assert chunk, "closed before it answered"
        said += chunk
    head, _, body = said.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    while length is not None and len(body) < int(length[1]):
        body += sock.recv(65_536)
    return int(head.split()[1])


def is_open(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    finally:
        sock.setblocking(True)


def predicted(address: str) -> int:
    body = {"instances": [lives.ROW]}
    return httpx.post(f"{address}/v1/models/fraud:predict", json=body, timeout=60).status_code


def test_hundreds_of_idle_connections_leave_the_server_to_others(place: Workspace) -> None:
    limits = Limits(idle_s=FOR_EVER, header_timeout_s=FOR_EVER)
    with threaded(place, limits) as address, ExitStack() as until_end:
        quiet = idle(address, MANY, until_end)
        assert [predicted(address) for _ in range(10)] == [200] * 10
        assert all(map(is_open, quiet))


def test_idle_connections_are_closed_without_a_word(place: Workspace) -> None:
    limits = Limits(idle_s=0.3, header_timeout_s=1.0)
    with threaded(place, limits) as address, ExitStack() as until_end:
        quiet = idle(address, MANY, until_end)
        assert [drained(sock) for sock in quiet] == [b""] * MANY
        assert predicted(address) == 200


def test_connections_beyond_the_limit_read_503_until_some_have_gone(place: Workspace) -> None:
    limits = Limits(connections=20, idle_s=FOR_EVER, header_timeout_s=FOR_EVER)
    with threaded(place, limits) as address, ExitStack() as until_end:
        quiet = [until_end.enter_context(connected(address)) for _ in range(25)]
        assert until(lambda: predicted(address) == 503)
        for sock in quiet:
            sock.close()
        assert until(lambda: predicted(address) == 200)
