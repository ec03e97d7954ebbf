"""One history, week by week, through the flows: `python -m benchmarks.trial.replay MODEL …`.

Says each week as one line of JSON on stdout, as soon as it is over. Halfway the workspace is
copied; once the plain history is over, each corruption of the feed is played on in a copy.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.trial import policies
from benchmarks.trial.corruptions import Corruption
from benchmarks.trial.histories import HISTORIES, History, write_week
from benchmarks.trial.watching import end, has_schedule, watch
from deployments.replay import replay
from flows.ingest import ingest
from flows.train import train
from tenure.errors import TenureError
from tenure.records import Action, BatchState, CaseState
from tenure.registry import close_ledger, open_ledger
from tenure.workspace import SimulatedClock, Workspace, open_workspace

Say = Callable[[dict[str, Any]], None]
ACTOR = "automation:trial"
LEAK_WEEKS = 8
MOST_CORRUPTED_WEEKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A history that is being played in a workspace, and what says so.

    `kept` holds fits that a policy needs after their version was retired.
    """

    history: History
    workspace: Workspace
    weeks: list[list[list[str]]]
    kept: dict[str, Any] = field(default_factory=dict)

    def play(self, *, last: int | None, say: Say, aside: Path | None = None) -> None:
        """Let the weeks of a history arrive.

        Args:
            last: the last week to play, all of them if None.
            say: takes one record a week.
            aside: where the workspace is copied to before the feed would be corrupted.
        """
        fork = self.history.corrupted_from(last, len(self.weeks))
        for number, rows in enumerate(self.weeks[: None if last is None else last + 1]):
            if number == fork and aside is not None:
                copy(self.workspace, aside)
            say(self.week(number, rows))

    def week(self, number: int, rows: list[list[str]]) -> dict[str, Any]:
        """Let one week arrive, be judged, acted upon, and after the warm-up followed by a training.

        Args:
            number: of the week, from 0.
            rows: its header and rows.
        """
        begun, model, workspace = time.perf_counter(), self.history.model, self.workspace
        assert isinstance(workspace.clock, SimulatedClock)
        ledger = open_ledger(workspace)
        workspace.clock.set(self.history.arrives_at(number))
        write_week(rows, workspace.root / "arrivals" / model, number)
        known = {each.digest for each in ledger.snapshots(model)}
        end(ingest(model, return_state=True))
        fresh = [each for each in ledger.snapshots(model) if each.digest not in known]
        record: dict[str, Any] = {"model": model, "week": number, "rows": len(rows) - 1}
        quarantined = ledger.batches(model, state=BatchState.QUARANTINED, limit=1000)
        record |= {"weeks": len(self.weeks), "quarantined": len(quarantined)}
        serving = ledger.slot(model)
        record["served"] = _served(model, serving.version if serving else None, workspace)
        record["metric"] = (
            policies.judge(self.history, fresh[0], workspace, self.kept) if fresh else {}
        )
        fit = _newest_fit(model, workspace)
        if serving is not None:
            record["loop"] = watch(model, workspace)
        if fresh and number >= self.history.warm_up - 1 and has_schedule(model, workspace):
            end(train(model, return_state=True))
        if _newest_fit(model, workspace) != fit:
            record["judged"] = _judged(model, workspace)
        fits = ledger.candidates(model, kept=False)
        record["fits"] = len(fits)
        record["fit_cpu_s"] = sum(each.lineage.cpu_s for each in fits)
        return record | {"cpu_s": _cpu_s(), "wall_s": time.perf_counter() - begun}


def copy(workspace: Workspace, aside: Path) -> None:
    """Copy a workspace in which nothing is under way."""
    close_ledger(workspace)
    shutil.copytree(workspace.root, aside)


def play_corrupted(
    player: Player, corruption: Corruption, first: int, last: int | None
) -> dict[str, Any]:
    """Play on with a corrupted feed until it is caught; say how and when.

    Args:
        player: in a workspace that stands where the corruption begins.
        corruption: what is wrong with each batch.
        first: the first week that it is.
        last: the last week there is to play, all of them if None.
    """
    model = player.history.model
    until = min(len(player.weeks), first + MOST_CORRUPTED_WEEKS)
    until = until if last is None else min(until, last + MOST_CORRUPTED_WEEKS + 1)
    said: dict[str, Any] = {"model": model, "corrupted": corruption.name, "from_week": first}
    played, caught = [], None
    for number in range(first, until):
        played.append(player.week(number, corruption.apply(player.weeks[number])))
        caught = _caught(model, player.workspace, played[-1])
        if caught:
            break
    plain = {"metric": [week["metric"].get(policies.TENURE) for week in played]}
    return said | plain | {"windows": len(played), "caught": caught or ["nothing", ""]}


def _caught(model: str, workspace: Workspace, week: dict[str, Any]) -> list[str] | None:
    """Return what ended a corrupted feed, and why, or None."""
    ledger = open_ledger(workspace)
    newest = ledger.batches(model, limit=1)[0]
    if newest.state is BatchState.QUARANTINED:
        return ["quarantine", newest.reason]
    retired = [
        each
        for each in ledger.cases(model)
        if each.action is Action.RETIRE
        and each.state is CaseState.CLOSED
        and each.record
        and any(each.id.startswith(told["id"]) for told in week["loop"]["cases"])
    ]
    if retired and not has_schedule(model, workspace):
        return ["retirement to the fallback", retired[-1].reason]
    return None


def _newest_fit(model: str, workspace: Workspace) -> int:
    newest = open_ledger(workspace).newest_fit(model)
    return newest.number if newest else 0


def _served(model: str, number: int | None, workspace: Workspace) -> dict[str, Any] | None:
    if number is None:
        return None
    ledger = open_ledger(workspace)
    candidate = ledger.candidate(ledger.version(model, number).candidate)
    assert candidate is not None
    if not has_schedule(model, workspace):
        return {"version": number, "span": "fallback"}
    return {"version": number, "span": candidate.training_set.span}


def _judged(model: str, workspace: Workspace) -> dict[str, Any]:
    """Return what the ledger says of the newest fit, and whether it took office."""
    ledger = open_ledger(workspace)
    number = _newest_fit(model, workspace)
    evaluation = ledger.evaluation(model, number)
    candidate = ledger.candidate(ledger.version(model, number).candidate)
    serving = ledger.slot(model)
    assert candidate is not None
    return {
        "version": number,
        "span": candidate.training_set.span,
        "promoted": serving is not None and serving.version == number,
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
    end(ingest(model, return_state=True))
    try:
        end(train(model, return_state=True))
        ledger = open_ledger(workspace)
        reason = ledger.evaluation(model, _newest_fit(model, workspace)).reason
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
    """Play one history against a server that is up: plain, then with each corruption."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=[each.model for each in HISTORIES])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--api", required=True, help="of the Prefect server, with /api")
    parser.add_argument("--last", type=int, help="last week to play")
    given = parser.parse_args()
    [history] = [each for each in HISTORIES if each.model == given.model]
    project = os.environ.get("TENURE_PROJECT")
    workspace = open_workspace(given.workspace, project)
    assert workspace.project is not None
    logging.getLogger("tenure").setLevel(logging.ERROR)
    aside = given.workspace.with_name(f"{history.model}-aside")
    weeks = history.weeks(workspace.project)
    player = Player(history=history, workspace=workspace, weeks=weeks)
    with replay(workspace, api=given.api, actor=ACTOR):
        if history.leaking:
            _say(play_leak(history, workspace))
        player.play(last=given.last, say=_say, aside=aside)
    for place, corruption in enumerate(history.corruptions):
        folder = shutil.copytree(aside, aside.with_name(f"{history.model}-corrupted-{place}"))
        twin = open_workspace(folder, project)
        corrupted = Player(history=history, workspace=twin, weeks=weeks, kept=player.kept)
        first = history.corrupted_from(given.last, len(weeks))
        with replay(twin, api=given.api, actor=ACTOR):
            _say(play_corrupted(corrupted, corruption, first, given.last))
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
