"""Slow, lying and endless clients cost the server next to nothing, and nobody else anything."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator

import httpx
import orjson
import pytest

from tenure.serving.limits import Limits
from tenure.workspace import Workspace
from tests.faults.serving_processes import connected, drained, threaded
from tests.unit.serving import lives
from tests.unit.serving.test_oip_infer import tensors
from tests.unit.serving.test_oip_refused import ODD_NUMBERS

LIMITS = Limits(body_bytes=100_000, body_timeout_s=0.3, header_timeout_s=0.3, header_bytes=8_000)
PREDICT = "/v1/models/fraud:predict"
INFER_HEAD = (
    "POST /v2/models/fraud/infer HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
)
BODY = orjson.dumps({"instances": [lives.ROW]})

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def workspace_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    folder = tmp_path_factory.mktemp("clients") / "a workspace"
    with lives.copied(template, folder) as workspace:
        yield workspace


@pytest.fixture(scope="module")
def address(workspace_of_all: Workspace) -> Iterator[str]:
    with threaded(workspace_of_all, LIMITS) as where:
        yield where


def head(length: int | None, more: str = "") -> bytes:
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    return (
        f"POST {PREDICT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"{size}\r\n{more}\r\n"
    ).encode()


SLOW = {
    "nothing at all": (b"", b""),
    "half a request line": (b"POST /v1", b"HTTP/1.1 408 "),
    "headers without end": (head(3)[:-2], b"HTTP/1.1 408 "),
    "blank lines": (b"\r\n\r\n", b"HTTP/1.1 408 "),
    "no body": (head(len(BODY)), b"HTTP/1.1 408 "),
    "one byte of a body": (head(len(BODY)) + BODY[:1], b"HTTP/1.1 408 "),
    "one chunk of a body": (head(None) + b"1\r\n{\r\n", b"HTTP/1.1 408 "),
}


@pytest.mark.parametrize(("sent", "wanted"), SLOW.values(), ids=SLOW.keys())
def test_a_client_that_stalls_is_given_up(address: str, sent: bytes, wanted: bytes) -> None:
    with connected(address) as sock:
        sock.sendall(sent)
        assert drained(sock).startswith(wanted)


def test_a_header_that_trickles_is_given_up(address: str) -> None:
    stop = threading.Event()
    with connected(address) as sock:
        sock.sendall(head(3)[:-2])

        def trickle() -> None:
            while not stop.wait(0.05):
                try:
                    sock.sendall(b"x: y\r\n")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        said = drained(sock)
        stop.set()
        thread.join()
    assert said == b"" or said.startswith(b"HTTP/1.1 408 ")


HEADS = {
    "a long address": b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"y" * 9_000 + b"\r\n\r\n",
    "a header without end": b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"y" * 9_000,
    "many headers": b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
}


@pytest.mark.parametrize("sent", HEADS.values(), ids=HEADS.keys())
def test_a_head_beyond_its_bounds_is_refused(address: str, sent: bytes) -> None:
    with connected(address) as sock:
        sock.sendall(sent)
        assert drained(sock).startswith(b"HTTP/1.1 431 ")


MALFORMED = {
    "no http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "two lengths": head(3, "content-length: 5\r\n"),
    "length and chunks": head(3, "transfer-encoding: chunked\r\n") + b"0\r\n\r\n",
    "a negative length": head(-1),
    "a NUL in the address": b"GET /\x00 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    "bytes above ASCII in the address": b"GET /\xff HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    "a bad chunk": head(None) + b"zz\r\n{}\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_http_is_refused(address: str, sent: bytes) -> None:
    with connected(address) as sock:
        sock.sendall(sent)
        status = drained(sock)[9:10]
        assert status in (b"4", b"")


def test_a_declared_length_beyond_the_cap_is_refused_before_the_body(address: str) -> None:
    with connected(address) as sock:
        sock.sendall(head(10_000_000_000))
        assert drained(sock).startswith(b"HTTP/1.1 413 ")


LYING = {
    "more than was said": head(10) + BODY,
    "less than was said": head(len(BODY) + 50) + BODY,
    "nothing of what was said": head(len(BODY)),
    "a chunk that is longer": head(None) + b"5\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk that is shorter": head(None) + b"ffff\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a second request in the body": head(5) + head(len(BODY)) + BODY,
}


@pytest.mark.parametrize("sent", LYING.values(), ids=LYING.keys())
def test_a_body_that_lies_about_its_length_is_refused(address: str, sent: bytes) -> None:
    with connected(address) as sock:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        said = drained(sock)
    statuses = re.findall(rb"HTTP/1\.1 (\d)", said)
    assert set(statuses) <= {b"4"}, said
    after = httpx.post(f"{address}{PREDICT}", json={"instances": [lives.ROW]}, timeout=60)
    assert after.status_code == 200


@pytest.mark.parametrize("name", ODD_NUMBERS)
def test_an_odd_number_behind_a_head_that_is_known_is_refused_as_well(
    address: str, name: str
) -> None:
    body, wanted = ODD_NUMBERS[name]
    good = orjson.dumps({"inputs": tensors(lives.ROW)})
    said = []
    with connected(address) as sock:
        for sent in (good, good, good, body, good):
            length = f"content-length: {len(sent)}\r\n\r\n"
            sock.sendall(INFER_HEAD.encode() + length.encode() + sent)
            found = b""
            while not found.endswith(b"}"):
                found += sock.recv(65_536)
            said.append(found)
    assert [each[9:12] for each in said] == [b"200", b"200", b"200", b"400", b"200"]
    assert wanted.encode() in said[3]


def test_two_requests_in_one_piece_are_both_answered(address: str) -> None:
    get = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    with connected(address) as sock:
        sock.sendall(head(len(BODY)) + BODY + get + b"connection: close\r\n\r\n")
        said = drained(sock)
    assert said.count(b"HTTP/1.1 200 ") == 2


def test_many_slow_clients_leave_the_server_to_others(address: str) -> None:
    slow = [connected(address) for _ in range(50)]
    for sock in slow:
        sock.sendall(head(3)[:-2])
    said = httpx.post(f"{address}{PREDICT}", json={"instances": [lives.ROW]}, timeout=60)
    assert said.status_code == 200
    assert all(drained(sock).startswith(b"HTTP/1.1 408 ") for sock in slow)
    for sock in slow:
        sock.close()
