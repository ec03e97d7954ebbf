from __future__ import annotations

import io
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator

import orjson
import pytest
import uvicorn

from tenure.cli.parts import answers, running
from tenure.cli.prefect import UpState, write_up
from tenure.serving import build_app
from tenure.workspace import Workspace
from tests.unit.cli.calling import Shell
from tests.unit.serving.lives import ROW, champion, write_spec


@pytest.fixture
def endpoint(workspace: Workspace) -> Iterator[str]:
    """A real prediction server on a free port, as `tenure up` would have noted it."""
    champion(workspace, seed=0, spec=write_spec(workspace, "fraud"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(build_app(workspace), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 60
    while not answers(f"{address}/health/ready") and time.monotonic() < until:
        time.sleep(0.05)
    part = running(os.getpid())
    write_up(UpState(addresses={"endpoint": address}, parts={"endpoint": part}), workspace)
    yield address
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def test_the_endpoint_answers_and_refuses(
    shell: Shell, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = [f"{name}={str(value).lower()}" for name, value in ROW.items()]
    said = shell("predict", "fraud", *row, "--json")
    assert said.code == 0, said.err
    assert (said.json["version"], said.json["epoch"]) == (1, 1)
    offline = shell("predict", "fraud", *row, "--offline", "--json").json
    assert said.json["predictions"] == offline["predictions"]
    two = io.TextIOWrapper(io.BytesIO(orjson.dumps([ROW, ROW])))
    monkeypatch.setattr(sys, "stdin", two)
    assert len(shell("predict", "fraud", "--json-file", "-", "--json").json["predictions"]) == 2
    wrong = shell("predict", "fraud", "amount=1.5", "--json")
    assert (wrong.code, wrong.error["code"]) == (2, "EndpointRefuses")
    assert "1.5" not in wrong.err
    status = shell("status", "--json").json
    assert status["addresses"] == {"endpoint": endpoint}
    assert status["servers"] == [{"part": "endpoint", "pid": os.getpid(), "is_running": True}]
    assert endpoint in shell("status").out
    backup = shell.workspace.root / "kept.tar"
    assert shell("backup", str(backup)).code == 0
    refused = shell("restore-backup", str(backup), "--json")
    assert (refused.code, refused.error["code"]) == (3, "StillUp")


def test_an_endpoint_that_is_gone_is_exit_4(shell: Shell, workspace: Workspace) -> None:
    champion(workspace, seed=0, spec=write_spec(workspace, "fraud"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    up = UpState(addresses={"endpoint": f"http://127.0.0.1:{port}"}, parts={})
    write_up(up, workspace)
    said = shell("predict", "fraud", "amount=1.5", "--json")
    assert (said.code, said.error["code"]) == (4, "NoEndpoint")
    assert "--offline" in said.error["remedy"]
