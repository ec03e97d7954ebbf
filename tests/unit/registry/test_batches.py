from __future__ import annotations

import pytest

from tenure.errors import BadAuditEntry, BatchIsSettled, BatchNotFound
from tenure.records import BatchState, Column
from tenure.registry import open_ledger
from tenure.workspace import Workspace
from tests.unit.registry import lives


def arrive(workspace: Workspace, digest: str = "d" * 64):
    return open_ledger(workspace).arrive(
        "fraud", digest=digest, name="a.csv", location="in/a.csv", size=3, actor=lives.ROBOT
    )


def test_the_same_bytes_arrive_once(workspace: Workspace) -> None:
    first = arrive(workspace)
    assert arrive(workspace) == first
    assert [row.kind for row in open_ledger(workspace).audit()] == ["batch_arrived"]


def test_an_accepted_batch_gets_its_place_and_is_accepted_once(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    one, two = lives.snapshot(workspace, tag="1"), lives.snapshot(workspace, tag="2")
    kept = ledger.accept_batch(one, actor=lives.ROBOT, reason="It passed.", pin=one.columns)
    later = ledger.accept_batch(two, actor=lives.ROBOT, reason="It passed.")
    assert kept.seq < later.seq
    assert ledger.accept_batch(one, actor=lives.ROBOT, reason="Again.") == kept
    assert ledger.snapshots("fraud") == [kept, later]
    assert ledger.snapshots("fraud", after_seq=kept.seq) == [later]
    assert ledger.batch("fraud", one.batch).state is BatchState.ACCEPTED
    assert ledger.contract("fraud") == lives.FEATURES


def test_the_arrival_contract_is_pinned_once(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    other = (Column(name="other", type="string"),)
    for tag, pin in (("1", lives.FEATURES), ("2", other)):
        snapshot = lives.snapshot(workspace, tag=tag)
        ledger.accept_batch(snapshot, actor=lives.ROBOT, reason="It passed.", pin=pin)
    assert ledger.contract("fraud") == lives.FEATURES
    assert lives.damage(workspace) == []


def test_equal_content_in_other_bytes_brings_no_second_snapshot(workspace: Workspace) -> None:
    from dataclasses import replace

    ledger = open_ledger(workspace)
    one = lives.snapshot(workspace, tag="1")
    kept = ledger.accept_batch(one, actor=lives.ROBOT, reason="It passed.")
    twin = lives.snapshot(workspace, tag="2")
    again = ledger.accept_batch(
        replace(twin, digest=one.digest), actor=lives.ROBOT, reason="It passed."
    )
    assert again == kept
    assert ledger.snapshots("fraud") == [kept]
    assert ledger.batch("fraud", twin.batch).snapshot == one.digest
    assert lives.damage(workspace) == []


def test_quarantine_holds_once_and_lets_go_by_readmission_only(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    snapshot = lives.snapshot(workspace)
    said = {"reason": "Two columns are missing.", "actor": lives.ROBOT}
    kept = {"report": snapshot.report, "kept_object": snapshot.object}
    held = ledger.quarantine_batch("fraud", snapshot.batch, **kept, **said)
    assert ledger.quarantine_batch("fraud", snapshot.batch, **kept, **said) == held
    with pytest.raises(BatchIsSettled, match="quarantined"):
        ledger.accept_batch(snapshot, actor=lives.ROBOT, reason="No.")
    again = ledger.readmit_batch("fraud", snapshot.batch, actor=lives.PERSON, reason="Mended.")
    assert again.state is BatchState.ARRIVED
    ledger.accept_batch(snapshot, actor=lives.ROBOT, reason="It passed.")
    with pytest.raises(BatchIsSettled, match="accepted"):
        ledger.readmit_batch("fraud", snapshot.batch, actor=lives.PERSON, reason="Why not.")
    assert [batch.state for batch in ledger.batches("fraud")] == [BatchState.ACCEPTED]
    assert lives.damage(workspace) == []


def test_a_batch_that_never_arrived_cannot_be_judged(workspace: Workspace) -> None:
    with pytest.raises(BatchNotFound):
        open_ledger(workspace).readmit_batch("fraud", "d" * 64, actor=lives.PERSON, reason="x")


def test_pages_of_batches_join_without_gap(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    for number in range(7):
        arrive(workspace, f"{number:064d}")
    first = ledger.batches("fraud", limit=4)
    rest = ledger.batches("fraud", limit=4, before=first[-1].seq)
    assert [batch.digest for batch in first + rest] == [f"{n:064d}" for n in range(6, -1, -1)]
    assert ledger.batches(state=BatchState.QUARANTINED) == []


@pytest.mark.parametrize(
    ("actor", "reason"),
    [("", "r"), ("ann", "r"), ("person:", "r"), ("person:ann", ""), ("person:ann", "  \n")],
)
def test_a_change_says_who_and_why(workspace: Workspace, actor: str, reason: str) -> None:
    ledger = open_ledger(workspace)
    snapshot = lives.snapshot(workspace)
    with pytest.raises(BadAuditEntry):
        ledger.accept_batch(snapshot, actor=actor, reason=reason)
    assert ledger.batch("fraud", snapshot.batch).state is BatchState.ARRIVED


@pytest.mark.parametrize("model", ["", "Fraud", "a/b", "../x", "a" * 49, "a\x00", "a\nb"])
def test_a_name_that_is_no_models_name_never_enters(workspace: Workspace, model: str) -> None:
    with pytest.raises(BadAuditEntry):
        open_ledger(workspace).arrive(
            model, digest="d" * 64, name="n", location="l", size=1, actor=lives.ROBOT
        )
    assert open_ledger(workspace).models() == []
