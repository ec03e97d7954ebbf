"""What a rollout has seen, as tests want it, and how it stands."""

from __future__ import annotations

from dataclasses import replace

from tenure import rollouts
from tenure.records import Rollout
from tenure.registry import open_ledger
from tenure.rollouts import Walked, walk_one
from tenure.rollouts.judging import Gap, Seen, Side
from tenure.workspace import Workspace
from tests.unit.registry import lives

SHARES = (0.0, 0.1, 0.5)
SAID = {"actor": lives.ROBOT, "reason": "It won."}
TIMES = tuple(2.0 + place / 1000 for place in range(200))
SPEC = """\
name: fraud
owner: ann@bank.example
data: {source: data, target: y}
training: {pipeline: "examples.iris:make_pipeline"}
deployment:
  rollout: {steps: [shadow, 0.1, 0.5], bake_minutes: 0, max_wait_hours: 0.001}
"""


def begin(workspace: Workspace) -> Rollout:
    return rollouts.start("fraud", 2, workspace, **SAID)


def good(now: Rollout, *_: object) -> Seen:
    return Seen(
        share=now.share,
        began_at=now.now.began_at,
        challenger=Side(version=2, requests=200, latencies_ms=TIMES),
        champion=Side(version=1, requests=200, latencies_ms=TIMES),
        gap=Gap(value=0.01, noise=0.1, method="Kolmogorov-Smirnov", rows=200),
    )


def failing(now: Rollout, *_: object) -> Seen:
    return replace(good(now), challenger=Side(version=2, requests=100, failed=100))


def unseen(now: Rollout, *_: object) -> Seen:
    nothing = Side(version=2)
    return replace(good(now), challenger=nothing, gap=None)


def step(workspace: Workspace, look=good) -> Walked:
    now = open_ledger(workspace).open_rollout("fraud")
    assert now is not None
    return walk_one(now, workspace, look=look)


def slots(workspace: Workspace) -> dict[str, int | None]:
    held = open_ledger(workspace).assignments()
    return {each.slot.value: each.version for each in held}
