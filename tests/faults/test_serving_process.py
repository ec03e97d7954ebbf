"""A server process keeps its promises while versions change, and when it is stopped or killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tenure import predictions
from tenure.registry import close_ledger, open_ledger
from tenure.registry.opening import ledger_file
from tenure.serving import predict_offline, read_statuses, wait_until_serving
from tenure.workspace import Workspace
from tests.faults.serving_processes import Running, connected, drained, start, until
from tests.unit.serving import lives

SWAPS = 20
PRICE = "/v1/models/price:predict"
BODY = {"instances": [lives.ROW]}

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    folder = tmp_path_factory.mktemp("process") / "a workspace"
    with lives.copied(template, folder) as workspace:
        yield workspace


@pytest.fixture(scope="module")
def boot(place: Workspace) -> Iterator[Callable[[], Running]]:
    """Return the running server, started anew if a test has ended it."""
    started: list[Running] = []

    def running() -> Running:
        if not started or not started[-1].is_alive:
            started.append(start(place, place.root / "server.log"))
        return started[-1]

    yield running
    for server in started:
        if server.is_alive:
            server.process.kill()
        server.process.wait()


@pytest.fixture
def server(boot: Callable[[], Running]) -> Running:
    return boot()


@dataclass
class Traffic:
    """Requests sent without a pause, and what came back."""

    address: str
    answers: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    failed_at: list[float] = field(default_factory=list)
    is_over: bool = False

    async def flow(self, fresh_connections: bool) -> None:
        while not self.is_over:
            async with httpx.AsyncClient(base_url=self.address, timeout=120) as client:
                for _ in range(1 if fresh_connections else 1_000_000):
                    if self.is_over or not await self.ask(client):
                        break

    async def ask(self, client: httpx.AsyncClient) -> bool:
        began_at = time.monotonic()
        try:
            answer = await client.post(PRICE, json=BODY)
        except httpx.ConnectError:
            self.is_over = True  # nobody listens any more: nothing was sent, nothing is lost
            return False
        except httpx.HTTPError as error:
            self.failed.append(repr(error))
            self.failed_at.append(began_at)
            return False
        if answer.status_code != 200:
            self.failed.append(f"{answer.status_code} {answer.text}")
            self.failed_at.append(began_at)
        else:
            self.answers.append((began_at, answer.json()))
        return "close" not in answer.headers.get("connection", "")

    async def during(self, work: Callable[[], Any]) -> None:
        """Send from four clients while something happens in a thread."""
        flows = [asyncio.ensure_future(self.flow(place % 2 == 0)) for place in range(4)]
        try:
            await asyncio.to_thread(work)
        finally:
            self.is_over = True
            await asyncio.gather(*flows)


def offline(place: Workspace) -> dict[int, list[float]]:
    return {
        number: predict_offline("price", [lives.ROW], place, version=number)["predictions"]
        for number in (1, 2, 3)
    }


def test_no_request_fails_and_none_is_mixed_while_versions_change(
    server: Running, place: Workspace
) -> None:
    wanted = offline(place)
    assert len({value for values in wanted.values() for value in values}) == 3
    epochs = {each.epoch: each.version for each in open_ledger(place).tenures("price")}
    served: list[tuple[float, int]] = []
    traffic = Traffic(server.address)

    def swap() -> None:
        ledger = open_ledger(place)
        for turn in range(SWAPS):
            now = ledger.slot("price")
            assert now is not None
            moved = ledger.promote(
                "price",
                1 + (turn + 1) % 3,
                expected_epoch=now.epoch,
                actor=lives.ACTOR,
                reason="A test wants it.",
                evidence="a test",
            )
            epochs[moved.epoch] = moved.version
            found = wait_until_serving("price", moved.epoch, place, timeout_s=120)
            assert found.is_complete, found.refused
            assert found.processes == 1
            served.append((time.monotonic(), moved.epoch))

    asyncio.run(traffic.during(swap))
    assert traffic.failed == []
    assert len(traffic.answers) > SWAPS
    for began_at, said in traffic.answers:
        assert epochs[said["epoch"]] == said["version"]
        assert said["predictions"] == pytest.approx(wanted[said["version"]], abs=1e-9)
        acknowledged = [epoch for at, epoch in served if at < began_at]
        assert said["epoch"] >= max(acknowledged, default=0)


@pytest.mark.parametrize("damage", ["gone", "locked", "garbage"])
def test_a_ledger_that_fails_changes_nothing_of_what_serves(
    server: Running, place: Workspace, damage: str
) -> None:
    close_ledger(place)
    before = httpx.get(f"{server.address}/v1/models/price").json()

    def reasons() -> list[str]:
        ready = httpx.get(f"{server.address}/health/ready", timeout=60)
        assert ready.status_code == 200
        return ready.json()["reasons"]

    with hurt(ledger_file(place), damage):
        if damage != "locked":
            assert until(reasons)
        assert httpx.post(f"{server.address}{PRICE}", json=BODY).status_code == 200
    until(lambda: not reasons())
    assert httpx.get(f"{server.address}/v1/models/price").json() == before


@contextmanager
def hurt(file: Path, damage: str) -> Iterator[None]:
    """Do something to the ledger's file, and undo it."""
    if damage == "locked":
        lock = sqlite3.connect(file, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        yield
        lock.execute("ROLLBACK")
        lock.close()
        return
    parts = sorted(file.parent.glob(f"{file.name}*"))
    for part in parts:
        part.rename(part.with_name(f"away-{part.name}"))
    if damage == "garbage":
        file.write_bytes(b"\x00garbage" * 10_000)
    yield
    for part in parts:
        part.with_name(f"away-{part.name}").rename(part)


def test_an_endless_body_is_refused_at_the_cap_with_flat_memory(server: Running) -> None:
    sending = 200 * 1024 * 1024
    watched = psutil.Process(server.process.pid)
    peak = before = watched.memory_info().rss
    chunk = b"10000\r\n" + b"[" * 65_536 + b"\r\n"
    sent = 0
    with connected(server.address) as sock:
        sock.sendall(
            f"POST {PRICE} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            "transfer-encoding: chunked\r\n\r\n".encode()
        )
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < sending:
                sock.sendall(chunk)
                sent += 65_536
                peak = max(peak, watched.memory_info().rss)
        said = drained(sock)
    assert said == b"" or said.startswith(b"HTTP/1.1 413 ")
    assert sent < sending
    assert peak - before < 100 * 1024 * 1024


def test_the_log_holds_no_value_of_a_row(server: Running) -> None:
    row = {**lives.ROW, "amount": None, "country": "Mallory-4711"}
    refused = httpx.post(f"{server.address}{PRICE}", json={"instances": [row]})
    assert refused.status_code == 422
    number = refused.json()["instance"].rpartition(":")[2].replace("-", "")
    text = until(lambda: number in (said := server.log.read_text()) and said)
    assert "Mallory" not in text


def test_a_killed_server_comes_back_as_the_ledger_says(
    boot: Callable[[], Running], place: Workspace
) -> None:
    first = boot()
    ids = [f"kept-{place}" for place in range(5)]
    for each in ids:
        said = httpx.post(f"{first.address}{PRICE}", json={**BODY, "ids": [each]})
        assert said.status_code == 200
    until(lambda: set(ids) <= set(predictions.read("price", place)["id"]))
    now = open_ledger(place).slot("price")
    assert now is not None
    moved = lives.promote(place, 1 + now.version % 3, "price")  # type: ignore[operator]
    os.kill(first.process.pid, signal.SIGKILL)  # somewhere in the swap, or before it
    first.process.wait()
    assert wait_until_serving("price", moved.epoch, place).processes == 0
    second = boot()
    said = httpx.post(f"{second.address}{PRICE}", json=BODY).json()
    assert (said["version"], said["epoch"]) == (moved.version, moved.epoch)
    assert [each.pid for each in read_statuses(place)] == [second.process.pid]
    assert predictions.carry(place).files >= 1
    kept = predictions.read("price", place)
    assert kept[kept["id"].isin(ids)]["id"].tolist() == ids


def test_a_server_that_is_told_to_stop_answers_everyone_first(
    boot: Callable[[], Running], place: Workspace
) -> None:
    server = boot()
    traffic = Traffic(server.address)

    def stop() -> None:
        until(lambda: len(traffic.answers) > 20)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(120)

    asyncio.run(traffic.during(stop))
    assert traffic.failed == []
    assert server.process.returncode == 0
    assert read_statuses(place) == []
    logged = set(predictions.read("price", place)["id"])
    assert {each for _, said in traffic.answers for each in said["ids"]} <= logged
