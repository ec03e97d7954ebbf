"""Run verbs speak to Prefect's API: what they do when it is busy, refuses, or is gone."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tenure.cli import runs
from tenure.errors import DeploymentMissing, NoPrefectServer, NoPromotion, RunEnded, RunRefused
from tests.acceptance.conftest import SPEC

LATE = 0


class Server:
    """An API that answers from a script: by method and path, a list of (status, body)."""

    def __init__(self):
        self.script, self.asked, self.may_end = {}, [], threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                outer.asked.append((self.path, json.loads(self.rfile.read(size) or b"null")))
                answers = outer.script.get(self.path.removeprefix("/api/"), [(404, {})])
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                if status == LATE:
                    outer.may_end.wait(60)
                    return
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            do_GET = do_POST = _answer  # noqa: N815 - the names that http.server calls

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/api"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def run(kind, name, *, tags=(), message=""):
    return {
        "id": "r",
        "name": "train-loans",
        "tags": list(tags),
        "state": {"type": kind, "name": name, "message": message},
    }


@pytest.fixture
def server(workspace, monkeypatch):
    (workspace.models_folder / "loans.yaml").write_text(SPEC)
    made = Server()
    monkeypatch.setenv("PREFECT_API_URL", made.address)
    monkeypatch.setattr(runs, "BUSY_WAITS_S", (0.01, 0.01))
    monkeypatch.setattr(runs, "POLL_S", 0.01)
    made.script = {
        "deployments/name/train/train": [(200, {"id": "d"})],
        "deployments/d/create_flow_run": [(201, run("SCHEDULED", "Scheduled"))],
        "task_runs/filter": [(200, [])],
    }
    yield made
    made.may_end.set()
    made.http.shutdown()
    made.http.server_close()


def train(workspace, **options):
    return runs.train("loans", workspace=workspace.root, project=workspace.project, **options)


def test_a_run_is_followed_to_its_end(server, workspace):
    server.script["flow_runs/r"] = [
        (200, run("SCHEDULED", "Scheduled")),
        (200, run("RUNNING", "Running")),
        (200, run("COMPLETED", "Completed", tags=["promoted"], message="Version 1 first")),
    ]
    followed = train(workspace, require_promotion=True)
    assert (followed.state, followed.message) == ("Completed", "Version 1 first")


@pytest.mark.parametrize("status", [503, LATE])
def test_a_busy_server_is_asked_again_and_starts_one_run(server, workspace, monkeypatch, status):
    monkeypatch.setattr(runs, "ANSWER_S", 2.0)
    server.script["deployments/d/create_flow_run"] = [
        (status, {}),
        (201, run("SCHEDULED", "Scheduled")),
    ]
    assert train(workspace, no_follow=True).state == "Scheduled"
    keys = [body["idempotency_key"] for path, body in server.asked if "create_flow_run" in path]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_server_that_stays_busy_is_said_to_be(server, workspace):
    server.script["deployments/d/create_flow_run"] = [(503, {})]
    with pytest.raises(NoPrefectServer, match="too busy"):
        train(workspace)


def test_a_run_that_failed_is_an_error(server, workspace):
    server.script["flow_runs/r"] = [(200, run("FAILED", "Failed", message="disk full"))]
    with pytest.raises(RunEnded, match="disk full") as refused:
        train(workspace)
    assert refused.value.exit_code == 5


def test_a_promotion_that_is_required_and_did_not_come_is_an_error(server, workspace):
    server.script["flow_runs/r"] = [(200, run("COMPLETED", "Completed", message="it ties"))]
    with pytest.raises(NoPromotion, match="it ties") as refused:
        train(workspace, require_promotion=True)
    assert refused.value.exit_code == 1
    assert train(workspace).message == "it ties"


def test_a_server_without_the_deployment_says_how_to_make_it(server, workspace):
    server.script = {}
    with pytest.raises(DeploymentMissing, match="tenure sync"):
        train(workspace)


def test_parameters_that_the_server_refuses_are_bad_input(server, workspace):
    refusal = (409, {"detail": "'loans' is not one of ['iris']"})
    server.script["deployments/d/create_flow_run"] = [refusal]
    with pytest.raises(RunRefused, match="not one of") as refused:
        train(workspace)
    assert refused.value.exit_code == 2


def test_without_a_server_the_command_that_starts_one_is_named(workspace, monkeypatch):
    (workspace.models_folder / "loans.yaml").write_text(SPEC)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(NoPrefectServer, match="tenure up") as refused:
        train(workspace)
    assert refused.value.exit_code == 4
