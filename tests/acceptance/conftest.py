"""One workspace that is up for the whole run: real server, runners, watcher and endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.acceptance.recipe import make_batch
from tests.servers import PROJECT, clean_environment, eventually, free_port, plant_seed

SPEC = """\
name: loans
owner: credit@bank.example
data:
  source: data/loans
  target: repaid
  columns: {income: float64, debt: float64, repaid: int64}
training: {pipeline: "tests.acceptance.recipe:make_model"}
evaluation:
  primary: accuracy
  gates: {accuracy: {at_least: 0.6}}
  gate: {compare: holdout}
schedules: {timezone: Europe/Berlin, train: "0 3 * * *"}
"""


ROWS = {"instances": [{"income": 0.5, "debt": -0.25}]}


class Stack:
    """What a person has: a folder to drop files into, the command line, and two addresses."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = clean_environment(TENURE_WORKSPACE=str(root), TENURE_PROJECT=str(PROJECT))

    def tenure(self, *arguments: str, exit_code: int = 0) -> Any:
        """Run a command with --json; return what it printed."""
        ended = subprocess.run(
            [sys.executable, "-c", "from tenure.cli import main; main()", *arguments, "--json"],
            env=self.env,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ended.returncode == exit_code, f"{arguments}: {ended.stdout}\n{ended.stderr}"
        return json.loads(ended.stdout or "null")

    @property
    def up(self) -> dict[str, Any]:
        return json.loads((self.root / ".tenure" / "up.json").read_text())

    def prefect(self, method: str, path: str, **body: Any) -> Any:
        """Call Prefect's API; a busy server answers late or with 503, which means "again"."""
        address = f"{self.up['addresses']['api']}/{path}"
        if path.endswith("/create_flow_run"):
            body.setdefault("idempotency_key", str(uuid4()))

        def ask() -> list[httpx.Response]:
            try:
                said = httpx.request(method, address, json=body, timeout=20, trust_env=False)
            except httpx.TimeoutException:
                return []
            return [] if said.status_code == 503 else [said]

        (answer,) = eventually(ask)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, verb: str) -> dict[str, Any]:
        return self.prefect("GET", f"deployments/name/{verb}/{verb}")

    def runs(self, verb: str, *states: str) -> list[dict[str, Any]]:
        """Return a verb's runs, newest first."""
        only: dict[str, Any] = {"name": {"any_": [verb]}}
        state = {"state": {"type": {"any_": list(states)}}} if states else {}
        return self.prefect(
            "POST",
            "flow_runs/filter",
            deployments=only,
            flow_runs=state,
            sort="START_TIME_DESC",
            limit=200,
        )

    def endpoint(self, path: str, body: Any = None) -> httpx.Response:
        address = f"{self.up['addresses']['endpoint']}{path}"
        return httpx.request(
            "POST" if body else "GET", address, json=body, timeout=60, trust_env=False
        )

    def send_events(self, events: list[dict[str, Any]]) -> None:
        address = f"{self.up['addresses']['api']}/events"
        httpx.post(address, json=events, timeout=60, trust_env=False).raise_for_status()

    def source(self, model: str = "loans") -> Path:
        """Return the folder where a model's batches arrive."""
        return self.root / "data" / model

    def try_ask(self, model: str = "loans") -> dict[str, Any] | None:
        """Ask for one prediction; None while nobody serves."""
        answer = self.endpoint(f"/v1/models/{model}:predict", ROWS)
        return answer.json() if answer.status_code == 200 else None

    def ask(self, model: str = "loans") -> dict[str, Any]:
        """Ask the endpoint for one prediction; any failure fails the test."""
        answer = self.endpoint(f"/v1/models/{model}:predict", ROWS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def champion(self, model: str = "loans") -> int | None:
        (line,) = [one for one in self.tenure("models") if one["model"] == model]
        return line["champion"]

    def drop(self, name: str, rows: int, seed: int, *, model: str = "loans", **how: Any) -> Path:
        """Let a file arrive as a careful sender does it: written elsewhere, then renamed."""
        fresh = self.source(model) / f".{name}.part"
        make_batch(rows, seed, **how).to_csv(fresh, index=False)
        return fresh.replace(self.source(model) / name)


class Traffic:
    """Requests one after the other, until it is stopped; remembers every answer."""

    def __init__(self, stack: Stack, model: str = "loans") -> None:
        self.stack, self.model, self.stop = stack, model, threading.Event()
        self.versions: list[int] = []
        self.failures: list[str] = []
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        while not self.stop.wait(0.05):
            try:
                self.versions.append(self.stack.ask(self.model)["version"])
            except (AssertionError, httpx.HTTPError) as error:
                self.failures.append(repr(error))

    def __enter__(self) -> Traffic:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


@contextmanager
def brought_up(root: Path, specs: dict[str, str]) -> Iterator[Stack]:
    """`tenure up --detach` in a folder with these specs; `tenure down` at the end."""
    for folder in ("config/models", "config/expectations", *(f"data/{name}" for name in specs)):
        (root / folder).mkdir(parents=True)
    for name, spec in specs.items():
        (root / f"config/models/{name}.yaml").write_text(spec)
    ports = f"ports: {{prefect: {free_port()}, endpoint: {free_port()}}}\n"
    (root / "config/settings.yaml").write_text(ports)
    plant_seed(root / ".tenure" / "prefect")
    os.chmod(root / ".tenure", 0o700)
    made = Stack(root)
    made.tenure("up", "--detach")
    try:
        eventually(lambda: made.endpoint("/health/live").status_code == 200)
        yield made
    finally:
        made.tenure("down")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One model in a folder with a blank in its path."""
    root = tmp_path_factory.mktemp("acceptance") / "a workspace"
    with brought_up(root, {"loans": SPEC}) as made:
        yield made
