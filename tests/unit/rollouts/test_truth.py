"""What turned out to be true counts, whichever way it came, and chance does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tenure import predictions, rollouts
from tenure.records import Rollout, Slot
from tenure.registry import open_store
from tenure.rollouts.truth import loss_of
from tenure.spec import load_spec
from tenure.workspace import Workspace
from tests.unit.rollouts.answering import Log, tell
from tests.unit.rollouts.rolling import SPEC, slots

DRAW = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Let each test draw the same, whichever ran before it."""
    DRAW.bit_generator.state = np.random.default_rng(11).bit_generator.state


def drawn(count: int) -> np.ndarray:
    return DRAW.random(count) < 0.5


def loss(workspace: Workspace, now: Rollout) -> Any:
    return loss_of(now, load_spec("fraud", workspace), workspace)


def both(
    workspace: Workspace, now: Rollout, *, wrong: int, champion_wrong: int, count: int = 150
) -> list[tuple[list[str], np.ndarray]]:
    """Let the version and the champion answer as many requests each, some of them wrongly."""
    log, found = Log(workspace), []
    places = ((2, Slot.CHALLENGER, now.now.epoch, wrong), (1, Slot.CHAMPION, 1, champion_wrong))
    for version, slot, epoch, errors in places:
        truth = drawn(count)
        found.append((log.judge(version, slot, epoch, truth, wrong=errors), truth))
    return found


@pytest.mark.parametrize("is_carried", [False, True])
def test_a_version_that_is_worse_by_feedback_comes_back_with_the_evidence(
    canary: tuple[Workspace, Rollout], is_carried: bool
) -> None:
    workspace, now = canary
    said = both(workspace, now, wrong=60, champion_wrong=2)
    assert loss(workspace, now) is None
    (before,) = rollouts.walk(workspace)
    assert before.did == "step 50 %", "nobody knows yet that it is worse"
    for ids, truth in said:
        tell(workspace, ids, truth)
    if is_carried:
        predictions.carry(workspace)
        assert predictions.carry_feedback(workspace) == 300
    (back,) = rollouts.walk(workspace)
    assert back.did == "rolled_back"
    assert "On 150 labelled rows its average_precision is" in back.why
    assert slots(workspace) == {"champion": 1, "challenger": None, "shadow": None}
    kept = open_store(workspace).get_json(back.rollout.verdict)
    (broken,) = (each for each in kept["judged"]["checks"] if each["finding"] == "broken")
    assert broken["name"] == "labels"
    assert kept["seen"]["loss"]["rows"] == 150
    assert kept["seen"]["loss"]["loss"] > kept["seen"]["loss"]["noise"] > 0


def test_a_version_that_is_better_by_feedback_goes_on_though_it_answers_otherwise(
    canary: tuple[Workspace, Rollout],
) -> None:
    workspace, now = canary
    log = Log(workspace)
    for version, slot, epoch, is_right in (
        (2, Slot.CHALLENGER, now.now.epoch, True),
        (1, Slot.CHAMPION, 1, False),
    ):
        truth = np.ones(150, dtype=bool)
        truth[30:] = False  # the champion calls these, too
        ids = log.judge(version, slot, epoch, truth if is_right else np.ones(150, dtype=bool))
        tell(workspace, ids, truth)
    (on,) = rollouts.walk(workspace)
    assert on.did == "step 50 %"
    kept = open_store(workspace).get_json(on.rollout.now.evidence)
    said = {each["name"]: each for each in kept["judged"]["checks"]}
    assert said["labels"]["finding"] == said["difference"]["finding"] == "holds"
    assert "Labels speak for it, and outrank that." in said["difference"]["says"]
    assert kept["seen"]["gap"]["value"] - kept["seen"]["gap"]["noise"] > 0.25
    assert kept["seen"]["loss"]["loss"] < 0


def test_what_was_answered_in_an_earlier_step_counts(canary: tuple[Workspace, Rollout]) -> None:
    workspace, now = canary
    log, truth = Log(workspace), drawn(120)
    shadow = log.judge(2, Slot.SHADOW, 1, truth, wrong=30)
    other = log.judge(1, Slot.CHAMPION, 1, truth)
    former = log.judge(2, Slot.SHADOW, 7, truth)  # of another rollout
    for ids in (shadow, other, former):
        tell(workspace, ids, truth)
    found = loss(workspace, now)
    assert (found.rows, found.champion) == (120, 1.0)
    assert found.loss > found.noise


def test_labels_of_the_specs_source_count_alike(canary: tuple[Workspace, Rollout]) -> None:
    workspace, now = canary
    (workspace.models_folder / "fraud.yaml").write_text(
        SPEC.replace(
            "target: y}", "target: y, columns: {y: int64}, labels: {source: labels, key: [id]}}"
        )
    )
    folder = workspace.root / "labels"
    folder.mkdir()
    said = both(workspace, now, wrong=60, champion_wrong=2)
    lines = [
        f"{one},{int(value)}" for ids, truth in said for one, value in zip(ids, truth, strict=True)
    ]
    (folder / "one.csv").write_text("\n".join(["id,y", *lines]) + "\n")
    found = loss(workspace, now)
    assert found.rows == 150
    assert found.loss > found.noise


@pytest.mark.parametrize("primary", ["average_precision", "accuracy", "log_loss"])
def test_chance_alone_stays_within_its_bound(
    canary: tuple[Workspace, Rollout], primary: str
) -> None:
    workspace, now = canary
    (workspace.models_folder / "fraud.yaml").write_text(
        SPEC + f"evaluation: {{primary: {primary}}}\n"
    )
    for _ in range(4):
        wrong = [int(DRAW.binomial(150, 0.2)) for _ in range(2)]
        for ids, truth in both(workspace, now, wrong=wrong[0], champion_wrong=wrong[1]):
            tell(workspace, ids, truth)
        found = loss(workspace, now)
        assert found.metric == primary
        assert abs(found.loss) <= found.noise


def test_the_same_answers_to_the_same_requests_differ_by_nothing(
    canary: tuple[Workspace, Rollout],
) -> None:
    workspace, now = canary
    truth, made = drawn(120), []
    for version, slot in ((2, Slot.SHADOW), (1, Slot.CHAMPION)):
        log = Log(workspace)
        log.now_us += 1_000_000 * (version == 1)
        made.append(log.judge(version, slot, 1, truth, wrong=20))
    assert made[0] == made[1], "a shadow's answer has the id of the champion's"
    tell(workspace, made[0], truth)
    (workspace.models_folder / "fraud.yaml").write_text(SPEC + "evaluation: {primary: accuracy}\n")
    found = loss(workspace, now)
    assert found.rows == 120
    assert (found.loss, found.noise) == pytest.approx((0, 0), abs=1e-9)


@pytest.mark.parametrize("told", ["one side", "one class", "nothing"])
def test_too_little_is_known_to_compare(canary: tuple[Workspace, Rollout], told: str) -> None:
    workspace, now = canary
    (mine, truth), (other, _) = both(workspace, now, wrong=20, champion_wrong=20)
    if told == "one side":
        tell(workspace, mine, truth)
    if told == "one class":
        for ids in (mine, other):
            tell(workspace, ids, [1] * len(ids))
    assert loss(workspace, now) is None
