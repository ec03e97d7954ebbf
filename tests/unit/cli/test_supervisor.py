"""Two starts at once: each gets ports of its own, and a workspace one supervisor."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tenure.cli import parts, supervisor
from tenure.cli.layout import ENDPOINT, SERVER, Layout, choose_ports
from tenure.cli.parts import HOST, Part, free_port
from tenure.cli.prefect import UpState, read_up
from tenure.cli.supervisor import Supervisor, only_one
from tenure.errors import PartDied
from tenure.workspace import Workspace

SERVE = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


@pytest.fixture
def wanted(monkeypatch):
    """Plain web servers in place of the parts; a first start wants these ports, free or not."""
    ports = {"prefect": free_port(0), "endpoint": free_port(0)}

    def plan(workspace: Workspace, before: UpState | None = None) -> Layout:
        chosen = choose_ports(workspace, before)[0] if before else ports
        addresses = {name: f"http://{HOST}:{port}" for name, port in chosen.items()}
        made = [
            _part(workspace, SERVER, chosen["prefect"]),
            _part(workspace, ENDPOINT, chosen["endpoint"]),
        ]
        return Layout(
            parts=tuple(made), addresses=addresses | {"api": addresses["prefect"]}, notes=()
        )

    monkeypatch.setattr(supervisor, "lay_out", plan)
    return ports


def _part(workspace: Workspace, name: str, port: int, code: str = SERVE) -> Part:
    return Part(
        name=name,
        command=(sys.executable, "-c", code.format(port=port)),
        env={},
        folder=workspace.root,
        log=workspace.state / "logs" / f"{name}.log",
        is_ready=lambda _: parts.answers(f"http://{HOST}:{port}/mine"),
        port=port,
    )


def a_house(root: Path, ports: dict[str, int]) -> Workspace:
    (root / "config").mkdir(parents=True)
    (root / "config/settings.yaml").write_text(f"ports: {ports}\n".replace("'", ""))
    from tenure.workspace import open_workspace

    (root / "mine").write_text(root.name)
    return open_workspace(root)


def test_two_starts_that_chose_the_same_ports_both_come_up(tmp_path, wanted):
    houses = [a_house(tmp_path / name, wanted) for name in ("one", "two")]
    made = [Supervisor(house, lambda _: None) for house in houses]
    starts = [threading.Thread(target=each.start) for each in made]
    try:
        for each in starts:
            each.start()
        for each in starts:
            each.join()
        for house, each in zip(houses, made, strict=True):
            assert each.state.is_ready
            for address in ("prefect", "endpoint"):
                answer = httpx.get(f"{each.state.addresses[address]}/mine", trust_env=False)
                assert answer.text == house.root.name
        first, second = (set(each.state.addresses.values()) for each in made)
        assert not first & second
    finally:
        for each in made:
            each.end()


def test_only_the_endpoint_moves_where_only_its_port_was_lost(tmp_path, wanted):
    house = a_house(tmp_path / "one", wanted)
    other = Supervisor(a_house(tmp_path / "two", wanted), lambda _: None)
    taken = _part(other.workspace, ENDPOINT, wanted["endpoint"])
    other.kept = {}
    size = other._begin(taken)
    other._await(taken, size)
    said: list[str] = []
    mine = Supervisor(house, said.append)
    try:
        state = mine.start()
        assert state.addresses["prefect"].endswith(f":{wanted['prefect']}")
        assert not state.addresses["endpoint"].endswith(f":{wanted['endpoint']}")
        assert said.count("server is ready") == 1
        assert any("before endpoint could listen" in text for text in said)
        assert read_up(house) == state
    finally:
        mine.end()
        other.end()


def test_a_part_that_dies_with_its_port_free_ends_the_start(tmp_path, wanted, monkeypatch):
    house = a_house(tmp_path / "one", wanted)

    def plan(workspace: Workspace, before: UpState | None = None) -> Layout:
        dead = _part(workspace, SERVER, wanted["prefect"], code="raise SystemExit('no licence')")
        return Layout(parts=(dead,), addresses={"api": "x"}, notes=())

    monkeypatch.setattr(supervisor, "lay_out", plan)
    with pytest.raises(PartDied, match="no licence"):
        Supervisor(house, lambda _: None).start()
    assert not house.up_file.exists()


def test_a_part_that_is_alive_and_does_not_listen_is_not_ready(tmp_path, wanted):
    """What answers at its port is somebody else's."""
    house = a_house(tmp_path / "one", wanted)
    keeper = Supervisor(house, lambda _: None)
    server = _part(house, SERVER, wanted["prefect"])
    idle = replace(
        _part(house, ENDPOINT, wanted["prefect"], code="import time; time.sleep(600)"),
    )
    try:
        keeper._await(server, keeper._begin(server))
        keeper._begin(idle)
        assert idle.is_ready(0)
        assert not keeper._is_ready(idle, keeper.kept[ENDPOINT].running, 0)
    finally:
        keeper.end()


def test_a_workspace_is_kept_up_by_one_process(workspace):
    with only_one(workspace) as first, only_one(workspace) as second:
        assert (first, second) == (True, False)
    with only_one(workspace) as again:
        assert again
    said: list[str] = []
    with only_one(workspace):
        assert supervisor.supervise(workspace, said.append) is False
    assert said == []
