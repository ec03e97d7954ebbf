"""`make trial`: both histories through the real flows, side by side, on one Prefect server."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.server import prefect_server
from benchmarks.trial import report
from benchmarks.trial.histories import HISTORIES, History
from benchmarks.trial.policies import TENURE
from benchmarks.trial.results import Result, result_of
from tenure.cli.prefect import environment
from tenure.workspace import Workspace, find_project, open_workspace

CONFIG = Path(__file__).parent / "config"


def main() -> int:
    """Replay what there is; say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--last", type=int, help="last week to play, for a short look")
    parser.add_argument("--out", type=Path, help="folder of page and texts; build/trial by default")
    given = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    project = find_project()
    there = [history for history in HISTORIES if history.path(project).is_file()]
    for history in HISTORIES:
        if history not in there:
            console.print(f"{history.path(project)} is not there: {history.what}. It is left out.")
    if not there:
        return 0
    begun = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="tenure-trial-"))
    try:
        records, leaks = _replay_all(there, folder, project, given.last, console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results = [result_of(history, records[history.model]) for history in there]
    out = given.out or project / "build" / "trial"
    _show(results, leaks, report.write_report(results, leaks[0] if leaks else None, out), console)
    console.print(f"{time.perf_counter() - begun:.0f} s in all.")
    return 0


def _replay_all(
    histories: list[History], folder: Path, project: Path, last: int | None, console: Console
) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    """Play the histories at once, a process and a workspace each, and collect what they say."""
    spaces = {each.model: _workspace(each, folder, project) for each in histories}
    records: dict[str, list[dict[str, Any]]] = {each.model: [] for each in histories}
    leaks: list[dict[str, Any]] = []
    with prefect_server(folder / "server") as api, _progress(console) as progress:
        players = []
        for history in histories:
            player = _start(history, spaces[history.model], api, last)
            bar = progress.add_task(history.model, total=None, said="")
            args = (history, player, progress, bar, records[history.model], leaks)
            thread = threading.Thread(target=_follow, args=args, daemon=True)
            thread.start()
            players.append((history, player, thread))
        for history, player, thread in players:
            thread.join()
            if player.wait():
                log = spaces[history.model].root / "replay.log"
                raise SystemExit(f"The replay of {history.model} broke:\n{log.read_text()[-4000:]}")
    return records, leaks


def _workspace(history: History, folder: Path, project: Path) -> Workspace:
    root = folder / history.model
    (root / "config" / "models").mkdir(parents=True)
    shutil.copy(CONFIG / "settings.yaml", root / "config")
    shutil.copytree(CONFIG / "expectations", root / "config" / "expectations")
    for model in filter(None, (history.model, history.leaking)):
        shutil.copy(CONFIG / "models" / f"{model}.yaml", root / "config" / "models")
    return open_workspace(root, project=project)


def _start(history: History, workspace: Workspace, api: str, last: int | None) -> Any:
    command = [sys.executable, "-m", "benchmarks.trial.replay", history.model, "--api", api]
    command += ["--workspace", str(workspace.root)]
    command += [] if last is None else ["--last", str(last)]
    # Two histories on two cores: each fits with one thread.
    env = environment(workspace, api) | {
        "OMP_NUM_THREADS": "1",
        "PREFECT_HOME": str(workspace.root.parent / f"prefect-{history.model}"),
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
    with (workspace.root / "replay.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=workspace.project, env=env, stdout=subprocess.PIPE, stderr=log
        )


def _follow(
    history: History,
    player: Any,
    progress: Progress,
    bar: TaskID,
    records: list[dict[str, Any]],
    leaks: list[dict[str, Any]],
) -> None:
    for line in player.stdout:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if "leak" in record:
            leaks.append(record)
            said = "refused" if record["refused"] else "NOT refused"
            progress.console.print(f"{record['leak']}: {said}. {record['reason']}")
            continue
        records.append(record)
        if "corrupted" in record:
            progress.console.print(f"{history.model}, {report.corrupted_line(record)}")
            progress.update(bar, said=f"with {record['corrupted']}: {record['caught'][0]}")
            continue
        for told in report.happened(record):
            progress.console.print(f"{history.model}, week {record['week']}: {told}")
        if (judged := record.get("judged")) and judged["promoted"]:
            progress.console.print(
                f"{history.model}, week {record['week']}: version {judged['version']} takes office "
                f"({judged['span']}). {judged['reason']}"
            )
        served = record["served"]
        said = f"v{served['version']} serves" if served else "warming up"
        if TENURE in record["metric"]:
            said += f", {history.metric} {record['metric'][TENURE]:.3f} this week"
        progress.update(bar, total=record["weeks"], completed=record["week"] + 1, said=said)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TextColumn("week {task.completed:.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
    )


def _show(results: list[Result], leaks: list[dict[str, Any]], page: Path, console: Console) -> None:
    header, *rows = report.table(results)
    shown = Table(*header)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    for result in results:
        console.print(f"{result.history.model}, who served when: {report.strip(result)}")
    console.print(f"Every promotion and refusal, and a picture: {page}")
    for result in results:
        for line in [*report.aim_lines(result), *report.loop_lines(result)]:
            console.print(line)
    for leak in leaks:
        console.print(report.leak_line(leak))


if __name__ == "__main__":
    raise SystemExit(main())
