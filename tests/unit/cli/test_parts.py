"""Processes are known by pid and start time, ports are free ones, logs do not grow for ever."""

import os
import socket
import subprocess
import sys

import psutil
import pytest

from tenure.cli import parts
from tenure.cli.layout import choose_ports, lay_out, order_of_stopping
from tenure.cli.parts import Part, Running
from tenure.cli.prefect import UpState, api_address, environment, read_up, write_up
from tenure.cli.supervisor import stop_parts, tail
from tenure.errors import BadSetting, NoPrefectServer

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


@pytest.fixture
def sleeper():
    process = subprocess.Popen(SLEEPER, start_new_session=True)
    yield process
    process.kill()
    process.wait()


def settings(workspace, text):
    (workspace.root / "config/settings.yaml").write_text(text)


def test_a_process_is_recognised(sleeper):
    assert parts.running(sleeper.pid).process().pid == sleeper.pid


def test_a_pid_that_was_given_to_somebody_else_is_never_touched(sleeper):
    before = parts.running(sleeper.pid)
    somebody = Running(pid=before.pid, started=before.started - 60)
    assert somebody.process() is None
    stop_parts({"long": somebody}, lambda _: None)
    assert sleeper.poll() is None


def test_a_process_that_ended_is_gone(sleeper):
    known = parts.running(sleeper.pid)
    sleeper.kill()
    psutil.wait_procs([psutil.Process(sleeper.pid)], timeout=10)
    assert known.process() is None


def test_a_part_is_started_in_a_session_of_its_own_and_stopped(tmp_path):
    log = tmp_path / "logs" / "part.log"
    part = Part(
        name="long",
        command=(sys.executable, "-c", "print('hello', flush=True); import time; time.sleep(600)"),
        env=dict(os.environ),
        folder=tmp_path,
        log=log,
        is_ready=lambda _: True,
    )
    started = parts.launch(part)
    assert os.getsid(started.pid) == started.pid
    while "hello" not in log.read_text():
        assert started.poll() is None
    said = []
    stop_parts({"long": parts.running(started.pid)}, said.append)
    assert started.wait(10) is not None
    assert said == ["long is stopped"]


def test_the_server_is_stopped_last():
    assert order_of_stopping(["server", "quick", "endpoint", "long"])[-1] == "server"
    assert order_of_stopping(["server", "quick", "endpoint", "long"])[0] == "long"


def test_a_port_that_is_taken_is_replaced_and_said(workspace):
    with socket.socket() as taken:
        taken.bind((parts.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings(workspace, f"ports: {{prefect: {port}}}\n")
        chosen, notes = choose_ports(workspace, None)
    assert chosen["prefect"] != port
    assert f"port {port} is taken; prefect listens on {chosen['prefect']}" in notes


@pytest.mark.parametrize("ports", ["[1]", "{http: 80}", "{prefect: 0}", "{endpoint: text}"])
def test_a_port_that_is_none_is_refused(workspace, ports):
    settings(workspace, f"ports: {ports}\n")
    with pytest.raises(BadSetting, match="ports"):
        choose_ports(workspace, None)


@pytest.mark.parametrize("said", ["[1]", "{admin_port: text}", "{admin_port: 70000}", "{x: 1}"])
def test_a_setting_of_serving_that_is_none_is_refused(workspace, said):
    settings(workspace, f"serving: {said}\n")
    with pytest.raises(BadSetting, match="serving"):
        lay_out(workspace)


def test_the_settings_say_how_the_endpoint_is_run(workspace):
    for text, workers, port in (("", "1", "0"), ("{workers: 2, admin_port: 9105}", "2", "9105")):
        settings(workspace, f"serving: {text}\n")
        (endpoint,) = [part for part in lay_out(workspace).parts if part.name == "endpoint"]
        words = endpoint.command
        assert words[words.index("--workers") + 1] == workers
        assert words[words.index("--admin-port") + 1] == port


def test_everything_binds_to_loopback_and_the_pages_know_their_port(workspace):
    layout = lay_out(workspace)
    assert {part.name for part in layout.parts} == {
        "server",
        "quick",
        "long",
        "watcher",
        "endpoint",
    }
    for part in layout.parts:
        if "--host" in part.command:
            assert part.command[part.command.index("--host") + 1] == "127.0.0.1"
    (server,) = [part for part in layout.parts if part.name == "server"]
    assert server.env["PREFECT_SERVER_UI_API_URL"] == layout.addresses["api"]


def test_a_server_that_is_named_is_used_and_none_started(workspace):
    settings(workspace, "prefect_api_url: http://elsewhere.example/api\n")
    layout = lay_out(workspace)
    assert "server" not in {part.name for part in layout.parts}
    assert layout.addresses["api"] == "http://elsewhere.example/api"


def test_an_address_comes_from_environment_then_settings_then_what_is_up(workspace, monkeypatch):
    with pytest.raises(NoPrefectServer, match="tenure up --detach"):
        api_address(workspace)
    write_up(UpState(addresses={"api": "http://up/api"}), workspace)
    assert api_address(workspace) == "http://up/api"
    settings(workspace, "prefect_api_url: http://settings/api\n")
    assert api_address(workspace) == "http://settings/api"
    monkeypatch.setenv("PREFECT_API_URL", "http://environment/api")
    assert api_address(workspace) == "http://environment/api"


def test_what_is_up_is_read_as_it_was_written(workspace):
    state = UpState(
        addresses={"api": "http://up/api"},
        parts={"server": Running(pid=1, started=2.5)},
        supervisor=Running(pid=3, started=4.5),
        is_ready=True,
        notes=("port 4200 is taken",),
    )
    write_up(state, workspace)
    assert read_up(workspace) == state
    workspace.up_file.write_text("{")
    assert read_up(workspace) is None


def test_a_part_works_for_its_own_workspace_and_server(workspace, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://somebody-else/api")
    assert "PREFECT_API_URL" not in environment(workspace)
    env = environment(workspace, "http://ours/api")
    assert env["PREFECT_API_URL"] == "http://ours/api"
    assert env["TENURE_WORKSPACE"] == str(workspace.root)
    assert env["PREFECT_HOME"] == str(workspace.state / "prefect")


def test_a_log_that_grew_is_moved_aside_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "server.log"
    with log.open("ab") as writer:
        for number in range(6):
            writer.write(b"%d" % number * 100)
            writer.flush()
            parts.rotate(log, limit=50)
        writer.write(b"the end")
        writer.flush()
    assert log.read_bytes() == b"the end"
    assert (tmp_path / "server.log.1").read_bytes() == b"5" * 100
    assert (tmp_path / "server.log.3").read_bytes() == b"3" * 100
    assert not (tmp_path / "server.log.4").exists()


def test_the_end_of_a_log_is_shown(tmp_path):
    log = tmp_path / "a.log"
    assert tail(log, 2) == ""
    log.write_text("one\ntwo\nthree\n")
    assert tail(log, 2) == "two\nthree"
