"""What a step has seen comes from the prediction log and from status files, and is its own."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pandas as pd
import psutil
import pytest

from tenure import rollouts
from tenure.predictions import carry
from tenure.predictions.status import ServerStatus, StatusFile
from tenure.records import Rollout, Slot
from tenure.registry import open_ledger
from tenure.rollouts.failures import note_failures
from tenure.rollouts.seeing import gap_between, look_at
from tenure.spec import load_spec
from tenure.workspace import Workspace
from tests.unit.registry import lives
from tests.unit.rollouts.answering import Log
from tests.unit.rollouts.rolling import begin

DRAW = np.random.default_rng(3)


def seen(workspace: Workspace, now: Rollout) -> Any:
    return look_at(now, load_spec("fraud", workspace), workspace)


def test_a_step_sees_its_own_answers_and_the_champions_meanwhile(canary) -> None:
    workspace, now = canary
    log = Log(workspace)
    log.add(1, Slot.CHAMPION, 1, count=70, latency_ms=90.0)  # before the step had an answer
    log.add(2, Slot.SHADOW, 1, count=30, latency_ms=70.0)  # of the step before
    log.add(2, Slot.CHALLENGER, now.now.epoch, count=20, rows=3, latency_ms=4.0)
    log.add(1, Slot.CHAMPION, 1, count=40, latency_ms=2.0)
    found = seen(workspace, now)
    assert (found.challenger.requests, found.champion.requests) == (20, 40)
    assert (found.challenger.latencies_ms[-1], found.champion.latencies_ms[-1]) == (4.0, 2.0)
    assert found.gap.rows == 40
    assert (found.obstacles, found.loss, found.is_logged) == ((), None, True)


def test_a_shadow_that_is_behind_is_compared_on_its_champions_requests(two: Workspace) -> None:
    now, log = begin(two), Log(two)
    log.add(1, Slot.CHAMPION, 1, count=30, latency_ms=90.0)  # nobody mirrored these
    log.judge(1, Slot.CHAMPION, 1, np.ones(20))
    log.made -= 20  # the same requests, later
    log.now_us += 5_000_000
    log.judge(2, Slot.SHADOW, 1, np.ones(20))
    found = seen(two, now)
    assert (found.challenger.requests, found.champion.requests) == (20, 20)
    assert found.champion.latencies_ms[-1] == 2.0


def test_what_was_carried_into_parquet_counts_once(canary) -> None:
    workspace, now = canary
    log = Log(workspace)
    log.add(2, Slot.CHALLENGER, now.now.epoch, count=20)
    log.add(1, Slot.CHAMPION, 1, count=20)
    before = seen(workspace, now)
    carry(workspace)
    assert seen(workspace, now) == before
    log.add(2, Slot.CHALLENGER, now.now.epoch, count=5)
    assert seen(workspace, now).challenger.requests == 25


def test_nothing_was_seen_where_nobody_asked(canary) -> None:
    found = seen(*canary)
    assert (found.challenger.requests, found.champion.requests, found.gap) == (0, 0, None)


@pytest.mark.parametrize(("shift", "is_far"), [(0.0, False), (0.3, True)])
def test_the_gap_between_answers_is_found_beyond_chance(canary, shift: float, is_far: bool) -> None:
    workspace, now = canary
    log = Log(workspace)
    log.add(2, Slot.CHALLENGER, now.now.epoch, count=60, rows=5, shift=shift)
    log.add(1, Slot.CHAMPION, 1, count=60, rows=5)
    gap = seen(workspace, now).gap
    assert (gap.value > 0.25 + gap.noise) is is_far
    assert gap.method == "Kolmogorov-Smirnov"


def test_chance_alone_stays_within_its_bound() -> None:
    for _ in range(200):
        a, b = (pd.DataFrame({"prediction": DRAW.random(80)}) for _ in range(2))
        gap = gap_between(a, b)
        assert gap is not None
        assert gap.value <= gap.noise


@pytest.mark.parametrize("labels", [["x", "y"], ["x", "y", "z", "w"]])
def test_labels_are_compared_by_their_shares(labels: list[str]) -> None:
    same = pd.DataFrame({"prediction": DRAW.choice(labels, 400)})
    one = pd.DataFrame({"prediction": ["x"] * 400})
    near, far = gap_between(same, same.sample(300, random_state=1)), gap_between(same, one)
    assert near is not None
    assert far is not None
    assert near.value < near.noise < far.value
    assert far.method == "shares of labels"


def status(workspace: Workspace, **said: Any) -> StatusFile:
    """A status file of a process that lives: this one."""
    file = StatusFile(workspace)
    now = psutil.Process(os.getpid()).create_time()
    alive = ServerStatus(
        pid=os.getpid(),
        started=now,
        address="http://127.0.0.1:1",
        at="2026-03-01T00:00:00+00:00",
        is_ready=True,
        is_draining=False,
        **said,
    )
    file.write(alive)
    return file


def tally(slot: Slot, version: int, epoch: int, answered: int, failed: int) -> dict[str, Any]:
    said = {"model": "fraud", "slot": slot.value, "version": version, "epoch": epoch}
    return {**said, "answered": answered, "failed": failed}


def test_failures_are_counted_by_servers_those_that_ended_too(canary) -> None:
    workspace, now = canary
    file = status(
        workspace,
        tallies=[
            tally(Slot.CHALLENGER, 2, now.now.epoch, 90, 10),
            tally(Slot.SHADOW, 2, 1, 500, 500),
            tally(Slot.CHAMPION, 1, 1, 900, 9),
        ],
    )
    found = seen(workspace, now)
    assert (found.challenger.requests, found.challenger.failed) == (90, 10)
    assert (found.champion.requests, found.champion.failed) == (900, 9)
    file.remove()
    ended = seen(workspace, now)
    assert (ended.challenger.requests, ended.challenger.failed) == (90, 10)
    kept = workspace.state / "checks" / f"rollout-{now.id[:12]}-{now.step}.json"
    earlier = {f"{name}!": counts for name, counts in orjson.loads(kept.read_bytes()).items()}
    kept.write_bytes(orjson.dumps(earlier))
    status(workspace, tallies=[tally(Slot.CHALLENGER, 2, now.now.epoch, 7, 1)])
    again = seen(workspace, now)
    assert (again.challenger.requests, again.challenger.failed) == (97, 11)


def test_a_version_that_a_server_cannot_load_is_seen_taken_back_and_on_record(canary) -> None:
    workspace, now = canary
    obstacle = {"model": "fraud", "slot": "challenger", "version": 2, "epoch": now.now.epoch}
    status(workspace, obstacles_beside=[{**obstacle, "reason": "It is gone."}])
    assert seen(workspace, now).obstacles == ("Version 2 could not be loaded: It is gone.",)
    (text,) = note_failures(workspace, actor="system:reconcile")
    assert note_failures(workspace, actor="system:reconcile") == []
    assert note_failures(workspace, actor="system:deploy", model="fraud") == []
    rows = [row for row in open_ledger(workspace).audit("fraud") if row.kind == "serving_failed"]
    assert [(row.body, row.reason) for row in rows] == [
        ({"slot": "challenger", "version": 2, "epoch": now.now.epoch}, text)
    ]
    (walked,) = rollouts.walk(workspace)
    assert walked.did == "rolled_back"
    assert lives.damage(workspace) == []


def test_an_obstacle_of_another_epoch_is_none_of_this_step(canary) -> None:
    workspace, now = canary
    obstacle = {"model": "fraud", "slot": "shadow", "version": 2, "epoch": 1, "reason": "x"}
    status(workspace, obstacles_beside=[obstacle])
    assert seen(workspace, now).obstacles == ()


def test_a_champion_that_no_server_can_load_is_on_record_too(two: Workspace) -> None:
    status(two, obstacles={"fraud": {"version": 1, "epoch": 1, "reason": "Damaged."}})
    (text,) = note_failures(two, actor="system:deploy", model="fraud")
    assert text.startswith("Version 1 of 'fraud' (champion, epoch 1) could not be loaded")
    assert note_failures(two, actor="system:deploy", model="bikes") == []


def test_without_a_log_only_counts_are_seen(canary) -> None:
    workspace, now = canary
    spec = load_spec("fraud", workspace)
    silent = spec.deployment.model_copy(
        update={"serving": spec.deployment.serving.model_copy(update={"log": "off"})}
    )
    status(workspace, tallies=[tally(Slot.CHALLENGER, 2, now.now.epoch, 90, 0)])
    found = look_at(now, spec.model_copy(update={"deployment": silent}), workspace)
    assert (found.is_logged, found.gap, found.challenger.requests) == (False, None, 90)
    assert replace(found, is_logged=True).challenger.latencies_ms == ()
