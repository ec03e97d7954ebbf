"""Several server processes at one address: they change together, and lose nothing if one dies."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest

from tenure import predictions
from tenure.predictions.status import ServerStatus
from tenure.records import Assignment
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


def helpers(server: Running) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def can_be_asked(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.HTTPError:
        return False


def pids(place: Workspace) -> set[int]:
    return {each.pid for each in read_statuses(place) if each.is_ready}


def test_two_workers_change_together_and_every_answer_is_its_versions_own(
    server: Running, place: Workspace
) -> None:
    wanted = offline(place)
    epochs = {each.epoch: each.version for each in open_ledger(place).tenures("price")}
    served: list[tuple[float, int]] = []
    traffic = Traffic(server.address)

    def swap() -> None:
        for _ in range(SWAPS):
            moved = move(place)
            assert moved.version is not None
            epochs[moved.epoch] = moved.version
            found = wait_until_serving("price", moved.epoch, place, timeout_s=120)
            assert (found.processes, found.is_complete) == (2, True), found.refused
            served.append((time.monotonic(), moved.epoch))

    asyncio.run(traffic.during(swap))
    assert traffic.failed == []
    assert len(traffic.answers) > SWAPS
    for began_at, said in traffic.answers:
        assert epochs[said["epoch"]] == said["version"]
        assert said["predictions"] == pytest.approx(wanted[said["version"]], abs=1e-9)
        acknowledged = [epoch for at, epoch in served if at < began_at]
        assert said["epoch"] >= max(acknowledged, default=0)


def test_a_killed_worker_is_started_again_and_the_answers_go_on(
    server: Running, place: Workspace
) -> None:
    before, gone_at = pids(place), list[float]()
    traffic = Traffic(server.address)

    def kill() -> None:
        until(lambda: len(traffic.answers) > 20)
        os.kill(min(before), signal.SIGKILL)
        until(lambda: not psutil.pid_exists(min(before)))
        gone_at.append(time.monotonic())
        until(lambda: len([at for at, _ in traffic.answers if at > gone_at[0]]) > 20)
        until(lambda: len(pids(place)) == 2)

    asyncio.run(traffic.during(kill))
    assert max(before) in pids(place)
    assert min(before) not in pids(place)
    # What was on its way to the killed one is all that may be lost.
    assert [at for at in traffic.failed_at if at > gone_at[0]] == []
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


def worker(place: Workspace, pid: int) -> ServerStatus | None:
    return next((each for each in read_statuses(place) if each.pid == pid), None)


def move(place: Workspace) -> Assignment:
    """Give the slot to another version in the ledger alone, as quickly as that goes."""
    ledger = open_ledger(place)
    now = ledger.slot("price")
    assert now is not None
    assert now.version is not None
    return ledger.promote(
        "price",
        1 + now.version % 3,
        expected_epoch=now.epoch,
        actor=lives.ACTOR,
        reason="A test wants it.",
        evidence="a test",
    )


def answered(server: Running) -> int:
    """Ask by a connection of its own, and return the epoch of the answer."""
    body = {"instances": [lives.ROW]}
    return httpx.post(f"{server.address}/v1/models/price:predict", json=body).json()["epoch"]


def caught_starting(place: Workspace, before: set[int]) -> int | None:
    """Stop a worker that is starting, and return its pid; one that is too quick is killed."""
    for each in read_statuses(place):
        if each.pid not in before:
            os.kill(each.pid, signal.SIGSTOP)
            until(lambda pid=each.pid: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
            caught = worker(place, each.pid)
            if caught is not None and caught.is_starting:
                return each.pid
            os.kill(each.pid, signal.SIGKILL)
    return None


def test_one_that_is_started_again_holds_up_no_change(server: Running, place: Workspace) -> None:
    before = pids(place)
    os.kill(min(before), signal.SIGKILL)
    moved = move(place)
    # As long as it starts it takes no requests, and is not waited for, should that never end.
    fresh = until(lambda: caught_starting(place, before))
    try:
        for _ in range(2):
            found = wait_until_serving("price", moved.epoch, place, timeout_s=120)
            assert (found.processes, found.is_complete) == (1, True)
            assert {answered(server) for _ in range(10)} == {moved.epoch}
            moved = move(place)
    finally:
        os.kill(fresh, signal.SIGCONT)
    until(lambda: len(pids(place)) == 2)
    found = wait_until_serving("price", moved.epoch, place, timeout_s=120)
    assert (found.processes, found.is_complete) == (2, True)
    assert {answered(server) for _ in range(20)} == {moved.epoch}


def test_one_that_is_stopped_is_not_waited_for_and_is_not_said_to_serve(
    server: Running, place: Workspace
) -> None:
    stopped, other = sorted(pids(place))
    os.kill(stopped, signal.SIGSTOP)
    try:
        moved = move(place)

        def follows() -> bool:
            status = worker(place, other)
            return status is not None and status.serving["price"].epoch == moved.epoch

        until(follows)
        found = wait_until_serving("price", moved.epoch, place, timeout_s=0)
        assert (found.processes, found.serving, found.is_complete) == (2, 1, False)
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert wait_until_serving("price", moved.epoch, place, timeout_s=120).is_complete
    assert {answered(server) for _ in range(20)} == {moved.epoch}


def test_on_a_full_disk_they_change_together_and_say_so(server: Running, place: Workspace) -> None:
    workers = sorted(pids(place))
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in workers}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        for _ in range(2):
            moved = move(place)
            found = wait_until_serving("price", moved.epoch, place, timeout_s=120)
            assert (found.processes, found.is_complete) == (2, True)
            assert {answered(server) for _ in range(20)} == {moved.epoch}
    finally:
        for pid, before in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    assert pids(place) == set(workers)


def test_the_admin_address_adds_up_what_all_of_them_answered(place: Workspace) -> None:
    server = start(place, place.root / "admin.log", "--workers", "2", "--admin-port", "0")
    try:
        admin = orjson.loads((place.spool / "admin.json").read_bytes())["address"]
        answered_by: Counter[int] = Counter()

        def counted() -> float:
            lines = httpx.get(f"{admin}/metrics").text.splitlines()
            wanted = [e for e in lines if e.startswith("tenure_requests_total{") and "price" in e]
            return sum(float(line.rpartition(" ")[2]) for line in wanted)

        def counts() -> dict[int, int]:
            """How many answers each process has given, as its status tells."""
            told = {}
            for each in read_statuses(place):
                mine = [tally for tally in each.tallies if tally["model"] == "price"]
                told[each.pid] = sum(tally["answered"] for tally in mine)
            return told

        def both_have_answered() -> bool:
            answered_by.update([answered(server)])
            return len([count for count in counts().values() if count]) == 2

        until(both_have_answered)
        asked = answered_by.total()
        until(lambda: counted() == asked)
        until(lambda: sum(counts().values()) == asked)
        said = httpx.get(f"{admin}/status").json()["processes"]
        assert {each["pid"] for each in said} == counts().keys()
        killed = min(counts())
        os.kill(killed, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(killed))
        # What it had counted stays in the sum, also when its place was taken by another.
        until(lambda: len(pids(place)) == 2)
        assert counted() == asked
        for _ in range(10):
            answered(server)
        until(lambda: counted() == asked + 10)
        until(lambda: httpx.get(f"{admin}/health/ready").json()["ready"] == 2)
        # It has a process of its own, which comes back at the same address and knows the sum.
        (answers,) = (one for one in helpers(server) if one.name() == "tenure-admin")
        answers.kill()
        until(lambda: [one for one in helpers(server) if one.pid > answers.pid])
        until(lambda: can_be_asked(f"{admin}/metrics"))
        assert counted() == asked + 10
    finally:
        server.process.terminate()
        server.process.wait(120)
