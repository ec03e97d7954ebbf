"""Does what a retired version leaves go when its time is over, and only then?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenure import retirement
from tenure.errors import SnapshotNotFound
from tenure.pages import write_evaluation_page
from tenure.records import Action
from tenure.registry import open_store
from tests.unit.pages import loops
from tests.unit.retirement.lives import ROBOT, Office, loss
from tests.unit.retirement.test_restoring import Later

PERSON = "person:ann"


def test_snapshots_go_once_no_version_needs_them_that_is_kept(office: Office) -> None:
    (first,) = office.ledger.snapshots("fraud")
    office.write(training={"spans": ["1 batches"]})
    office.also(retirement={"retention": {"snapshots": "delete"}})
    assert office.second() == 3
    let_go_of_fits(office)
    kept = record(office.retire(version=1), office).kept["snapshots"]
    assert (kept["count"], kept["is_removed"]) == (1, False)  # the fallback was fitted on it
    assert open_store(office.workspace).exists(first.object)
    kept = record(office.retire(version=2), office).kept["snapshots"]
    assert (kept["count"], kept["is_removed"]) == (1, True)
    assert office.ledger.snapshot("fraud", first.digest) is None
    assert not open_store(office.workspace).exists(first.object)
    (row,) = office.ledger.happenings("fraud", ("snapshot_dropped",))
    assert (row.body["snapshot"], row.body["rows"]) == (first.digest, first.rows)
    assert loss(office.workspace) == []
    assert "deleted" in write_evaluation_page("fraud", 1, office.workspace).read_text()
    said = {"actor": PERSON, "reason": "Again.", "evidence": "none"}
    with pytest.raises(SnapshotNotFound):
        office.ledger.drop_snapshot("fraud", first.digest, **said)


def let_go_of_fits(office: Office) -> None:
    """Let go of the fits that no comparison asks for any more, as `train` does in time."""
    fits = [each.id for each in office.ledger.candidates("fraud")]
    idle = [each for each in fits if office.ledger.version_of_candidate(each) is None]
    office.ledger.release_candidates(idle, actor=PERSON, reason="Nobody asks for them.")


def test_a_fit_that_may_become_a_version_keeps_its_data(office: Office) -> None:
    office.also(retirement={"retention": {"snapshots": "delete"}})
    office.fits()
    office.retire()
    office.write(training={"spans": ["1 batches"]})
    office.also(retirement={"retention": {"snapshots": "delete"}}, deployment={"fallback": "none"})
    office.second()
    kept = record(office.retire(version=2), office).kept["snapshots"]
    assert (kept["count"], kept["is_removed"]) == (1, False)
    assert len(office.ledger.snapshots("fraud")) == 2


def record(case, office):
    return retirement.load_record(case, office.workspace)


def logged(office: Office):
    file = office.workspace.state / "predictions" / "fraud" / "2026-01-05" / "1-v1.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"some rows")
    return file


def purge(office: Office) -> list[str]:
    return retirement.purge_due(replace(office.workspace, clock=Later()), actor=ROBOT)


def test_a_log_goes_when_its_time_is_over_and_the_record_says_so(office: Office) -> None:
    file = logged(office)
    office.also(retirement={"retention": {"predictions": "4 days"}})
    case = office.retire(reason="It is bad.")
    assert retirement.purge_due(office.workspace, actor=ROBOT) == []
    assert file.exists()
    assert purge(office) == ["predictions of version 1 of 'fraud'"]
    assert not file.exists()
    (row,) = office.ledger.happenings("fraud", ("data_deleted",))
    assert row.evidence == case.id
    assert row.body == {"version": 1, "kind": "predictions", "count": 1, "bytes": 9}
    assert purge(office) == []


def test_reports_of_windows_go_but_for_those_that_a_case_rests_on(office: Office) -> None:
    office.also(retirement={"retention": {"reports": "delete"}}, tier="medium")
    store = open_store(office.workspace)
    plain, cited = (store.put_json({"report": week}) for week in (0, 1))
    for week, report, action in ((0, plain, Action.KEEP), (1, cited, Action.RETIRE)):
        seen = loops.reading(week, version=1, evidently=report)
        decided = loops.decision(seen, action)
        case = loops.case(decided) if action is Action.RETIRE else None
        office.ledger.record_reading(seen, decided, case, actor=ROBOT)
    (case,) = office.ledger.cases("fraud")
    kept = record(retirement.carry_out(case, office.workspace, actor=ROBOT), office).kept
    assert kept["reports"]["count"] == 1
    assert not store.exists(plain)
    assert store.exists(cited)
    assert loss(office.workspace) == []


def test_a_hold_that_is_said_later_and_a_halt_keep_what_is_due(office: Office) -> None:
    file = logged(office)
    office.also(retirement={"retention": {"predictions": "4 days"}})
    office.retire()
    office.also(retirement={"retention": {"predictions": "hold"}})
    assert purge(office) == []
    office.also(retirement={"retention": {"predictions": "keep"}})
    office.ledger.halt("fraud", actor=PERSON, reason="We look into it.")
    assert purge(office) == []
    assert file.exists()
    office.ledger.resume("fraud", actor=PERSON, reason="It was the feed.")
    assert purge(office) == ["predictions of version 1 of 'fraud'"]
