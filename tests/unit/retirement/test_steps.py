"""Does a retirement leave nothing that serves the version, and say so on record?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tenure import retirement
from tenure.errors import (
    CaseNotWaiting,
    Halted,
    NoFallback,
    ObjectMissing,
    StepTooEarly,
    StillServed,
    VersionRetired,
)
from tenure.records import CaseState, Stage
from tenure.registry import collect, deploy, load_version, open_store
from tenure.registry.archived import open_archive
from tenure.registry.record import EXPORTED
from tests.unit.retirement.lives import ROBOT, Office, loss
from tests.unit.training.houses import ACTOR

FATES = ("artifact", "snapshots", "predictions", "quarantine", "reports")


def kinds(office: Office) -> list[str]:
    return [row.kind for row in office.ledger.audit(limit=10_000)]


def test_a_retired_champion_leaves_its_slot_its_store_and_a_signed_record(office: Office) -> None:
    version = office.ledger.version("fraud", 1)
    case = office.retire()
    assert case.state is CaseState.CLOSED
    assert case.outcome == "Version 1 of 'fraud' is retired; version 2 (fallback) answers."
    slot = office.ledger.slot("fraud")
    assert (slot.version, slot.epoch) == (2, 2)
    assert office.ledger.version("fraud", 1).stage is Stage.ARCHIVED
    with pytest.raises(ObjectMissing):
        open_store(office.workspace).open_object(version.object)
    with pytest.raises(VersionRetired):
        load_version("fraud", 1, office.workspace)
    assert open_archive(office.workspace).get_bytes(version.object, version.size)
    record = retirement.load_record(case, office.workspace)
    assert (record.version, record.successor, record.successor_kind) == (1, 2, "fallback")
    assert (record.epoch_before, record.epoch_after) == (1, 2)
    assert [step.name for step in record.steps] == list(retirement.STEPS[:-1])
    assert (record.freed_bytes, record.memory_freed_bytes) == (version.size, None)
    assert record.served_from is not None
    assert record.served_until == slot.since
    assert set(record.kept) == set(FATES)
    assert len(record.checklist) == 11
    assert record.copies == ()
    assert (record.asked["days"], record.asked["rows"]) == (30, 0)
    assert loss(office.workspace) == []


def test_copies_that_no_retirement_reaches_are_named(office: Office) -> None:
    for version, folder in ((1, "/shared/kserve"), (2, "/elsewhere")):
        body = {"version": version, "folder": folder}
        about = {"reason": "The shop runs KServe.", "evidence": "0" * 64}
        office.ledger.note(EXPORTED, model="fraud", actor=ACTOR, body=body, **about)
    record = retirement.load_record(office.retire(), office.workspace)
    (copy,) = record.copies
    assert (copy["folder"], copy["by"]) == ("/shared/kserve", ACTOR)


def test_file_modes_keep_the_archive_from_other_users(office: Office) -> None:
    office.retire()
    folder = office.workspace.state / "archive"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert [each.stat().st_mode & 0o777 for each in files] == [0o400]


def test_archived_bytes_survive_the_collection_of_what_nothing_leads_to(office: Office) -> None:
    version = office.ledger.version("fraud", 1)
    office.retire()
    collect(office.workspace, grace_s=0)
    assert open_archive(office.workspace).get_bytes(version.object, version.size)
    assert loss(office.workspace) == []


def test_lost_bytes_of_an_archived_version_are_damage(office: Office) -> None:
    version = office.ledger.version("fraud", 1)
    office.retire()
    open_archive(office.workspace).shelf.remove(version.object)
    assert any("the archive" in each for each in loss(office.workspace))


def test_a_named_successor_takes_the_slot(office: Office) -> None:
    second = office.second()
    case = office.retire(successor=1)
    assert (second, case.version, office.ledger.slot("fraud").version) == (3, 3, 1)
    assert retirement.load_record(case, office.workspace).successor_kind == "successor"


def test_a_replaced_version_retires_without_moving_the_slot(office: Office) -> None:
    office.second()
    case = retirement.open_superseded("fraud", 1, office.workspace, actor=ROBOT)
    done = retirement.carry_out(case, office.workspace, actor=ROBOT)
    assert done.outcome == "Version 1 of 'fraud' is retired; version 3 was in office already."
    assert office.ledger.slot("fraud").epoch == 2
    assert office.ledger.standby("fraud") == []


def test_a_person_who_moves_the_slot_meanwhile_is_not_overruled(office: Office) -> None:
    office.second()
    case = office.open(version=3)
    case = retirement.verify_successor(case, office.workspace, actor=ROBOT)
    deploy("fraud", 1, office.workspace, actor=ACTOR, reason="I know better.")
    done = retirement.carry_out(case, office.workspace, actor=ROBOT)
    assert done.state is CaseState.CLOSED
    assert done.record is None
    assert "version 3 is not retired by it" in done.outcome
    assert office.ledger.slot("fraud").version == 1
    assert office.ledger.version("fraud", 3).stage is Stage.VALIDATED


def test_steps_are_done_in_order_and_once(office: Office) -> None:
    case = office.open()
    with pytest.raises(StepTooEarly):
        retirement.archive(case, office.workspace, actor=ROBOT)
    for _ in range(2):
        retirement.verify_successor(case, office.workspace, actor=ROBOT)
        retirement.move_slot(case, office.workspace, actor=ROBOT)
    assert kinds(office).count("slot_moved") == 2
    done = retirement.carry_out(case, office.workspace, actor=ROBOT)
    assert retirement.carry_out(done, office.workspace, actor=ROBOT) == done
    assert kinds(office).count("case_closed") == 1


def test_a_case_that_waits_is_not_carried_out(office: Office) -> None:
    case = office.open(actor=ACTOR)
    with pytest.raises(CaseNotWaiting):
        retirement.carry_out(case, office.workspace, actor=ROBOT)
    assert office.ledger.slot("fraud").version == 1


def test_a_halt_stops_a_retirement_between_any_two_steps_and_resume_ends_it(
    office: Office,
) -> None:
    case = office.open()
    case = retirement.verify_successor(case, office.workspace, actor=ROBOT)
    retirement.halt("fraud", office.workspace, actor=ACTOR, reason="Wait.")
    for _ in range(2):
        with pytest.raises(Halted):
            retirement.carry_out(case, office.workspace, actor=ROBOT)
    assert office.ledger.slot("fraud").version == 1
    assert office.ledger.version("fraud", 1).stage is Stage.VALIDATED
    retirement.resume("fraud", office.workspace, actor=ACTOR, reason="Go on.")
    assert retirement.carry_out(case, office.workspace, actor=ROBOT).state is CaseState.CLOSED


def test_a_halt_leaves_people_free_to_retire(office: Office) -> None:
    office.second()
    retirement.halt(None, office.workspace, actor=ACTOR, reason="All of it.")
    assert office.retire(actor=ACTOR, version=1).state is CaseState.CLOSED


def test_what_is_switched_off_stands_in_the_case(office: Office) -> None:
    asked = []

    def switch_off(model: str, number: int) -> list[str]:
        asked.append((model, number))
        return ["train", "monitor"]

    case = retirement.carry_out(office.open(), office.workspace, actor=ROBOT, switch_off=switch_off)
    assert asked == [("fraud", 1)]
    assert case.done("turn_off").facts["off"] == ["train", "monitor"]


def test_automation_leaves_no_slot_vacant_that_the_spec_does_not_let_it(office: Office) -> None:
    office.also(deployment={"fallback": "none"})
    case = office.open()
    with pytest.raises(NoFallback):
        retirement.carry_out(case, office.workspace, actor=ROBOT)
    assert office.ledger.slot("fraud").version == 1
    assert office.ledger.case(case.id).state is CaseState.CLOSED
    assert "retirement_refused" in kinds(office)


def test_a_slot_is_left_vacant_where_the_spec_lets_it_with_the_case_that_did(
    office: Office,
) -> None:
    office.also(deployment={"fallback": "none", "may_leave_vacant": True})
    case = office.retire()
    slot = office.ledger.slot("fraud")
    assert (slot.version, slot.epoch) == (None, 2)
    assert case.id[:12] in slot.reason
    assert retirement.load_record(case, office.workspace).successor_kind == "vacant"
    assert loss(office.workspace) == []


def test_a_version_that_could_still_be_reached_keeps_its_case_open(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenure.retirement.probing.PATIENCE_S", 0.0)
    version = office.ledger.version("fraud", 1)
    case = office.open()
    for name in retirement.STEPS[:6]:
        case = getattr(retirement, name)(case, office.workspace, actor=ROBOT)
    with open_archive(office.workspace).open_object(version.object) as kept:
        open_store(office.workspace).put_bytes(kept.read())
    with pytest.raises(StillServed) as refused:
        retirement.probe(case, office.workspace, actor=ROBOT)
    assert "store: it holds its bytes" in str(refused.value)
    assert office.ledger.case(case.id).state is CaseState.OPEN
    open_store(office.workspace).shelf.remove(version.object)
    assert retirement.carry_out(case, office.workspace, actor=ROBOT).state is CaseState.CLOSED


def test_data_is_kept_deleted_or_due_as_the_spec_says(office: Office) -> None:
    office.also(
        retirement={
            "retention": {
                "artifact": "30 days",
                "predictions": "delete",
                "reports": "delete",
                "snapshots": "hold",
            }
        }
    )
    log = office.workspace.state / "predictions" / "fraud" / "2026-01-05"
    log.mkdir(parents=True)
    for number in (1, 2):
        (log / f"1-v{number}.parquet").write_bytes(b"some rows")
    page = office.workspace.pages / "fraud" / "versions" / "1.html"
    page.parent.mkdir(parents=True)
    page.write_text("a page")
    case = office.retire()
    kept = retirement.load_record(case, office.workspace).kept
    assert [each.name for each in log.iterdir()] == ["1-v2.parquet"]
    assert not page.exists()
    assert (kept["predictions"]["is_removed"], kept["predictions"]["count"]) == (True, 1)
    assert (kept["snapshots"]["fate"], kept["snapshots"]["count"]) == ("hold", 1)
    until = case.closed_at + timedelta(days=30)
    assert abs((until - _time(kept["artifact"]["until"])).total_seconds()) < 60


def _time(text: str):
    from datetime import datetime

    return datetime.fromisoformat(text)


def test_an_artifact_whose_retention_is_over_is_purged_and_leaves_a_tombstone(
    office: Office,
) -> None:
    office.also(retirement={"retention": {"artifact": "delete"}})
    version = office.ledger.version("fraud", 1)
    case = office.retire()
    assert office.ledger.version("fraud", 1).stage is Stage.PURGED
    assert not open_archive(office.workspace).exists(version.object)
    purged = next(row for row in office.ledger.audit(limit=1000) if row.body.get("to") == "purged")
    tombstone = open_store(office.workspace).get_json(purged.evidence)
    assert (tombstone["object"], tombstone["size"]) == (version.object, version.size)
    assert retirement.load_record(case, office.workspace).kept["artifact"]["is_removed"]
    assert loss(office.workspace) == []
    collect(office.workspace, grace_s=0)
    assert open_store(office.workspace).exists(purged.evidence)


def test_train_goes_on_after_a_retirement(office: Office) -> None:
    office.retire()
    from tests.unit.training.houses import rows

    office.add(rows(400, seed=3))
    judged, serving = office.full_night()
    assert (judged.promotes, serving) == (True, 3), judged.reason
    assert judged.comparison.champion == 2
    assert [each.number for each in office.ledger.standby("fraud")] == []


def test_quarantined_bytes_go_with_the_version_if_the_spec_says_so(office: Office) -> None:
    office.also(retirement={"retention": {"quarantine": "delete"}})
    store = open_store(office.workspace)
    kept, said = store.put_bytes(b"what was refused"), {"actor": ROBOT, "reason": "It is bad."}
    about = {"name": "bad.csv", "location": "in/bad.csv", "size": 16}
    office.ledger.arrive("fraud", digest="b" * 64, actor=ROBOT, **about)
    report = store.put_json({"report": "of the bad batch"})
    office.ledger.quarantine_batch("fraud", "b" * 64, report=report, kept_object=kept, **said)
    case = office.retire()
    entry = retirement.load_record(case, office.workspace).kept["quarantine"]
    assert (entry["count"], entry["is_removed"]) == (1, True)
    assert office.ledger.batch("fraud", "b" * 64).kept_object is None
    assert not store.exists(kept)
    assert store.exists(report)
    assert loss(office.workspace) == []
