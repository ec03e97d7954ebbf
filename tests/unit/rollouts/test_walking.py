"""A rollout goes on by itself, or comes back, and each time there is evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tenure import rollouts
from tenure.errors import Halted, NoRollout, RolloutIsOver, RolloutMoved
from tenure.records import Rollout, RolloutState, Slot
from tenure.registry import open_ledger, open_store
from tenure.rollouts import walk_one
from tenure.rollouts.judging import Seen
from tenure.workspace import Workspace
from tests.unit.registry import lives
from tests.unit.rollouts.rolling import SHARES, begin, failing, good, slots, step, unseen


def test_a_good_version_walks_through_every_step_into_office(two: Workspace) -> None:
    begin(two)
    assert slots(two) == {"champion": 1, "shadow": 2}
    assert step(two).did == "step 10 %"
    assert slots(two) == {"champion": 1, "shadow": None, "challenger": 2}
    assert step(two).did == "step 50 %"
    last = step(two)
    assert last.did == "promoted"
    assert slots(two) == {"champion": 2, "shadow": None, "challenger": None}
    ended = open_ledger(two).rollout(last.rollout.id)
    assert [one.share for one in ended.steps] == list(SHARES)
    assert open_ledger(two).open_rollout("fraud") is None
    assert lives.damage(two) == []


def test_each_step_leads_to_its_evidence(two: Workspace) -> None:
    begin(two)
    step(two)
    step(two)
    step(two)
    (now,) = open_ledger(two).rollouts("fraud")
    for number, each in enumerate(now.steps[1:]):
        kept = open_store(two).get_json(each.evidence)
        assert (kept["rollout"], kept["version"]) == (now.id, 2)
        assert kept["step"] == ["shadow", "10 %", "50 %"][number]
        assert kept["judged"]["move"] == "advance"
        assert kept["seen"]["challenger"]["p95_ms"] == pytest.approx(2.19, abs=0.02)
    moved = [row for row in open_ledger(two).audit("fraud") if row.kind == "slot_moved"][-1]
    assert open_store(two).get_json(moved.evidence)["step"] == "50 %"
    assert now.verdict == moved.evidence
    assert [row.actor for row in open_ledger(two).audit("fraud")][-1] == "automation:rollout"


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_bad_version_comes_back_from_any_step(two: Workspace, steps: int) -> None:
    begin(two)
    for _ in range(steps):
        step(two)
    back = step(two, failing)
    assert back.did == "rolled_back"
    assert "failed 100 of 200" in back.why
    held = slots(two)
    assert held.pop("champion") == 1
    assert set(held.values()) == {None}
    assert open_ledger(two).slot("fraud").epoch == 1
    assert back.rollout.verdict is not None
    kept = open_store(two).get_json(back.rollout.verdict)
    assert kept["judged"]["move"] == "roll_back"
    assert kept["seen"]["challenger"]["failed"] == 100
    assert lives.damage(two) == []


def test_automation_does_not_try_again_what_came_back(two: Workspace) -> None:
    begin(two)
    step(two, failing)
    assert begin(two).state is RolloutState.ROLLED_BACK
    assert slots(two) == {"champion": 1, "shadow": None}
    mine = rollouts.start("fraud", 2, two, actor=lives.PERSON, reason="It was the feed.")
    assert mine.state is RolloutState.RUNNING


def test_too_few_requests_hold_it_for_a_person(two: Workspace) -> None:
    now = begin(two)
    later = at(two, now.started_at + timedelta(hours=1))
    held = step(later, unseen)
    assert held.did == "held"
    assert step(later, good).did == "wait"
    moved = rollouts.advance("fraud", later, actor=lives.PERSON, reason="Quiet, but fine.")
    assert (moved.did, moved.rollout.state) == ("step 10 %", RolloutState.RUNNING)
    assert step(later, failing).did == "rolled_back"


def test_a_held_one_comes_back_all_the_same(two: Workspace) -> None:
    now = begin(two)
    later = at(two, now.started_at + timedelta(hours=1))
    step(later, unseen)
    assert step(later, failing).did == "rolled_back"


def at(workspace: Workspace, now: datetime) -> Workspace:
    class Later:
        def now(self) -> datetime:
            return now

    return replace(workspace, clock=Later())


def test_a_halt_stops_it_and_lifting_lets_it_go_on(two: Workspace) -> None:
    now = begin(two)
    ledger = open_ledger(two)
    ledger.halt("fraud", actor=lives.PERSON, reason="Audit.")
    assert rollouts.walk(two) == []
    for look in (good, failing):
        with pytest.raises(Halted):
            walk_one(now, two, look=look)
    assert slots(two) == {"champion": 1, "shadow": 2}
    assert rollouts.advance("fraud", two, actor=lives.PERSON, reason="Go.").did == "step 10 %"
    ledger.resume("fraud", actor=lives.PERSON, reason="Done.")
    assert step(two).did == "step 50 %"


def test_a_decision_about_an_older_step_changes_nothing(two: Workspace) -> None:
    now = begin(two)
    step(two)
    for look in (good, failing):
        with pytest.raises(RolloutMoved):
            walk_one(now, two, look=look)
    assert slots(two)["challenger"] == 2
    rollouts.abort("fraud", two, actor=lives.PERSON, reason="No.")
    with pytest.raises(RolloutIsOver):
        walk_one(now, two, look=good)
    with pytest.raises(NoRollout):
        rollouts.abort("fraud", two, actor=lives.PERSON, reason="No.")


def test_what_a_person_ends_while_it_is_judged_does_not_take_office(two: Workspace) -> None:
    begin(two)
    step(two)
    step(two)

    def abort_meanwhile(now: Rollout, *rest: object) -> Seen:
        rollouts.abort("fraud", two, actor=lives.PERSON, reason="No.")
        return good(now, *rest)

    with pytest.raises(RolloutIsOver):
        step(two, abort_meanwhile)
    assert slots(two) == {"champion": 1, "challenger": None, "shadow": None}


def test_an_artifact_that_is_damaged_on_the_way_comes_back(two: Workspace) -> None:
    begin(two)
    step(two)
    step(two)
    version = open_ledger(two).version("fraud", 2)
    (two.state / "store" / version.object[:2] / version.object).unlink()
    assert step(two).did == "rolled_back"
    assert slots(two)["champion"] == 1


def test_walking_everything_reads_log_and_status_files(two: Workspace) -> None:
    begin(two)
    (walked,) = rollouts.walk(two)
    assert walked.did in ("wait", "held")
    assert open_ledger(two).slot("fraud", Slot.SHADOW).version == 2
