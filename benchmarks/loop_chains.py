"""How long do the two chains take on a real `tenure up`, and what of it is Prefect's own?

File dropped → the champion answers with the new version; decision → the slot is on its fallback.
Beside them, on the same server, empty flows that events start one after the other.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson

from benchmarks.loop_empty import MARKS, STARTED, event
from tenure.cli.prefect import environment
from tenure.records import Action
from tenure.registry import open_ledger
from tenure.workspace import Workspace, find_project, open_workspace
from tests.acceptance.conftest import Stack, brought_up
from tests.acceptance.recipe import make_batch

FILES, WATCHED = "files", "watched"
BREACHES = ("breach-0", "breach-1", "breach-2")
BARE = ("bare-0", "bare-1")
MODELS = (FILES, WATCHED, *BREACHES, *BARE)
ROWS = 1_000
PATIENCE_S, EVERY_S = 300.0, 0.02
VERBS = ("ingest", "train", "monitor", "retire")
SPEC = """\
name: {model}
owner: bench@example.org
data:
  source: data/{model}
  target: repaid
  columns: {{income: float64, debt: float64, repaid: int64}}
training: {{pipeline: "tests.acceptance.recipe:make_model", on_arrival: {on_arrival}}}
evaluation: {{primary: accuracy, gate: {{mode: disabled, compare: holdout}}}}
monitoring:
  enabled: {enabled}
  window: {{batches: 1}}
  min_rows: 100
  threshold: 3
  retire: {{metrics_below: {{accuracy: 0.5}}, windows: 1 of 1}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One chain, in wall seconds.

    Attributes:
        name: from what to what.
        whole_s: median of the times that it was gone through.
        waited_s: of it, until the process that carries runs out looked for them: it asks every
            few seconds, so this is chance, and taken out of both sides.
        empty_s: an empty chain of as many runs on the same server, without such waiting.
        imports_s: what its runs import that an empty one does not.
        work_s: of each part of the work, warm and without Prefect.
        runs: the most runs that one took.
        heavy: libraries in memory after the bare work that do not belong there.
    """

    name: str
    whole_s: float
    waited_s: float
    empty_s: float
    imports_s: float
    work_s: dict[str, float]
    runs: int
    heavy: tuple[str, ...] = ()

    @property
    def rest_s(self) -> float:
        """What is neither Prefect's own, nor imports, nor the work."""
        known = self.waited_s + self.empty_s + self.imports_s + sum(self.work_s.values())
        return self.whole_s - known


def measure(folder: Path, times: int, say: Callable[[str], None]) -> list[Chain]:
    """Bring a workspace up, go through both chains, and measure what they are made of.

    Args:
        folder: an empty one.
        times: how often the first chain is gone through; the second three times.
        say: takes a line of progress.
    """
    on = {"on_arrival": "true"}
    off = {"on_arrival": "false", "enabled": "true"}
    specs = {
        FILES: SPEC.format(model=FILES, enabled="false", **on),
        WATCHED: SPEC.format(model=WATCHED, enabled="true", **on),
        **{name: SPEC.format(model=name, **off) for name in (*BREACHES, *BARE)},
    }
    root = folder / "workspace"
    say("tenure up ...")
    with brought_up(root, specs) as stack:
        workspace = open_workspace(root, project=find_project())
        say("first versions ...")
        _first_versions(stack, workspace)
        with _empty_flows(workspace, stack, folder / "marks"):
            empty = {runs: _empty(runs, times, stack, folder / "marks") for runs in (1, 2)}
        say(f"empty chains: {empty[1]:.1f} s and {empty[2]:.1f} s; files ...")
        found = {name: _from_files(name, times, stack) for name in (FILES, WATCHED)}
        say("breaches ...")
        breached = [_breach(name, stack, workspace) for name in BREACHES]
    say("the bare work ...")
    bare = _bare(root, workspace)
    register = bare["train"]["work"].pop("register")
    say(f"of the rest, registering takes {register:.2f} s")
    return _parted(found, breached, empty, bare)


def _parted(
    found: dict[str, list[dict[str, Any]]],
    breached: list[dict[str, Any]],
    empty: dict[int, float],
    bare: dict[str, Any],
) -> list[Chain]:
    took, trained, retired = bare["ingest"], bare["train"], bare["retire"]

    def chain(name: str, runs: list[dict[str, Any]], until: str, **more: Any) -> Chain:
        # The usual time without the waiting, which is chance, and beside it the usual waiting.
        waited = statistics.median(each["waited"] for each in runs)
        alone = statistics.median(each[until] - each["waited"] for each in runs)
        most = max(each["runs"] for each in runs)
        return Chain(name=name, whole_s=alone + waited, waited_s=waited, runs=most, **more)

    served = {
        "empty_s": empty[2],
        "imports_s": took["imports"] + trained["imports"],
        "work_s": {**took["work"], **trained["work"]},
    }
    gone = {"empty_s": empty[1], "imports_s": retired["imports"]}
    verify, load = ({name: retired["work"][name]} for name in ("verify", "load"))
    return [
        chain("file → champion answers", found[FILES], "whole", **served),
        chain("file → champion answers, monitored", found[WATCHED], "whole", **served),
        chain(
            "decision → slot on its fallback",
            breached,
            "slot",
            work_s=verify,
            heavy=tuple(retired["heavy"]),
            **gone,
        ),
        chain("decision → fallback answers", breached, "answer", work_s=verify | load, **gone),
    ]


def _first_versions(stack: Stack, workspace: Workspace) -> None:
    """Put a first version of each model into office, with its fallback behind it."""
    ledger, trained = open_ledger(workspace), stack.deployment("train")["id"]
    for seed, model in enumerate(MODELS):
        stack.drop("first.csv", ROWS, seed=seed, model=model)
    for model in (*BREACHES, *BARE):
        _until(lambda model=model: ledger.snapshots(model))
        path = f"deployments/{trained}/create_flow_run"
        stack.prefect("POST", path, parameters={"model": model})
    for model in MODELS:
        _until(lambda model=model: ledger.fallbacks(model))
    _until(lambda: _is_quiet(stack), every_s=0.5)


def _is_quiet(stack: Stack) -> bool:
    return not any(stack.runs(verb, "RUNNING", "PENDING") for verb in VERBS)


@contextmanager
def _empty_flows(workspace: Workspace, stack: Stack, marks: Path) -> Iterator[None]:
    """Serve the empty flows beside the workspace's own."""
    marks.mkdir()
    env = environment(workspace, stack.up["addresses"]["api"]) | {MARKS: str(marks)}
    command = [sys.executable, "-m", "benchmarks.loop_empty"]
    with (marks / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=find_project(), env=env, stdout=log, stderr=log)
    try:
        _until(lambda: STARTED in (marks / "log").read_text())
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _empty(runs: int, times: int, stack: Stack, marks: Path) -> float:
    """Return how long it takes from an event until the last of so many runs begins its code."""
    took = []
    for _ in range(times + 1):
        mark = uuid4().hex
        begun = time.time()
        stack.send_events([event("second" if runs == 1 else "first", mark)])
        file = marks / f"{mark}-second"
        whole = float(_until(lambda file=file: file.exists() and file.read_text())) - begun
        _until(lambda: not _empty_runs(stack, "RUNNING", "PENDING", "SCHEDULED"))
        mine = [run for run in _empty_runs(stack) if run["parameters"].get("mark") == mark]
        took.append(whole - _waited(mine, stack))
    return statistics.median(took[1:])


def _empty_runs(stack: Stack, *states: str) -> list[dict[str, Any]]:
    """Return the empty runs, newest first."""
    named = {"name": {"any_": ["empty-first", "empty-second"]}}
    state = {"state": {"type": {"any_": list(states)}}} if states else {}
    body = {"flows": named, "flow_runs": state, "sort": "START_TIME_DESC", "limit": 20}
    return stack.prefect("POST", "flow_runs/filter", **body)


def _waited(runs: Sequence[dict[str, Any]], stack: Stack) -> float:
    """Return how long runs lay there, each made, until the process that serves them saw it."""
    waited = 0.0
    for run in runs:
        states = stack.prefect("GET", f"flow_run_states/?flow_run_id={run['id']}")
        seen = [_time(each["timestamp"]) for each in states if each["type"] == "PENDING"]
        waited += min(seen) - _time(run["created"]) if seen else 0.0
    return waited


def _time(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _from_files(model: str, times: int, stack: Stack) -> list[dict[str, Any]]:
    """Let files arrive one after the other; return how long each takes to be served."""
    found = []
    with httpx.Client(trust_env=False, timeout=30) as client:
        for number in range(times):
            before = _answering(model, stack, client)
            begun = time.time()
            stack.drop(f"more-{number}.csv", ROWS, seed=100 + number, model=model)
            _until(
                lambda before=before: _answering(model, stack, client) not in (None, before),
                every_s=EVERY_S,
            )
            whole = time.time() - begun
            _until(lambda: _is_quiet(stack), every_s=0.5)
            runs = _runs_since(begun, model, stack)
            path = [run for verb in ("ingest", "train") for run in runs[verb][-1:]]
            found.append({"whole": whole, "waited": _waited(path, stack), "runs": _count(runs)})
    return found


def _breach(model: str, stack: Stack, workspace: Workspace) -> dict[str, Any]:
    """Let a window arrive that retires the champion; return what followed, and after how long."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        before = _answering(model, stack, client)
        stack.drop("breach.csv", ROWS, seed=7, model=model, flipped=True)
        _until(
            lambda: _answering(model, stack, client) not in (None, before),
            every_s=EVERY_S,
        )
        answered = time.time()
    ledger = open_ledger(workspace)
    [decision] = [one for one in ledger.decisions(model) if one.action is Action.RETIRE]
    rows = ledger.audit(model, after_seq=decision.seq - 1)
    decided = next(row.recorded_at for row in rows if row.seq == decision.seq).timestamp()
    moved = next(row.recorded_at for row in rows if row.kind == "slot_moved").timestamp()
    _until(lambda: _is_quiet(stack), every_s=0.5)
    runs = _runs_since(decided, model, stack, verbs=("train", "retire"))
    waited = _waited(runs["retire"][-1:], stack)
    took = {"slot": moved - decided, "answer": answered - decided}
    return took | {"waited": waited, "runs": _count(runs)}


def _runs_since(
    begun: float, model: str, stack: Stack, verbs: Sequence[str] = VERBS
) -> dict[str, list[dict[str, Any]]]:
    """Return a model's runs since a time by their verb, newest first."""
    return {
        verb: [
            run
            for run in stack.runs(verb)
            if run["parameters"].get("model") == model and _time(run["created"]) >= begun
        ]
        for verb in verbs
    }


def _count(runs: dict[str, list[dict[str, Any]]]) -> int:
    return sum(map(len, runs.values()))


def _answering(model: str, stack: Stack, client: httpx.Client) -> int | None:
    address = f"{stack.up['addresses']['endpoint']}/v1/models/{model}:predict"
    said = client.post(address, json={"instances": [{"income": 0.5, "debt": -0.25}]})
    return said.json()["version"] if said.status_code == 200 else None


def _bare(root: Path, workspace: Workspace) -> dict[str, Any]:
    """Do the work of each verb on two models in a new process, while nothing is up."""
    files = []
    for place, model in enumerate(BARE):
        file = root / "data" / model / "more.csv"
        make_batch(ROWS, 200 + place).to_csv(file, index=False)
        files.append(str(file))
    found = {}
    for verb, more in (("ingest", ["--files", *files]), ("train", []), ("retire", [])):
        command = [sys.executable, "-m", "benchmarks.loop_bare", verb, "--workspace", str(root)]
        done = subprocess.run(
            [*command, "--models", *BARE, *more],
            cwd=find_project(),
            env=environment(workspace) | {"PREFECT_LOGGING_LEVEL": "ERROR"},
            check=True,
            stdout=subprocess.PIPE,
        )
        found[verb] = orjson.loads(done.stdout.splitlines()[-1])
    return found


def _until(look: Callable[[], Any], every_s: float = 0.05) -> Any:
    """Return what `look` returns as soon as it is true."""
    until = time.monotonic() + PATIENCE_S
    while not (found := look()):
        if time.monotonic() > until:
            raise SystemExit(f"Nothing came of it within {PATIENCE_S:.0f} s.")
        time.sleep(every_s)
    return found
