"""`tenure rollout`: what a person reads and what a program gets."""

from __future__ import annotations

import pytest

from tenure.registry import open_ledger
from tenure.workspace import Workspace
from tests.unit.cli.calling import Shell
from tests.unit.registry.lives import bare_version, promote, version
from tests.unit.rollouts.rolling import SPEC


@pytest.fixture
def rolling(shell: Shell, workspace: Workspace) -> Shell:
    (workspace.models_folder / "fraud.yaml").write_text(SPEC)
    for seed in range(2):
        version(workspace, seed=seed)
    promote(workspace, 1, 0)
    return shell


def test_a_rollout_is_begun_shown_moved_and_ended(rolling: Shell) -> None:
    begun = rolling("rollout", "start", "fraud", "2", "-m", "newer data")
    assert begun.code == 0, begun.err
    assert "Version 2 of 'fraud' is at shadow since" in begun.out
    assert "then 10 %, 50 %, champion." in begun.out
    assert "version 2 of 'fraud' is rolled out: shadow" in rolling("status").out
    assert "version 2 is rolled out: shadow, running" in rolling("show", "fraud").out
    said = rolling("rollout", "status", "--json").json
    assert [(one["step"], one["left"]) for one in said] == [("shadow", ["10 %", "50 %"])]
    assert "0 requests of the 100" in said[0]["seen"]
    moved = rolling("rollout", "advance", "fraud", "-m", "looks well", "--json").json
    assert (moved["step"], moved["rollout"]["state"]) == ("10 %", "running")
    ended = rolling("rollout", "abort", "fraud", "-m", "customers complain")
    assert "The rollout of version 2 of 'fraud' is over (aborted): customers complain" in ended.out
    assert "No version is being rolled out." in rolling("rollout", "status").out
    (last,) = rolling("rollout", "status", "fraud", "--json").json
    assert last["rollout"]["outcome"] == "customers complain"
    assert rolling("verify").code == 0


def test_the_last_step_of_a_person_is_the_promotion(rolling: Shell) -> None:
    rolling("rollout", "start", "fraud", "2", "-m", "x")
    states = [
        rolling("rollout", "advance", "fraud", "-m", "x", "--json").json["rollout"]["state"]
        for _ in range(3)
    ]
    assert states == ["running", "running", "promoted"]
    assert rolling("show", "fraud", "--json").json["line"]["champion"] == 2


def test_deploy_follows_the_spec_unless_it_is_told_otherwise(rolling: Shell) -> None:
    begun = rolling("deploy", "fraud", "2", "-m", "x")
    assert "Version 2 of 'fraud' is shadow now." in begun.out
    assert "10 %, 50 %, champion" in begun.out
    direct = rolling("deploy", "fraud", "2", "-m", "now", "--direct", "--json").json
    assert (direct["assignment"]["slot"], direct["assignment"]["epoch"]) == ("champion", 2)
    (last,) = rolling("rollout", "status", "fraud", "--json").json
    assert last["rollout"]["state"] == "promoted"


def test_a_rollback_ends_what_was_under_way(rolling: Shell, workspace: Workspace) -> None:
    version(workspace, seed=2)
    promote(workspace, 3, 1)
    rolling("rollout", "start", "fraud", "2", "-m", "x")
    rolling("rollback", "fraud", "-m", "alarms")
    (last,) = rolling("rollout", "status", "fraud", "--json").json
    assert last["rollout"]["state"] == "overtaken"
    held = {each.slot.value: each.version for each in open_ledger(workspace).assignments()}
    assert held == {"champion": 1, "shadow": None}


# words → exit code and error
REFUSED = {
    "none to advance": (("rollout", "advance", "fraud", "-m", "x"), 3, "NoRollout"),
    "none to abort": (("rollout", "abort", "fraud", "-m", "x"), 3, "NoRollout"),
    "the champion itself": (("rollout", "start", "fraud", "1", "-m", "x"), 3, "ServesAlready"),
    "no such version": (("rollout", "start", "fraud", "9", "-m", "x"), 2, "VersionNotFound"),
    "no such model": (("rollout", "status", "frau"), 2, "ModelNotFound"),
    "no reason": (("rollout", "start", "fraud", "2", "-m", " "), 2, "BadAuditEntry"),
    "no champion": (("rollout", "start", "bikes", "1", "-m", "x"), 3, "NoChampion"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why(rolling: Shell, workspace: Workspace, case: str) -> None:
    bare_version(workspace, "bikes")
    words, code, name = REFUSED[case]
    before = open_ledger(workspace).head()
    said = rolling(*words, "--json")
    assert (said.code, said.error["code"]) == (code, name)
    assert open_ledger(workspace).head() == before


def test_one_rollout_at_a_time(rolling: Shell, workspace: Workspace) -> None:
    version(workspace, seed=2)
    rolling("rollout", "start", "fraud", "2", "-m", "x")
    said = rolling("rollout", "start", "fraud", "3", "-m", "x", "--json")
    assert (said.code, said.error["code"]) == (3, "RolloutOpen")
    assert said.error["facts"] == {"model": "fraud", "version": 2, "step": "shadow"}
    assert "tenure rollout abort fraud" in said.error["remedy"]
