"""One history, week by week, through the flows: `python -m benchmarks.trial.replay MODEL …`.

Says each week as one line of JSON on stdout, as soon as it is over.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.trial import policies
from benchmarks.trial.histories import HISTORIES, History, write_week
from deployments.replay import replay
from flows.ingest import ingest
from flows.train import train
from tenure.errors import TenureError
from tenure.records import BatchState
from tenure.registry import open_ledger
from tenure.workspace import SimulatedClock, Workspace, open_workspace

Say = Callable[[dict[str, Any]], None]
ACTOR = "automation:trial"
LEAK_WEEKS = 8


def play(history: History, workspace: Workspace, *, last: int | None, say: Say) -> None:
    """Let the weeks of a history arrive; after the warm-up, each is followed by a training.

    Args:
        history: which.
        workspace: a simulated one that holds its spec; replay() has made it the current one.
        last: the last week to play, all of them if None.
        say: takes one record a week.
    """
    assert workspace.project is not None
    assert isinstance(workspace.clock, SimulatedClock)
    weeks = history.weeks(workspace.project)
    ledger = open_ledger(workspace)
    for week, rows in enumerate(weeks[: None if last is None else last + 1]):
        begun = time.perf_counter()
        workspace.clock.set(history.arrives_at(week))
        write_week(rows, workspace.root / "arrivals" / history.model, week)
        known = {each.digest for each in ledger.snapshots(history.model)}
        _end(ingest(history.model, return_state=True))
        fresh = [each for each in ledger.snapshots(history.model) if each.digest not in known]
        record: dict[str, Any] = {"model": history.model, "week": week, "rows": len(rows) - 1}
        quarantined = ledger.batches(history.model, state=BatchState.QUARANTINED, limit=1000)
        record |= {"weeks": len(weeks), "quarantined": len(quarantined)}
        serving = ledger.slot(history.model)
        record["served"] = _served(history.model, serving.version if serving else None, workspace)
        record["metric"] = policies.judge(history, fresh[0], workspace) if fresh else {}
        if fresh and week >= history.warm_up - 1:
            _end(train(history.model, return_state=True))
            record["judged"] = _judged(history.model, workspace)
        fits = ledger.candidates(history.model, kept=False)
        record["fits"] = len(fits)
        record["fit_cpu_s"] = sum(each.lineage.cpu_s for each in fits)
        record |= {"cpu_s": _cpu_s(), "wall_s": time.perf_counter() - begun}
        say(record)


def _end(state: Any) -> None:
    """Raise what ended a run badly; what a run did stands in the ledger."""
    if not state.is_completed():
        state.result(raise_on_failure=True)


def _served(model: str, number: int | None, workspace: Workspace) -> dict[str, Any] | None:
    if number is None:
        return None
    ledger = open_ledger(workspace)
    candidate = ledger.candidate(ledger.version(model, number).candidate)
    assert candidate is not None
    return {"version": number, "span": candidate.training_set.span}


def _judged(model: str, workspace: Workspace) -> dict[str, Any]:
    """Return what the ledger says of the newest version, and whether it took office."""
    ledger = open_ledger(workspace)
    [version] = ledger.versions(model, limit=1)
    evaluation = ledger.evaluation(model, version.number)
    serving = ledger.slot(model)
    served = _served(model, version.number, workspace)
    assert served is not None
    return served | {
        "promoted": serving is not None and serving.version == version.number,
        "verdict": evaluation.verdict.value,
        "reason": evaluation.reason,
    }


def play_leak(history: History, workspace: Workspace) -> dict[str, Any]:
    """Train by the spec that forgot to leave the parts of the target out; say what became of it."""
    assert workspace.project is not None
    assert isinstance(workspace.clock, SimulatedClock)
    model = history.leaking
    assert model is not None
    folder = workspace.root / "arrivals" / model
    for week, rows in enumerate(history.weeks(workspace.project)[:LEAK_WEEKS]):
        write_week(rows, folder, week)
    workspace.clock.set(history.arrives_at(LEAK_WEEKS))
    _end(ingest(model, return_state=True))
    try:
        _end(train(model, return_state=True))
        reason = _judged(model, workspace)["reason"]
    except TenureError as error:
        reason = str(error)
    served = open_ledger(workspace).slot(model)
    return {"model": history.model, "leak": model, "refused": served is None, "reason": reason}


def _cpu_s() -> float:
    """Return CPU seconds of this process and of all that it started."""
    here = psutil.Process()
    total = 0.0
    for process in [here, *here.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _say(record: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(record) + b"\n")
    sys.stdout.flush()


def main() -> None:
    """Play one history against a server that is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=[each.model for each in HISTORIES])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--api", required=True, help="of the Prefect server, with /api")
    parser.add_argument("--last", type=int, help="last week to play")
    given = parser.parse_args()
    [history] = [each for each in HISTORIES if each.model == given.model]
    workspace = open_workspace(given.workspace, os.environ.get("TENURE_PROJECT"))
    logging.getLogger("tenure").setLevel(logging.ERROR)
    with replay(workspace, api=given.api, actor=ACTOR):
        if history.leaking:
            _say(play_leak(history, workspace))
        play(history, workspace, last=given.last, say=_say)


if __name__ == "__main__":
    main()
