"""A server process answers throughout a retirement, and lets go of what was retired."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tenure import retirement
from tenure.records import CaseState
from tenure.registry import open_ledger
from tenure.workspace import Workspace
from tests.faults.serving_processes import Running, start
from tests.unit.serving import lives

ROBOT = "automation:test"
MODEL = "/v1/models/price"
BODY = {"instances": [lives.ROW]}

pytestmark = pytest.mark.faults


@pytest.fixture
def place(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path / "a workspace") as workspace:
        yield workspace


@pytest.fixture
def server(place: Workspace) -> Iterator[Running]:
    running = start(place, place.root / "server.log")
    yield running
    running.process.kill()
    running.process.wait()


class Traffic(threading.Thread):
    """Requests without a pause, and what came back: when asked, status, version."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.answers: list[tuple[float, int, int]] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        with httpx.Client(base_url=self.address, timeout=120) as client:
            while not self.is_over.is_set():
                began_at = time.time()
                answer = client.post(f"{MODEL}:predict", json=BODY)
                version = answer.json().get("version", 0)
                self.answers.append((began_at, answer.status_code, version))


def test_no_request_fails_while_a_champion_is_retired_and_its_own_address_is_gone(
    server: Running, place: Workspace
) -> None:
    case = retirement.open_retirement(
        "price", successor=2, reason="It drifted.", actor=ROBOT, workspace=place
    )
    traffic = Traffic(server.address)
    traffic.start()
    try:
        done = retirement.carry_out(case, place, actor=ROBOT)
    finally:
        traffic.is_over.set()
        traffic.join()
    assert done.state is CaseState.CLOSED
    assert {status for _, status, _ in traffic.answers} == {200}
    moved_at = open_ledger(place).slot("price").since.timestamp()
    late = [each for each in traffic.answers if each[0] > done.closed_at.timestamp()]
    assert {version for _, _, version in traffic.answers} == {1, 2}
    assert all(version == 2 for _, _, version in late)
    assert any(began_at < moved_at for began_at, _, _ in traffic.answers)
    drained = done.done("drain").facts
    assert (drained["processes"], drained["is_drained"]) == (1, True)
    record = retirement.load_record(done, place)
    assert record.memory_freed_bytes is not None
    paths = done.done("probe").facts["paths"]
    assert paths[server.address] == "HTTP 410"
    assert paths[f"memory of process {server.process.pid}"] == "it is not there"
    gone = httpx.post(f"{server.address}{MODEL}/versions/1:predict", json=BODY)
    assert (gone.status_code, gone.json()["successor"]["version"]) == (410, 2)
