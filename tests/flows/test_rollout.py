"""A winner takes over by steps on a real server, or comes back as it is slow: by flows alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flows.ingest import ingest
from flows.reconcile import reconcile
from flows.train import train
from tenure.predictions import read
from tenure.records import Rollout, RolloutState, Slot
from tenure.registry import open_ledger, open_store
from tenure.serving import wait_until_serving
from tenure.workspace import Workspace
from tests.acceptance.conftest import SPEC
from tests.acceptance.recipe import make_batch
from tests.faults.serving_processes import Running, start, until
from tests.flows.conftest import drop

RECIPE = """
import time

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def dawdling(frame, seconds):
    time.sleep(seconds)
    return frame


def make_model(seconds):
    step = FunctionTransformer(dawdling, kw_args={"seconds": seconds})
    return make_pipeline(step, LogisticRegression())
"""
STEPS = "steps: [shadow, 0.5], bake_minutes: 0, min_requests: 25, max_difference: null"
ROWS = make_batch(60, seed=9)[["income", "debt"]].to_dict("records")


def write(workspace: Workspace, *, seconds: float, ratio: str) -> None:
    """Write a spec whose pipeline takes some seconds for each answer."""
    fast = 'training: {pipeline: "tests.acceptance.recipe:make_model"}'
    slow = f'pipeline: "slow_recipe:make_model", parameters: {{seconds: {seconds}}}'
    spec = SPEC.replace(fast, f"training: {{{slow}, allow: [slow_recipe.dawdling]}}")
    spec += f"deployment:\n  rollout: {{{STEPS}, max_latency_ratio: {ratio}}}\n"
    spec += "monitoring: {window: {batches: 50}}\n"  # nothing else is due meanwhile
    (workspace.models_folder / "loans.yaml").write_text(spec)


def trained(workspace: Workspace, name: str, seed: int, *, early: bool = False) -> None:
    drop(workspace, name, 1000, seed=seed, early=early)
    said = ingest("loans", return_state=True)
    assert str(said.message).startswith("1 accepted"), said.message
    assert train("loans", return_state=True).name == "Completed"


@pytest.fixture
def served(loans: Workspace, tmp_path: Path) -> Iterator[tuple[Workspace, Running]]:
    """A quick first version in office, behind a server in a process of its own."""
    (loans.root / "slow_recipe.py").write_text(RECIPE)
    write(loans, seconds=0.0, ratio="2")
    trained(loans, "monday.csv", 1, early=True)
    server = start(loans, tmp_path / "server.log")
    yield loans, server
    server.process.kill()
    server.process.wait()


def newest(workspace: Workspace) -> Rollout:
    return open_ledger(workspace).rollouts("loans")[-1]


def ask(server: Running) -> list[tuple[int, str]]:
    """Ask for each row once; return who answered, in which slot."""
    found = []
    with httpx.Client(base_url=server.address, timeout=60) as client:
        for number, row in enumerate(ROWS):
            key = {"tenure-key": f"customer {number}"}
            body = {"instances": [row]}
            answer = client.post("/v1/models/loans:predict", json=body, headers=key)
            assert answer.status_code == 200, answer.text
            found.append((answer.json()["version"], answer.json()["slot"]))
    return found


def has_answered(workspace: Workspace, slot: Slot) -> bool:
    """Say whether the version answered in its step what is wanted, as the log has it."""
    now = newest(workspace).now
    asked = {"columns": ["slot", "epoch"], "shadows": True}
    log = read("loans", workspace, version=newest(workspace).version, **asked)
    return len(log) > 0 and ((log["slot"] == slot) & (log["epoch"] == now.epoch)).sum() >= 25


def reconciled(workspace: Workspace) -> Rollout:
    """Let `reconcile` look; return the rollout as it stands then."""
    assert reconcile(return_state=True).name == "Completed"
    return newest(workspace)


def follow(workspace: Workspace, slot: Slot) -> None:
    held = open_ledger(workspace).slot("loans", slot)
    assert held is not None
    assert wait_until_serving("loans", held.epoch, workspace, 120, slot=slot).is_complete


def test_a_slow_winner_comes_back_and_a_quick_one_takes_over(
    served: tuple[Workspace, Running],
) -> None:
    loans, server = served
    write(loans, seconds=0.1, ratio="2")
    trained(loans, "tuesday.csv", 2)
    slow = newest(loans)
    assert (slow.state, slow.slot) == (RolloutState.RUNNING, Slot.SHADOW)
    assert set(ask(server)) == {(1, "champion")}
    until(lambda: has_answered(loans, Slot.SHADOW))
    back = reconciled(loans)
    assert (back.state, back.version) == (RolloutState.ROLLED_BACK, slow.version)
    kept = open_store(loans).get_json(back.verdict or "")
    broken = [each["name"] for each in kept["judged"]["checks"] if each["finding"] == "broken"]
    assert broken == ["latency"]
    assert kept["seen"]["challenger"]["p95_ms"] > 100
    page = (loans.pages / "loans/index.html").read_text()
    assert f"The rollout of version {slow.version}" not in page
    assert "The last rollout" in page
    assert "ms at the 95th percentile, the champion" in page

    write(loans, seconds=0.0, ratio="null")
    trained(loans, "wednesday.csv", 3)
    quick = newest(loans)
    assert quick.version > slow.version
    assert set(ask(server)) == {(1, "champion")}
    until(lambda: has_answered(loans, Slot.SHADOW))
    assert reconciled(loans).now.share == 0.5
    follow(loans, Slot.CHALLENGER)
    assert set(ask(server)) == {(1, "champion"), (quick.version, "challenger")}
    ask(server)
    until(lambda: has_answered(loans, Slot.CHALLENGER))
    assert reconciled(loans).state is RolloutState.PROMOTED
    follow(loans, Slot.CHAMPION)
    assert set(ask(server)) == {(quick.version, "champion")}
