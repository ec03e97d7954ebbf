"""Who goes by steps, and who at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenure.errors import NoChampion, RolloutOpen, ServesAlready, StaleEpoch
from tenure.records import GateVerdict, Slot, digest_of
from tenure.registry import due, open_ledger, open_store, register
from tenure.rollouts import Way, place
from tenure.workspace import Workspace
from tests.unit.registry import lives
from tests.unit.rollouts.rolling import SAID, SPEC, failing, slots, step


def test_the_first_version_takes_office_at_once(workspace: Workspace) -> None:
    (workspace.models_folder / "fraud.yaml").write_text(SPEC)
    lives.version(workspace)
    assert place("fraud", 1, workspace, **SAID).slot is Slot.CHAMPION


def test_without_a_champion_nothing_is_rolled_out(workspace: Workspace) -> None:
    lives.version(workspace)
    with pytest.raises(NoChampion):
        place("fraud", 1, workspace, **SAID, way=Way.STEPS)


def test_the_next_one_goes_by_steps(two: Workspace) -> None:
    placed = place("fraud", 2, two, **SAID, expected_epoch=1)
    assert (placed.slot, placed.version, placed.epoch) == (Slot.SHADOW, 2, 1)
    assert place("fraud", 2, two, **SAID, expected_epoch=1) == placed
    assert slots(two) == {"champion": 1, "shadow": 2}


def test_a_person_may_say_how(two: Workspace) -> None:
    assert place("fraud", 2, two, **SAID, way=Way.DIRECT).slot is Slot.CHAMPION
    assert place("fraud", 3, two, **SAID, way=Way.STEPS).slot is Slot.SHADOW


def test_without_a_rollout_in_the_spec_all_go_at_once(two: Workspace) -> None:
    bare = SPEC.split("deployment:")[0]
    (two.models_folder / "fraud.yaml").write_text(bare)
    assert place("fraud", 2, two, **SAID).slot is Slot.CHAMPION


def test_a_former_champion_comes_back_at_once(two: Workspace) -> None:
    place("fraud", 2, two, **SAID, way=Way.DIRECT)
    assert place("fraud", 1, two, **SAID).slot is Slot.CHAMPION


def test_a_stand_in_is_followed_at_once(workspace: Workspace) -> None:
    (workspace.models_folder / "fraud.yaml").write_text(SPEC)
    lives.version(workspace, seed=0, verdict=GateVerdict.FALLBACK)
    lives.version(workspace, seed=1)
    lives.promote(workspace, 1, 0)
    assert place("fraud", 2, workspace, **SAID).slot is Slot.CHAMPION


def test_one_rollout_at_a_time(two: Workspace) -> None:
    place("fraud", 2, two, **SAID)
    with pytest.raises(RolloutOpen) as refused:
        place("fraud", 3, two, **SAID)
    assert refused.value.facts == {"model": "fraud", "version": 2, "step": "shadow"}
    assert slots(two) == {"champion": 1, "shadow": 2}


def test_what_was_decided_on_an_old_champion_is_refused(two: Workspace) -> None:
    lives.promote(two, 3, 1)
    with pytest.raises(StaleEpoch):
        place("fraud", 2, two, **SAID, expected_epoch=1)
    with pytest.raises(ServesAlready):
        place("fraud", 3, two, **SAID, way=Way.STEPS)
    assert open_ledger(two).rollouts("fraud") == []


def test_what_was_rolled_out_is_settled_for_training(two: Workspace) -> None:
    fit = lives.candidate(two, seed=5)
    details = open_store(two).put_json({"seed": 5})
    judged = lives.evaluation(fit, GateVerdict.WINS, details)
    judged = replace(judged, champion_epoch=1, digest=digest_of("judged at epoch 1"))
    version = register(fit, judged, lives.golden_rows(), two, actor=lives.ROBOT)
    assert not due.is_settled(version, two)
    place("fraud", version.number, two, **SAID, expected_epoch=1)
    assert due.is_settled(version, two)
    step(two, failing)
    assert due.is_settled(version, two)
    assert place("fraud", version.number, two, **SAID).slot is Slot.CHAMPION
    assert slots(two) == {"champion": 1, "shadow": None}
