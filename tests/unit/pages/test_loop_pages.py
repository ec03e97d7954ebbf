"""Do the pages of a watched model show what was seen, decided, answered and done?"""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from tenure import pages
from tenure.pages.case import read_record
from tenure.pages.happened import read_stops
from tenure.pages.watched import charts_of, policy_if_any, read_seen, severity_of
from tenure.records import Action, CaseState, Cause, Measure, Severity, Stage, Window
from tenure.registry import open_ledger
from tenure.workspace import Workspace
from tests.unit.pages import loops
from tests.unit.pages.page_samples import NASTY
from tests.unit.registry import lives
from tests.unit.spec.specs import GOOD, write_recipe, write_spec

WATCHED = (
    GOOD
    + """monitoring:
  window: {days: 7}
  warn: {weighted_share: 0.3}
  retrain: {weighted_share: 0.5, metrics_below: {average_precision: 0.55}}
  retire: {weighted_share: 0.8, metrics_below: {average_precision: 0.4}}
"""
)
WELL, BAD = loops.measures(0.05, 0.7), loops.measures(0.5, 0.3)


@pytest.fixture
def office(workspace: Workspace) -> Workspace:
    """A workspace whose model serves and has a spec with thresholds of its owner."""
    write_spec(workspace, WATCHED)
    write_recipe(workspace)
    loops.serving(workspace)
    return workspace


def text_of(file: Path) -> str:
    """Return what a person reads on a page."""
    html = file.read_text(encoding="utf-8")
    body = html[html.index("<main>") :]
    body = re.sub(r"<svg.*?</svg>", " ", body, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def links_of(file: Path) -> list[str]:
    return re.findall(r'<a href="([^"]+)"', file.read_text(encoding="utf-8"))


def case_file(workspace: Workspace, id: str, model: str = "fraud") -> Path:  # noqa: A002
    return workspace.pages / model / "cases" / f"{id[:12]}.html"


def test_every_link_between_the_pages_leads_to_a_page(office: Workspace) -> None:
    decided = loops.judge(office, 0, Action.RETIRE, version=2, measures=BAD)
    loops.retire(office, decided)
    ledger = open_ledger(office)
    said = {"actor": "person:ann", "evidence": "a person's word"}
    for body in ({}, {"case": decided.id}):
        ledger.note("remark", model="fraud", reason="A remark.", body=body, **said)
    pages.draw_model("fraud", office)
    files = [office.pages / "index.html", office.pages / "fraud/index.html"]
    files.append(case_file(office, decided.id))
    seen = set()
    for file in files:
        for link in links_of(file):
            target = (file.parent / link).resolve()
            seen.add(target)
            assert target.is_file() or "/versions/" in target.as_posix(), link
    assert {file.resolve() for file in files} <= seen


def test_a_model_shows_its_windows_with_the_thresholds_of_its_owner(office: Workspace) -> None:
    for week in range(4):
        loops.judge(office, week, version=2, measures=WELL)
    loops.judge(office, 4, Action.WARN, version=2, measures=BAD)
    file = pages.write_model_page("fraud", office)
    html, said = file.read_text(encoding="utf-8"), text_of(file)
    assert "Average precision, on labels" in said
    assert "Share of columns that drift, by importance" in said
    assert html.index("Average precision, on labels") < html.index("Share of columns that drift")
    for label in ("retire 0.800", "retrain 0.500", "warn 0.300", "retrain 0.550", "retire 0.400"):
        assert f"<title>{label}</title>" in html
    assert "5 Oct 2026 to 12 Oct 2026" in said
    assert html.count('class="dot bad"') >= 2
    assert "newest window retire" in said


def test_columns_are_shown_by_their_importance_and_against_their_own_threshold(
    office: Workspace,
) -> None:
    loops.judge(office, 0, version=2, measures=WELL)
    loops.judge(office, 1, version=2, measures=BAD)
    ledger = open_ledger(office)
    policy = policy_if_any("fraud", office)
    grid = charts_of(read_seen("fraud", ledger, policy), policy)[-1]
    names = re.findall(r'class="name end"[^>]*><title>(\w+)', grid)
    assert names == ["amount", "hour", "merchant", "age"]
    assert grid.count('class="field bad"') == 4
    assert grid.count('class="field quiet"') == 4
    assert "amount, 14 Sep 2026 to 21 Sep 2026: wasserstein 0.450, threshold 0.100, drifts" in grid


def test_a_p_value_is_the_darker_the_smaller_it_is(office: Workspace) -> None:
    about = {"cause": Cause.DRIFT, "column": "hour", "threshold": 0.05}
    for week, value in enumerate((0.9, 0.001)):
        test = Measure(name="drift", value=value, method="ks", drifted=value < 0.05, **about)
        loops.judge(office, week, version=2, measures=(test,))
    policy = policy_if_any("fraud", office)
    grid = charts_of(read_seen("fraud", open_ledger(office), policy), policy)[-1]
    shades = [float(each) for each in re.findall(r'fill-opacity="([\d.]+)"', grid)]
    assert shades[0] < 0.1
    assert shades[1] > 0.9


def test_no_line_leads_from_one_version_to_the_next(office: Workspace) -> None:
    for week, version in enumerate((1, 1, 2, 2)):
        loops.judge(office, week, version=version, measures=WELL)
    policy = policy_if_any("fraud", office)
    chart, *_ = charts_of(read_seen("fraud", open_ledger(office), policy), policy)
    assert chart.count('<path class="line"') == 2
    assert re.findall(r">(v\d)<", chart) == ["v2"]


def test_windows_by_batch_stand_one_after_the_other(office: Workspace) -> None:
    for seq in (7, 9, 12):
        window = Window(model="fraud", kind="batches", first_seq=seq, last_seq=seq)
        loops.judge(office, 0, version=2, window=window, measures=WELL)
    policy = policy_if_any("fraud", office)
    chart, *_, grid = charts_of(read_seen("fraud", open_ledger(office), policy), policy)
    places = [float(x) for x in re.findall(r'class="dot[^"]*" cx="([\d.]+)"', chart)]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2) != 0
    for drawn in (chart, grid):
        assert re.findall(r">(batch \d+)<", drawn) == ["batch 7", "batch 9", "batch 12"]


def test_what_could_not_be_judged_is_unknown_and_never_well(office: Workspace) -> None:
    reason = "Only 120 rows; min_rows is 300."
    seen = loops.reading(0, version=2, measures=(), reason=reason, rows=120)
    decided = loops.decision(seen, cause=Cause.UNKNOWN, rule="monitoring.max_unknown_windows")
    open_ledger(office).record_reading(seen, decided, actor=loops.ROBOT)
    loops.judge(office, 1, version=2, measures=loops.measures(0.05, None))
    file = pages.write_model_page("fraud", office)
    assert reason in text_of(file)
    assert "unknown" in text_of(file)
    assert "No label has arrived yet." not in text_of(file)  # it stands in the chart's title
    assert severity_of(decided) is Severity.UNKNOWN


def test_a_page_names_each_guard_that_held_a_decision_back(office: Workspace) -> None:
    seen = loops.reading(0, version=2, measures=BAD)
    guard = "decisions.cooldown_hours: the last retrain was yesterday."
    decided = loops.decision(seen, Action.WARN, wanted=Action.RETRAIN, held_back=(guard,))
    open_ledger(office).record_reading(seen, decided, actor=loops.ROBOT)
    assert f"Held back: {guard}" in text_of(pages.write_model_page("fraud", office))


def test_an_open_case_stands_at_the_top_with_what_to_do(office: Workspace) -> None:
    seen = loops.reading(0, version=2, measures=BAD)
    decided = loops.decision(seen, Action.RETIRE)
    case = loops.case(
        decided,
        state=CaseState.WAITING,
        approvals_wanted=2,
        deadline_at=loops.FIRST,
        on_timeout="retire",
    )
    ledger = open_ledger(office)
    ledger.record_reading(seen, decided, case, actor=loops.ROBOT)
    pages.draw_model("fraud", office)
    life = text_of(office.pages / "fraud/index.html")
    assert "Retire version 2: approval wanted" in life
    assert f"tenure approve {decided.id[:12]}" in life
    said = text_of(case_file(office, decided.id))
    assert "2 more of 2 approvals wanted until 7 Sep 2026, 00:00 UTC; without an answer" in said
    ledger.answer_case(decided.id, loops.approval())
    pages.draw_model("fraud", office)
    said = text_of(case_file(office, decided.id))
    assert "1 more of 2" in said
    assert "person:ann approved The evidence is clear." in said


def test_a_retirement_is_told_to_its_signed_end(office: Workspace) -> None:
    decided = loops.judge(office, 0, Action.RETIRE, version=2, measures=BAD)
    case = loops.retire(office, decided)
    said = text_of(pages.write_case_page(case, office))
    for part in (
        "Version 2 was retired",
        "monitoring.retire.weighted_share",
        "move slot",
        "epoch 3",
        "version 1 (fallback)",
        "Signed, and checked",
        "412.3 kB",
        "61.0 MB",
        "predictions 365 days",
        "retirement decided",
        "tenure restore fraud 2",
    ):
        assert part in said


def test_a_record_whose_signature_does_not_hold_is_not_shown_as_one(office: Workspace) -> None:
    from tenure.records import canonical, to_json
    from tenure.registry import open_store

    decided = loops.judge(office, 0, Action.RETIRE, version=2, measures=BAD)
    case = loops.retire(office, decided)
    record = read_record(case, office)
    assert record is not None
    forged = canonical(to_json(replace(record, decided_by="person:eve")))
    case = replace(case, record=open_store(office).put_bytes(forged))
    assert read_record(case, office) is None
    said = text_of(pages.write_case_page(case, office))
    assert "its signature does not hold" in said
    assert "person:eve" not in said


def test_a_case_that_a_person_opened_says_who_and_why(office: Workspace) -> None:
    case = loops.case(
        loops.decision(loops.reading(0, version=2), Action.RETIRE),
        cause=Cause.BUSINESS,
        reason="The product ends.",
        opened_by="person:ann",
    )
    open_ledger(office).open_case(case, actor="person:ann", evidence="a person's word")
    said = text_of(pages.write_case_page(case, office))
    assert "Why it was opened person:ann: The product ends." in said
    assert "business" in said


def test_halts_are_stretches_of_time_those_of_all_models_too(office: Workspace) -> None:
    ledger = open_ledger(office)
    by = {"actor": "person:ann"}
    ledger.halt("fraud", reason="We look into it.", **by)
    ledger.resume("fraud", reason="Done.", **by)
    ledger.halt(None, reason="Maintenance.", **by)
    one, two = read_stops("fraud", ledger)
    assert (one.reason, one.of_all, one.until is None) == ("We look into it.", False, False)
    assert (two.reason, two.of_all, two.until) == ("Maintenance.", True, None)
    said = text_of(pages.write_model_page("fraud", office))
    assert "Automation of all models is halted" in said
    assert "tenure resume --all" in said
    assert "Automation of all models is halted" in text_of(pages.write_index(office))


def test_a_vacant_slot_is_said_so(office: Workspace) -> None:
    said = {"actor": "person:ann", "reason": "Nothing is fit.", "evidence": "e" * 64}
    open_ledger(office).vacate("fraud", expected_epoch=2, **said)
    life = text_of(pages.write_model_page("fraud", office))
    assert "Nobody serves: the slot is vacant" in life
    assert "Nothing is fit." in life
    assert "vacant since" in text_of(pages.write_index(office))


def test_texts_of_people_and_data_are_escaped(office: Workspace) -> None:
    nasty = replace(WELL[0], column=NASTY)
    loops.judge(office, 0, version=2, measures=(nasty, *WELL[1:]))
    ledger = open_ledger(office)
    ledger.note("remark", model="fraud", actor="person:eve", reason=NASTY, evidence="x", body={})
    ledger.halt("fraud", actor="person:eve", reason=NASTY)
    pages.draw_model("fraud", office)
    for file in office.pages.rglob("*.html"):
        assert "<script" not in file.read_text(encoding="utf-8")
    assert NASTY in text_of(office.pages / "fraud/index.html")


def test_a_windows_page_is_linked_while_it_is_there(office: Workspace) -> None:
    page = office.pages / "fraud/windows/w1.html"
    loops.judge(office, 0, version=2, page="fraud/windows/w1.html")
    assert "../fraud/windows/w1.html" not in links_of(pages.write_model_page("fraud", office))
    page.parent.mkdir(parents=True)
    page.write_text("Evidently's", encoding="utf-8")
    file = pages.write_model_page("fraud", office)
    assert "../fraud/windows/w1.html" in links_of(file)


def test_the_runs_are_linked_where_prefect_is_up(office: Workspace) -> None:
    assert "runs in Prefect" not in text_of(pages.write_model_page("fraud", office))
    office.up_file.write_text('{"addresses": {"prefect": "http://127.0.0.1:4200"}}')
    file = pages.write_model_page("fraud", office)
    assert "http://127.0.0.1:4200/runs?tags=model:fraud" in links_of(file)


def test_the_fleet_lists_first_what_wants_a_person(office: Workspace) -> None:
    for name in ("anna", "bert", "cara", "dora", "emil"):
        write_spec(office, WATCHED.replace("name: fraud", f"name: {name}"), name)
    ledger = open_ledger(office)
    for name in ("bert", "cara", "dora", "ghost"):
        loops.serving(office, name)
    loops.judge(office, 0, Action.WARN, version=2, model="bert", measures=BAD)
    loops.judge(office, 0, version=2, model="cara", measures=WELL)
    seen = loops.reading(0, "dora", 2, measures=BAD)
    decided = loops.decision(seen, Action.RETIRE)
    waits = loops.case(decided, state=CaseState.WAITING, approvals_wanted=1)
    ledger.record_reading(seen, decided, waits, actor=loops.ROBOT)
    ledger.halt("cara", actor="person:ann", reason="We look into it.")
    html = pages.write_index(office).read_text(encoding="utf-8")
    order = re.findall(r'<td class="tight"><a href="(\w+)/index.html">', html)
    assert order[:4] == ["dora", "ghost", "cara", "bert"]
    assert set(order[4:]) == {"fraud", "anna", "emil"}
    said = text_of(office.pages / "index.html")
    assert "7 models" in said
    assert "One model serves without a spec" in said
    assert "ghost no spec: orphaned version 2" in said
    assert "cara halted version 2" in said
    assert f"approval tenure approve {decided.id[:12]}" in said
    assert "anna nobody yet none read a first version tenure train anna" in said


def test_the_windows_of_a_former_champion_say_nothing_of_the_new_one(office: Workspace) -> None:
    loops.judge(office, 0, Action.WARN, version=2, measures=BAD)
    said = text_of(pages.write_index(office))
    assert re.search(r"fraud version 2 since \S+ \S+ \S+ warn \d", said)
    lives.promote(office, 1, 2)
    said = text_of(pages.write_index(office))
    assert re.search(r"fraud version 1 since \S+ \S+ \S+ none read", said)


def test_a_single_bad_window_shows_in_the_fleet_though_nothing_follows_yet(
    office: Workspace,
) -> None:
    seen = loops.reading(0, version=2, measures=BAD)
    decided = loops.decision(seen, rule="monitoring.retire.weighted_share")
    open_ledger(office).record_reading(seen, decided, actor=loops.ROBOT)
    assert severity_of(decided) is Severity.RETIRE
    html = pages.write_index(office).read_text(encoding="utf-8")
    assert 'class="tally bad"' in html


def test_the_fleet_asks_no_question_for_each_model(office: Workspace) -> None:
    from sqlalchemy import event

    ledger = open_ledger(office)

    def asked(models: int) -> int:
        for number in range(models):
            loops.serving(office, f"m{models}-{number}")
            loops.judge(office, 0, version=2, model=f"m{models}-{number}")
        statements: list[str] = []

        def note(*facts: object) -> None:
            statements.append(str(facts[2]))

        with ledger.database.reading() as connection:
            event.listen(connection, "before_cursor_execute", note)
            pages.write_index(office)
            event.remove(connection, "before_cursor_execute", note)
        return len(statements)

    assert asked(5) == asked(9)


def test_a_closed_case_is_not_drawn_again_and_again(office: Workspace) -> None:
    for week in range(5):
        decided = loops.judge(office, week, Action.RETRAIN, version=2, measures=BAD)
        open_ledger(office).close_case(
            decided.id, actor=loops.ROBOT, outcome="It ties.", record=None, now=loops.FIRST
        )
    pages.draw_model("fraud", office)
    files = sorted((office.pages / "fraud/cases").iterdir())
    assert len(files) == 5
    for file in files:
        file.write_text("stale", encoding="utf-8")
    pages.draw_model("fraud", office)
    kept = [file for file in files if file.read_text(encoding="utf-8") == "stale"]
    assert len(kept) == 2


def test_retired_versions_are_counted_and_their_stage_is_shown(office: Workspace) -> None:
    said = {"actor": "person:ann", "reason": "Replaced.", "evidence": "e" * 64}
    open_ledger(office).change_stage("fraud", 1, Stage.RETIRED, **said)
    life = text_of(pages.write_model_page("fraud", office))
    assert "0 refused, 1 retired" in life
    assert re.search(r"\b1 retired wins", life)


def test_an_unread_spec_hides_nothing(office: Workspace) -> None:
    loops.judge(office, 0, Action.WARN, version=2, measures=BAD)
    write_spec(office, "name: [")
    said = text_of(pages.write_model_page("fraud", office))
    assert "2 of 3 windows drift, the last." in said
    assert "Columns that drift" in said
