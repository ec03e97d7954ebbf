from __future__ import annotations

from dataclasses import replace

import pytest

import tenure
from tenure.cli.planning import plan_of
from tenure.registry import open_ledger, open_store
from tenure.spec import frozen, load_spec
from tenure.workspace import Workspace
from tests.unit.cli.calling import Shell, digest_of_folder
from tests.unit.registry.lives import bare_version, candidate_record, promote
from tests.unit.spec.specs import GOOD, write_spec


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


@pytest.fixture
def serving(workspace: Workspace) -> Workspace:
    """A workspace whose champion was frozen with GOOD."""
    write_spec(workspace)
    kept = open_store(workspace).put_json(frozen(load_spec("fraud", workspace)))
    record = candidate_record("fraud", "0")
    record = replace(record, lineage=replace(record.lineage, spec=kept))
    open_ledger(workspace).record_candidate(record, actor="automation:test")
    bare_version(workspace, tag="0")
    promote(workspace, 1, 0)
    return workspace


# What is changed in GOOD → the keys that changed, and a part of what follows
CHANGES = {
    "nothing": ("owner:", "owner:", [], ""),
    "the owner": ("risk@bank.example", "ops@bank.example", [], ""),
    "a parameter": (
        "recipes:make",
        "recipes:make\n  parameters: {depth: 4}",
        ["training.parameters.depth"],
        "will retrain as a new recipe, judged on a holdout until 4 batches have judged it",
    ),
    "a parameter, judged on a holdout for good": (
        "recipes:make",
        "recipes:make\n  parameters: {depth: 4}",
        ["training.parameters.depth"],
        "will retrain as a new recipe, judged on a holdout;",
    ),
    "a span": (
        "recipes:make",
        "recipes:make\n  spans: [8 weeks, all]",
        ["training.spans"],
        "the next training fits other spans",
    ),
    "a floor": (
        "at_least: 0.6",
        "at_least: 0.7",
        ["evaluation.gates.average_precision.at_least"],
        "the next candidate is judged so; the champion stays",
    ),
    "a source": ("in/fraud", "in/scam", ["data.source"], "batches are looked for in the new place"),
    "what the log keeps": (
        "schedules:",
        "deployment: {serving: {log: off}}\nschedules:",
        ["deployment.serving.log"],
        "the next version serves so",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_plan_says_what_changed_and_what_follows(
    case: str, shell: Shell, serving: Workspace
) -> None:
    old, new, keys, effect = CHANGES[case]
    text = GOOD.replace(old, new, 1)
    if "for good" in case:
        text = text.replace("evaluation:", "evaluation:\n  gate: {compare: holdout}")
    write_spec(serving, text)
    before = digest_of_folder(serving.root / "config")
    said = shell("plan", "fraud", "--json")
    assert said.code == 0, said.err
    (one,) = said.json["models"]
    changed = [change["key"] for change in one["changes"]]
    assert [key for key in changed if not key.startswith("evaluation.gate.")] == keys
    assert any(effect in said for said in one["effects"]) or not effect
    assert bool(one["effects"]) == bool(keys)
    assert digest_of_folder(serving.root / "config") == before
    assert said.json["prefect"] is None
    assert "No Prefect server is up" in said.json["note"]


def test_a_plan_prints_what_the_champion_had_and_what_today_says(
    shell: Shell, serving: Workspace
) -> None:
    write_spec(serving, GOOD.replace("recipes:make", "recipes:make\n  seed: 7"))
    said = shell("plan").out
    assert "fraud: version 1 serves" in said
    assert "training.seed  42          7" in said
    assert "new recipe" in said


def test_a_new_model_is_planned_as_one(shell: Shell, workspace: Workspace) -> None:
    write_spec(workspace)
    (one,) = shell("plan", "--json").json["models"]
    assert one["champion"] is None
    assert "the first training makes one" in one["effects"][0]
    assert not workspace.state.exists()


def test_a_champion_whose_frozen_spec_was_not_kept_is_said_so(workspace: Workspace) -> None:
    write_spec(workspace)
    bare_version(workspace, tag="0")
    promote(workspace, 1, 0)
    one = plan_of(load_spec("fraud", workspace), open_ledger(workspace), workspace)
    assert one.effects == (
        "the spec changed since the champion was trained; its text was not kept",
    )


def test_mistakes_come_before_any_plan(shell: Shell, serving: Workspace) -> None:
    write_spec(serving, GOOD.replace("owner:", "ownr:"))
    said = shell("plan", "--json")
    assert (said.code, said.error["code"]) == (2, "BadSpec")
    assert len(said.error["facts"]["mistakes"]) == 2


def test_an_orphan_is_planned_with_exit_1(shell: Shell, serving: Workspace) -> None:
    (serving.models_folder / "fraud.yaml").unlink()
    said = shell("plan", "--json")
    assert said.code == 1
    assert said.json["orphans"] == ["fraud"]
    assert tenure.plan(workspace=serving.root).orphans == ("fraud",)
