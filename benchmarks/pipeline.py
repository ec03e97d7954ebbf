"""`make bench-pipeline`: what do orchestration and record cost beside a bare script?

The `train` flow on 100,000 rows of 20 mixed columns against `benchmarks/pipeline_bare.py`, both on
Parquet, on one real Prefect server. (a) is the flow without (b), in a process that is up; (b) is
what the bare script lacks; (c) is the flow in a new process.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.meter import cpu_s, wall_s
from benchmarks.pipeline_recipe import TARGET, make_rows
from benchmarks.pipeline_run import MODEL, lacking, train_once, watched
from benchmarks.server import prefect_server
from tenure.cli.prefect import environment
from tenure.workspace import Workspace, find_project, open_workspace

REPEATS = 3
GOLDEN = "tenure.registry.golden"
WARM_RATIO, LACKS_CPU_S, NEW_CPU_S = 1.15, 3.0, 2.5

SPEC = f"""\
name: {MODEL}
owner: bench@example.org
data: {{source: arrivals, target: {TARGET}}}
training:
  pipeline: benchmarks.pipeline_recipe:make_pipeline
  spans: [1 batches]
  split: {{by: stratified, test_share: 0.3}}
evaluation:
  primary: average_precision
  gate: {{compare: holdout}}
"""


def main() -> int:
    """Measure, print the table and the aim lines."""
    # Threads that wait for each other on a busy machine would be counted as work.
    os.environ["OMP_NUM_THREADS"] = "1"
    folder = Path(tempfile.mkdtemp(prefix="tenure-bench-"))
    try:
        _measure(folder, Console(highlight=False, soft_wrap=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _measure(folder: Path, console: Console) -> None:
    workspace = _workspace(folder)
    rows = folder / "rows.parquet"
    make_rows(0).to_parquet(rows)
    bare = _bare_warm(rows, folder)
    bare_new = _new(["benchmarks.pipeline_bare", str(rows), str(folder / "new.joblib")], None)
    with prefect_server(folder / "server") as api:
        from deployments.replay import replay
        from flows.ingest import ingest

        meter, warm = watched(), []
        with replay(workspace, api=api):
            for batch in range(REPEATS + 1):
                _arrive(workspace, batch)
                ingest(MODEL)
                meter.parts.clear()
                warm.append(train_once() | {"lacks": lacking(meter)})
            _arrive(workspace, REPEATS + 1)
            ingest(MODEL)
        command = ["benchmarks.pipeline_run", "--workspace", str(workspace.root), "--api", api]
        new = _new(command, workspace)
    # The first one imported what the others had.
    best = min(warm[1:], key=lambda each: each["cpu_s"])
    lacks = best["lacks"]
    same = best["cpu_s"] - sum(lacks.values())
    imports = bare_new["cpu_s"] - bare["cpu_s"]
    over = new["cpu_s"] - best["cpu_s"] - imports
    shown = Table("", "CPU s", "wall s", "peak MB")
    for name, cpu, wall, peak in (
        ("bare script, warm", bare["cpu_s"], bare["wall_s"], None),
        ("(a) the same work as a flow, recorded, warm", same, None, None),
        *((f"(b) {name}", cpu, None, None) for name, cpu in sorted(lacks.items())),
        ("(a) + (b), warm", best["cpu_s"], best["wall_s"], None),
        ("bare script, new process", bare_new["cpu_s"], bare_new["wall_s"], bare_new["peak"]),
        ("(c) the flow, new process", new["cpu_s"], new["wall_s"], new["peak"]),
        ("    of it: imports of the bare script", imports, None, None),
        ("    of it: imports of the flow (Prefect)", _import_cpu_s("flows.train"), None, None),
        ("    of it: a process that asks golden rows", _import_cpu_s(GOLDEN), None, None),
    ):
        shown.add_row(name, f"{cpu:.2f}", _number(wall, 1), _number(peak, 1e6))
    console.print(shown)
    console.print(_aim("pipeline_warm_cpu_ratio", same / bare["cpu_s"], WARM_RATIO))
    console.print(_aim("pipeline_extras_cpu_s", sum(lacks.values()), LACKS_CPU_S))
    console.print(_aim("pipeline_new_process_cpu_s_over_warm_and_imports", over, NEW_CPU_S))


def _import_cpu_s(module: str) -> float:
    """Return the CPU of importing a module in a new process, or of one that starts and ends."""
    start = "golden.serve()" if module == GOLDEN else ""
    code = f"import {module} as golden; {start}"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-W", "ignore", "-c", code]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True, cwd=find_project())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _number(value: float | None, unit: float) -> str:
    return "" if value is None else f"{value / unit:.2f}" if unit == 1 else f"{value / unit:.0f}"


def _aim(name: str, value: float, wanted: float) -> str:
    met = "met" if value <= wanted else "short"
    return f"aim {name}: {value:.2f}, wanted <= {wanted:g}: {met}"


def _workspace(folder: Path) -> Workspace:
    root = folder / "workspace"
    (root / "config" / "models").mkdir(parents=True)
    (root / "arrivals").mkdir()
    (root / "config" / "models" / f"{MODEL}.yaml").write_text(SPEC, encoding="utf-8")
    return open_workspace(root, project=find_project())


def _arrive(workspace: Workspace, batch: int) -> None:
    make_rows(batch).to_parquet(workspace.root / "arrivals" / f"rows-{batch}.parquet")


def _bare_warm(rows: Path, folder: Path) -> dict[str, float]:
    from benchmarks.pipeline_bare import work

    found = []
    for _ in range(REPEATS + 1):
        begun, clock = cpu_s(), wall_s()
        work(str(rows), str(folder / "bare.joblib"))
        found.append({"cpu_s": cpu_s() - begun, "wall_s": wall_s() - clock})
    return min(found, key=lambda each: each["cpu_s"])


def _new(command: Sequence[str], workspace: Workspace | None) -> dict[str, float]:
    """Run a module in a new process; return its CPU with all that it started, wall, peak bytes."""
    env = environment(workspace) if workspace else None
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), wall_s()
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env=env,
        cwd=find_project(),
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = orjson.loads(done.stdout.splitlines()[-1])
    peak = said["peak_bytes"]
    return {"cpu_s": max(used, said.get("cpu_s", 0.0)), "wall_s": wall_s() - clock, "peak": peak}


if __name__ == "__main__":
    raise SystemExit(main())
