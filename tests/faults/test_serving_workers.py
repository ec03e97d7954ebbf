"""Several server processes at one address: they change together, and lose nothing when one dies."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tenure import predictions
from tenure.registry import open_ledger
from tenure.serving import read_statuses, wait_until_serving
from tenure.workspace import Workspace
from tests.faults.serving_processes import Running, start, until
from tests.faults.test_serving_process import Traffic, offline
from tests.unit.serving import lives

SWAPS = int(os.environ.get("TENURE_SOAK_SWAPS", "6"))

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    folder = tmp_path_factory.mktemp("workers") / "a workspace"
    with lives.copied(template, folder) as workspace:
        yield workspace


@pytest.fixture
def server(place: Workspace) -> Iterator[Running]:
    running = start(place, place.root / "server.log", "--workers", "2")
    yield running
    workers = psutil.Process(running.process.pid).children() if running.is_alive else []
    running.process.terminate()
    running.process.wait(120)
    assert not [each for each in workers if each.is_running()]


def pids(place: Workspace) -> set[int]:
    return {each.pid for each in read_statuses(place) if each.is_ready}


def test_two_workers_change_within_a_second_of_each_other(
    server: Running, place: Workspace
) -> None:
    wanted = offline(place)
    epochs = {each.epoch: each.version for each in open_ledger(place).tenures("price")}
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
            assert (found.processes, found.is_complete) == (2, True), found.refused

    asyncio.run(traffic.during(swap))
    assert traffic.failed == []
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    for began_at, said in traffic.answers:
        assert epochs[said["epoch"]] == said["version"]
        assert said["predictions"] == pytest.approx(wanted[said["version"]], abs=1e-9)
        first.setdefault(said["epoch"], began_at)
        last[said["epoch"]] = began_at
    for epoch, at in first.items():
        older = [when for each, when in last.items() if each < epoch]
        assert max(older, default=0.0) - at < 1.0


def test_a_killed_worker_is_started_again_and_the_answers_go_on(
    server: Running, place: Workspace
) -> None:
    before = pids(place)
    traffic = Traffic(server.address)

    def kill() -> None:
        until(lambda: len(traffic.answers) > 20)
        os.kill(min(before), signal.SIGKILL)
        killed_at = time.monotonic()
        until(lambda: len([at for at, _ in traffic.answers if at > killed_at]) > 20)
        until(lambda: len(pids(place)) == 2)

    asyncio.run(traffic.during(kill))
    assert max(before) in pids(place)
    assert min(before) not in pids(place)
    # What was on its way to the killed one is all that may be lost: at most one a connection.
    assert len(traffic.failed) <= 4
    assert httpx.get(f"{server.address}/health/ready").status_code == 200


def test_workers_that_are_told_to_stop_answer_everyone_first(
    server: Running, place: Workspace
) -> None:
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


def test_workers_do_not_outlive_who_started_them(server: Running, place: Workspace) -> None:
    workers = psutil.Process(server.process.pid).children()
    assert len(workers) == 2
    server.process.kill()
    gone, alive = psutil.wait_procs(workers, timeout=120)
    assert (len(gone), alive) == (2, [])
    assert read_statuses(place) == []


def test_an_address_that_is_taken_is_refused(server: Running, place: Workspace) -> None:
    import subprocess
    import sys

    port = server.address.rpartition(":")[2]
    command = [sys.executable, "-m", "tenure.serving", "--workspace", str(place.root)]
    ended = subprocess.run(
        [*command, "--port", port, "--workers", "2"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 4
    assert "Cannot listen" in ended.stderr


def crash(place: Workspace, running: Running) -> None:
    """Let a worker die of the signal that a broken library would bring."""
    victim = min(pids(place))
    marks = next(iter(place.spool.glob(f"busy-{victim}-*[0-9]")))
    now = open_ledger(place).slot("price")
    assert now is not None
    with open(marks, "r+b") as file:
        file.write(f"price {now.version} {now.epoch}".encode())
    os.kill(victim, signal.SIGSEGV)
    until(lambda: victim not in pids(place) and _reported(place, victim))


def _reported(place: Workspace, victim: int) -> Any:
    return [each for each in read_statuses(place) if each.pid > victim or len(pids(place)) == 2]


def test_a_version_that_crashed_two_workers_is_skipped_by_the_next(
    server: Running, place: Workspace, tmp_path: Path
) -> None:
    for _ in range(2):
        until(lambda: len(pids(place)) == 2)
        crash(place, server)

    def skipped() -> Any:
        return [
            each.obstacles["price"]["reason"]
            for each in read_statuses(place)
            if "price" in each.obstacles
        ]

    reasons = until(skipped)
    assert "crashed 2 server processes" in reasons[0]
    still = [each for each in read_statuses(place) if "fraud" in each.serving]
    assert len(still) == 2
    moved = lives.promote(place, 1 + open_ledger(place).slot("price").version % 3, "price")  # type: ignore[union-attr,operator]
    assert wait_until_serving("price", moved.epoch, place, timeout_s=120).is_complete
    until(lambda: len(pids(place)) == 2)
