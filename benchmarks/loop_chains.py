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
from datetime import UTC, datetime
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
        empty_s: an empty chain of as many runs on the same server.
        imports_s: what its runs import that an empty one does not.
        work_s: of each part of the work, warm and without Prefect.
        runs: the most runs that one took.
        heavy: libraries in memory after the bare work that do not belong there.
    """

    name: str
    whole_s: float
    empty_s: float
    imports_s: float
    work_s: dict[str, float]
    runs: int
    heavy: tuple[str, ...] = ()

    @property
    def rest_s(self) -> float:
        """What is neither Prefect's own, nor imports, nor the work."""
        return self.whole_s - self.empty_s - self.imports_s - sum(self.work_s.values())


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
    took, trained = bare["ingest"], bare["train"]
    register = trained["work"].pop("register")
    say(f"of the rest, registering takes {register:.2f} s")
    chains = [
        Chain(
            name=f"file → champion answers{' (and is monitored)' if name == WATCHED else ''}",
            whole_s=statistics.median(each["whole"] for each in runs),
            empty_s=empty[2],
            imports_s=took["imports"] + trained["imports"],
            work_s={**took["work"], **trained["work"]},
            runs=max(each["runs"] for each in runs),
        )
        for name, runs in found.items()
    ]
    retired = bare["retire"]
    return [
        *chains,
        Chain(
            name="decision → slot on its fallback",
            whole_s=statistics.median(each["slot"] for each in breached),
            empty_s=empty[1],
            imports_s=retired["imports"],
            work_s={"verify": retired["work"]["verify"]},
            runs=max(each["runs"] for each in breached),
            heavy=tuple(retired["heavy"]),
        ),
        Chain(
            name="decision → fallback answers",
            whole_s=statistics.median(each["answer"] for each in breached),
            empty_s=empty[1],
            imports_s=retired["imports"],
            work_s={"verify": retired["work"]["verify"], "load": retired["work"]["load"]},
            runs=max(each["runs"] for each in breached),
        ),
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
        took.append(float(_until(lambda file=file: file.exists() and file.read_text())) - begun)
        _until(lambda: not stack_runs_empty(stack))
    return statistics.median(took[1:])


def stack_runs_empty(stack: Stack) -> list[dict[str, Any]]:
    """Return the empty runs that are still at work."""
    named = {"name": {"any_": ["empty-first", "empty-second"]}}
    working = {"state": {"type": {"any_": ["RUNNING", "PENDING", "SCHEDULED"]}}}
    return stack.prefect("POST", "flow_runs/filter", flows=named, flow_runs=working)


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
            found.append({"whole": whole, "runs": _runs_since(begun, model, stack)})
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
    return {"slot": moved - decided, "answer": answered - decided, "runs": runs}


def _runs_since(begun: float, model: str, stack: Stack, verbs: Sequence[str] = VERBS) -> int:
    since = datetime.fromtimestamp(begun, UTC)
    return sum(
        run["parameters"].get("model") == model
        and datetime.fromisoformat(run["created"].replace("Z", "+00:00")) >= since
        for verb in verbs
        for run in stack.runs(verb)
    )


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
