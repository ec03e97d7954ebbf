"""An event tells what the ledger's row says, under an id that does not change."""

from datetime import UTC, datetime

from tasks.events import as_event
from tenure.records import AuditRow


def row(**body):
    return AuditRow(
        seq=7,
        recorded_at=datetime(2026, 5, 3, tzinfo=UTC),
        as_of=datetime(2026, 5, 3, tzinfo=UTC),
        kind="batch_arrived",
        model="fraud",
        actor="system:watcher",
        reason="new",
        evidence="e" * 64,
        body=body,
        digest="d" * 64,
    )


def test_an_event_names_model_kind_and_file():
    event = as_event(row(location="/data/007.csv", batch="b" * 64))
    assert event["event"] == "tenure.batch_arrived"
    assert event["resource"]["prefect.resource.id"] == "tenure.model.fraud"
    assert event["payload"]["model"] == "fraud"
    assert event["payload"]["path"] == "/data/007.csv"


def test_an_event_has_every_key_whatever_the_row_holds():
    """An automation whose template names a missing key starts nothing, and says so nowhere."""
    assert set(as_event(row())["payload"]) == set(as_event(row(location="x"))["payload"])


def test_the_same_row_is_the_same_event():
    assert as_event(row())["id"] == as_event(row())["id"]


def test_an_event_says_whether_its_case_can_be_carried_out():
    decided = as_event(row(action="retire", case="c" * 64, opened={"state": "open"}))
    assert decided["resource"]["tenure.action"] == "retire"
    assert decided["resource"]["tenure.case-state"] == "open"
    assert decided["payload"]["case"] == "c" * 64
    held_back = as_event(row(action="retire", case=""))
    assert held_back["resource"]["tenure.case-state"] == "none"
