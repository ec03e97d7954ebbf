"""Does the fleet's page say what comes next, and do parts show the remarks on them?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenure import pages
from tenure.pages.coming import next_runs
from tenure.pages.paths import batch_path
from tenure.records import (
    Action,
    CaseState,
    Column,
    Outcome,
    ValidationReport,
    digest_of,
    to_json,
)
from tenure.registry import open_ledger, open_store
from tenure.registry.frames import write_frame
from tenure.workspace import Workspace
from tests.unit.pages import loops
from tests.unit.pages.test_loop_pages import BAD, text_of
from tests.unit.registry import lives
from tests.unit.spec.specs import GOOD, write_recipe, write_spec
from tests.unit.training.houses import House, rows
from tests.unit.training.houses import _type as kind_of

NOW = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
BERLIN = 'schedules: {timezone: Europe/Berlin, train: "0 3 * * *", monitor: "30 3 * * *"}'
ZONED = GOOD.replace('schedules: {train: "0 2 * * *"}', BERLIN)


@pytest.fixture
def office(workspace: Workspace) -> Workspace:
    write_spec(workspace, ZONED)
    write_recipe(workspace)
    return workspace


@pytest.fixture
def house(workspace: Workspace) -> House:
    """A model with one batch, its report, and one version."""
    made = House(workspace)
    made.write()
    frame = rows(400).drop(columns="at")
    columns = tuple(Column(name=str(name), type=kind_of(frame[name])) for name in frame)
    _, _, content = write_frame(frame, columns, workspace)
    about = {"model": "fraud", "batch": digest_of([content, 0]), "rows": 400, "checks": 3}
    found = ValidationReport(
        **about,
        outcome=Outcome.PASS,
        violations=(),
        rejected_rows=0,
        tagged_rows=0,
        suite="built-in",
    )
    made.add(frame, report=open_store(workspace).put_json(to_json(found)))
    made.full_night()
    return made


def said(workspace: Workspace, now: datetime = NOW) -> list[tuple[str, str]]:
    return [(run.what, run.shown) for run in next_runs(workspace, now).get("fraud", [])]


def test_a_run_comes_in_the_models_own_zone_also_where_its_clock_is_put_back(
    office: Workspace,
) -> None:
    # In the night before the 25th the clocks of Berlin go from 03:00 CEST to 02:00 CET.
    assert said(office) == [
        ("train", "Sun 25 Oct, 03:00 CET"),
        ("monitor", "Sun 25 Oct, 03:30 CET"),
    ]
    assert said(office, NOW - timedelta(days=1))[0] == ("train", "Sat 24 Oct, 03:00 CEST")


def test_a_spec_that_changes_is_read_again_and_one_with_mistakes_has_no_runs(
    office: Workspace,
) -> None:
    assert len(said(office)) == 2
    write_spec(office, ZONED.replace(', monitor: "30 3 * * *"', ""))
    assert [what for what, _ in said(office)] == ["train"]
    write_spec(office, "name: [")
    assert said(office) == []


def test_what_is_remembered_of_specs_may_be_lost(office: Workspace) -> None:
    before = said(office)
    (office.state / "checks" / "schedules.json").write_text("[")
    assert said(office) == before


def test_who_is_not_in_office_is_not_watched(office: Workspace) -> None:
    page = text_of(pages.write_index(office))
    assert "next train" in page
    assert "monitor" not in page
    loops.serving(office)
    coming = text_of(pages.write_index(office)).partition("What comes next")[2]
    assert "fraud train" in coming


def test_the_deadline_of_an_open_case_comes_next(office: Workspace) -> None:
    loops.serving(office)
    seen = loops.reading(0, version=2, measures=BAD)
    decided = loops.decision(seen, Action.RETIRE)
    soon = office.clock.now() + timedelta(minutes=1)
    case = loops.case(
        decided,
        state=CaseState.WAITING,
        approvals_wanted=1,
        deadline_at=soon,
        on_timeout="retire",
    )
    open_ledger(office).record_reading(seen, decided, case, actor=loops.ROBOT)
    coming = text_of(pages.write_index(office)).partition("What comes next")[2]
    assert f"without an answer to case {case.id[:12]}: retire" in coming


def test_an_orphan_is_named_at_the_top(office: Workspace) -> None:
    lives.bare_version(office, tag="g", model="ghost")
    lives.promote(office, 1, 0, model="ghost")
    page = text_of(pages.write_index(office))
    assert "One model serves without a spec: ghost" in page


def test_a_remark_stands_on_the_page_of_its_version_and_of_its_batch(house: House) -> None:
    ledger = open_ledger(house.workspace)
    (snapshot,) = ledger.snapshots("fraud")
    told = {"actor": "person:ann", "evidence": "a person's word"}
    on_version = ledger.note(
        "remark", model="fraud", reason="Fit in a hurry.", body={"version": 1}, **told
    )
    on_batch = ledger.note(
        "remark", model="fraud", reason="It came late.", body={"batch": snapshot.batch}, **told
    )
    for row in (on_version, on_batch):
        pages.draw_remarked(row, house.workspace)
    version = text_of(house.workspace.pages / "fraud/versions/1.html")
    batch = text_of(house.workspace.pages / batch_path("fraud", snapshot.batch))
    assert "Fit in a hurry." in version
    assert "It came late." not in version
    assert "It came late." in batch
    assert "Fit in a hurry." not in batch
