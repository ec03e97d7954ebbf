from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenure.errors import (
    BadAuditEntry,
    CandidateInUse,
    CandidateNotFound,
    KeyReused,
    LeaseLost,
    NotFitToServe,
    StaleEpoch,
    VersionNotFound,
)
from tenure.records import GateVerdict, Stage
from tenure.registry import open_ledger
from tenure.workspace import SimulatedClock, Workspace
from tests.unit.registry import lives


def test_numbers_grow_by_one_and_a_candidate_gets_one_number(workspace: Workspace) -> None:
    made = [lives.bare_version(workspace, tag=tag) for tag in ("a", "b", "a", "c")]
    assert [version.number for version in made] == [1, 2, 1, 3]
    ledger = open_ledger(workspace)
    assert [version.number for version in ledger.versions("fraud")] == [3, 2, 1]
    assert [version.number for version in ledger.versions("fraud", limit=1, before=3)] == [2]
    assert ledger.version_of_candidate(made[1].candidate) == made[1]
    assert ledger.evaluation("fraud", 2).candidate == made[1].candidate


def test_the_stage_follows_the_verdict(workspace: Workspace) -> None:
    stages = {
        verdict: lives.bare_version(workspace, tag=verdict, verdict=verdict).stage
        for verdict in GateVerdict
    }
    fit = {verdict for verdict, stage in stages.items() if stage is Stage.VALIDATED}
    assert fit == {GateVerdict.FIRST, GateVerdict.WINS, GateVerdict.FALLBACK}
    assert set(stages.values()) == {Stage.VALIDATED, Stage.REJECTED}


def test_an_evaluation_of_another_candidate_registers_nothing(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    one, two = (
        ledger.record_candidate(lives.candidate_record("fraud", tag), actor=lives.ROBOT)
        for tag in ("a", "b")
    )
    with pytest.raises(BadAuditEntry, match="evaluation"):
        ledger.register_version(one, lives.evaluation(two), str, actor=lives.ROBOT)
    assert ledger.versions("fraud") == []


def test_a_fit_that_is_not_on_record_gets_no_number(workspace: Workspace) -> None:
    fit = lives.candidate_record("fraud", "a")
    with pytest.raises(CandidateNotFound):
        open_ledger(workspace).register_version(fit, lives.evaluation(fit), str, actor=lives.ROBOT)


def test_a_promotion_compares_the_epoch(workspace: Workspace) -> None:
    for tag in "ab":
        lives.bare_version(workspace, tag=tag)
    assert open_ledger(workspace).slot("fraud") is None
    assert lives.promote(workspace, 1, 0).epoch == 1
    with pytest.raises(StaleEpoch, match="epoch 1; the decision saw epoch 0") as stale:
        lives.promote(workspace, 2, 0)
    assert stale.value.facts["now"] == 1
    assert lives.promote(workspace, 2, 1).epoch == 2
    assert open_ledger(workspace).slot("fraud").version == 2


def test_a_slot_that_was_never_filled_is_at_epoch_0(workspace: Workspace) -> None:
    lives.bare_version(workspace)
    with pytest.raises(StaleEpoch):
        lives.promote(workspace, 1, 3)
    assert open_ledger(workspace).slot("fraud") is None


@pytest.mark.parametrize(
    ("number", "error"), [(2, NotFitToServe), (3, VersionNotFound), (0, VersionNotFound)]
)
def test_only_a_validated_version_serves_and_the_attempt_is_on_record(
    workspace: Workspace, number: int, error: type[Exception]
) -> None:
    lives.bare_version(workspace, tag="a")
    lives.bare_version(workspace, tag="b", verdict=GateVerdict.LOSES)
    lives.promote(workspace, 1, 0)
    with pytest.raises(error):
        lives.promote(workspace, number, 1)
    ledger = open_ledger(workspace)
    assert ledger.slot("fraud").version == 1
    last = ledger.audit()[-1]
    assert last.kind == "promotion_refused"
    assert last.body["refused_as"] == error.__name__
    assert last.actor == lives.PERSON


def test_one_key_is_one_request(workspace: Workspace) -> None:
    for tag in "ab":
        lives.bare_version(workspace, tag=tag)
    first = lives.promote(workspace, 1, 0, key="k")
    before = open_ledger(workspace).head()
    assert lives.promote(workspace, 1, 0, key="k") == first
    assert open_ledger(workspace).head() == before
    with pytest.raises(KeyReused):
        lives.promote(workspace, 2, 1, key="k")
    assert open_ledger(workspace).slot("fraud") == first


def test_a_late_writer_is_fenced(workspace: Workspace) -> None:
    lives.bare_version(workspace)
    ledger = open_ledger(workspace)
    late = ledger.acquire_lease("train/fraud", holder="one", ttl_s=60)
    assert ledger.acquire_lease("train/fraud", holder="two", ttl_s=60) is None
    _expire(workspace, "train/fraud")
    with pytest.raises(LeaseLost):
        lives.promote(workspace, 1, 0, lease=late)
    assert ledger.audit()[-1].body["refused_as"] == "LeaseLost"
    now = ledger.acquire_lease("train/fraud", holder="two", ttl_s=60)
    assert now.token == late.token + 1
    with pytest.raises(LeaseLost):
        ledger.renew_lease(late, ttl_s=60)
    with pytest.raises(LeaseLost):
        lives.promote(workspace, 1, 0, lease=late)
    fit = ledger.record_candidate(lives.candidate_record("fraud", "b"), actor=lives.ROBOT)
    with pytest.raises(LeaseLost):
        ledger.register_version(fit, lives.evaluation(fit), str, actor=lives.ROBOT, lease=late)
    ledger.release_lease(late)  # not his any more: changes nothing
    assert lives.promote(workspace, 1, 0, lease=ledger.renew_lease(now, ttl_s=60)).epoch == 1
    ledger.release_lease(now)
    assert ledger.acquire_lease("train/fraud", holder="three", ttl_s=60).token == now.token + 1


def _expire(workspace: Workspace, name: str) -> None:
    with open_ledger(workspace).database.writing() as write:
        write.connection.exec_driver_sql(
            "UPDATE leases SET ends_at = '2020-01-01T00:00:00.000000Z' WHERE name = ?", (name,)
        )


def test_standby_is_who_served_and_still_may_newest_first(workspace: Workspace) -> None:
    for tag in "abcd":
        lives.bare_version(workspace, tag=tag)
    for epoch, number in enumerate((1, 2, 3, 1)):
        lives.promote(workspace, number, epoch)
    ledger = open_ledger(workspace)
    assert [version.number for version in ledger.standby("fraud")] == [3, 2]
    assert [tenure.version for tenure in ledger.tenures("fraud")] == [1, 2, 3, 1]
    assert ledger.standby("other") == []


def test_who_was_champion_then(workspace: Workspace) -> None:
    from dataclasses import replace

    clock = SimulatedClock(workspace.state / "clock")
    then = replace(workspace, clock=clock, simulated=True)
    first = datetime(2026, 5, 3, 14, 0, tzinfo=UTC)
    clock.set(first)
    for tag in "ab":
        lives.bare_version(then, tag=tag)
    lives.promote(then, 1, 0)
    clock.set(first + timedelta(days=2))
    lives.promote(then, 2, 1)
    ledger = open_ledger(then)
    asked = {
        first - timedelta(seconds=1): None,
        first: 1,
        first + timedelta(minutes=3): 1,
        first + timedelta(days=2): 2,
        datetime.now(UTC): 2,
    }
    for at, version in asked.items():
        found = ledger.champion_at("fraud", at)
        assert (found.version if found else None) == version
    row = ledger.audit()[-1]
    assert row.as_of == first + timedelta(days=2)
    assert row.recorded_at - row.as_of > timedelta(days=30)


def test_a_clock_ten_years_off_changes_no_order(workspace: Workspace) -> None:
    from dataclasses import replace

    for tag in "abc":
        lives.bare_version(workspace, tag=tag)
    clock = SimulatedClock(workspace.state / "clock")
    odd = replace(workspace, clock=clock, simulated=True)
    for epoch, years in enumerate((0, 10, -10)):
        clock.set(datetime.now(UTC) + timedelta(days=3653 * years / 10))
        lives.promote(odd, epoch + 1, epoch)
    ledger = open_ledger(odd)
    assert ledger.slot("fraud").version == 3
    assert [one.version for one in ledger.tenures("fraud")] == [1, 2, 3]
    assert ledger.champion_at("fraud", datetime.now(UTC)).version == 3


def test_released_fits_leave_and_versions_stay(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    used = lives.bare_version(workspace, tag="used").candidate
    free = ledger.record_candidate(lives.candidate_record("fraud", "free"), actor=lives.ROBOT)
    with pytest.raises(CandidateInUse):
        ledger.release_candidates([free.id, used], actor=lives.ROBOT, reason="Judged.")
    assert len(ledger.candidates("fraud")) == 2
    ledger.release_candidates([free.id], actor=lives.ROBOT, reason="Judged.")
    head = ledger.head()
    ledger.release_candidates([free.id], actor=lives.ROBOT, reason="Judged.")
    assert ledger.head() == head
    assert [fit.id for fit in ledger.candidates("fraud")] == [used]
    assert ledger.candidate(free.id) == free
    with pytest.raises(CandidateNotFound):
        ledger.release_candidates(["f" * 64], actor=lives.ROBOT, reason="Judged.")


def test_what_was_not_told_yet_waits_in_the_outbox(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    ledger.accept_batch(lives.snapshot(workspace), actor=lives.ROBOT, reason="It passed.")
    lives.bare_version(workspace)
    lives.promote(workspace, 1, 0)
    told = ["batch_arrived", "batch_accepted", "version_registered", "slot_moved"]
    waiting = ledger.unsent()
    assert [row.kind for row in waiting] == told
    ledger.mark_sent([row.seq for row in waiting[:2]])
    ledger.mark_sent([row.seq for row in waiting[:2]])
    assert [row.kind for row in ledger.unsent()] == told[2:]
    assert [row.kind for row in ledger.unsent(limit=1)] == told[2:3]


def test_two_models_share_nothing_but_the_record(workspace: Workspace) -> None:
    for model in ("fraud", "bikes"):
        lives.bare_version(workspace, model=model)
        lives.promote(workspace, 1, 0, model=model)
    ledger = open_ledger(workspace)
    assert [one.model for one in ledger.assignments()] == ["bikes", "fraud"]
    assert ledger.models() == ["bikes", "fraud"]
    assert {row.model for row in ledger.audit("bikes")} == {"bikes"}
    assert len(ledger.audit(after_seq=2, limit=2)) == 2
