"""Can people ask why, remark, look, and see cases, retirements and halts by command?"""

from __future__ import annotations

from pathlib import Path

import pytest

import tenure
from tenure.records import Action
from tenure.registry import open_ledger
from tenure.workspace import Workspace
from tests.unit.cli.calling import Shell, digest_of_folder
from tests.unit.notices.receivers import receiving
from tests.unit.pages import loops
from tests.unit.registry import lives
from tests.unit.spec.specs import GOOD, write_recipe, write_spec


@pytest.fixture
def house(workspace: Workspace) -> Workspace:
    write_spec(workspace)
    write_recipe(workspace)
    loops.serving(workspace)
    return workspace


def retired(house: Workspace) -> str:
    decided = loops.judge(house, 0, Action.RETIRE, version=2, measures=loops.measures(0.5, 0.3))
    loops.retire(house, decided)
    return decided.id


def test_explain_names_readings_rule_and_guards(shell: Shell, house: Workspace) -> None:
    case = retired(house)
    said = shell("explain", case[:8])
    assert said.code == 0
    for part in (
        f"Case {case[:12]}: retire version 2 of 'fraud'",
        "monitoring.retire.weighted_share",
        "drift of 'amount' (wasserstein): 0.45, threshold 0.1, drifted",
        "metric:average_precision: 0.3",
        f"fraud/cases/{case[:12]}.html",
    ):
        assert part in said.out
    facts = shell("explain", case, "--json").json["facts"]
    assert facts["case"]["id"] == case
    assert facts["readings"][0]["rows"] == 2050


def test_explain_refuses_what_is_no_case_and_makes_nothing(shell: Shell, house: Workspace) -> None:
    refused = shell("explain", "nonsense")
    assert refused.code == 2
    assert "There is no case 'nonsense'" in refused.err


def test_explain_in_a_fresh_workspace_makes_no_ledger(shell: Shell, workspace: Workspace) -> None:
    before = digest_of_folder(workspace.root)
    assert shell("explain", "abc").code == 2
    assert digest_of_folder(workspace.root) == before


@pytest.mark.parametrize(
    ("about", "key"), [("fraud", ""), ("fraud@2", "version"), ("fraud/CASE", "case")]
)
def test_a_remark_stands_on_record_and_on_the_page(
    shell: Shell, house: Workspace, about: str, key: str
) -> None:
    case = retired(house)
    said = shell("note", about.replace("CASE", case[:8]), "The feed was late.")
    assert said.code == 0
    row = open_ledger(house).audit("fraud")[-1]
    assert (row.kind, row.reason) == ("remark", "The feed was late.")
    assert row.actor.startswith("person:")
    assert list(row.body)[:1] == ([key] if key else [])
    html = (house.pages / "fraud/index.html").read_text(encoding="utf-8")
    assert "The feed was late." in html
    if key == "case":
        page = house.pages / "fraud/cases" / f"{case[:12]}.html"
        assert "The feed was late." in page.read_text(encoding="utf-8")


def test_a_remark_on_a_batch_names_it(shell: Shell, house: Workspace) -> None:
    batch = lives.snapshot(house).batch
    assert shell("note", f"fraud/{batch[:8]}", "Known.", "--json").json["body"] == {"batch": batch}


@pytest.mark.parametrize(
    ("about", "text", "says"),
    [
        ("nobody", "x", "nobody"),
        ("fraud@9", "x", "9"),
        ("fraud@two", "x", "two"),
        ("fraud/zzzz", "x", "no case 'zzzz'"),
        ("fraud/", "x", "no case ''"),
        ("fraud", " ", "reason"),
    ],
)
def test_a_remark_on_nothing_or_without_words_is_refused(
    shell: Shell, house: Workspace, about: str, text: str, says: str
) -> None:
    head = open_ledger(house).head()
    refused = shell("note", about, text)
    assert refused.code == 2
    assert says in refused.err
    assert open_ledger(house).head() == head


def test_a_case_of_another_model_is_not_noted_under_this_one(
    shell: Shell, house: Workspace
) -> None:
    case = retired(house)
    loops.serving(house, "bikes")
    assert shell("note", f"bikes/{case[:8]}", "x").code == 2


def test_page_draws_one_model_or_all_and_says_where(shell: Shell, house: Workspace) -> None:
    case = retired(house)
    one = shell("page", "fraud", "--json").json
    assert [Path(file).parent.name for file in one["files"]] == ["fraud", "pages"]
    assert one["addresses"] == []
    assert (house.pages / "fraud/cases" / f"{case[:12]}.html").is_file()
    house.up_file.write_text('{"addresses": {"endpoint": "http://127.0.0.1:9"}}')
    every = shell("page")
    assert every.out.split() == [
        "http://127.0.0.1:9/pages/fraud/index.html",
        "http://127.0.0.1:9/pages/index.html",
    ]
    assert shell("page", "nobody").code == 2


def test_show_and_history_name_cases_and_retirements(shell: Shell, house: Workspace) -> None:
    case = retired(house)
    for words in (("show", "fraud"), ("show", "fraud", "2"), ("history", "fraud")):
        said = shell(*words)
        assert said.code == 0
        assert case[:12] in said.out
        assert "Version 2 was retired; version 1 answers." in said.out
    assert case[:12] not in shell("show", "fraud", "1").out
    assert shell("show", "fraud", "--json").json["cases"][0]["action"] == "retire"


def test_history_at_a_time_names_the_cases_that_were_open_then(
    shell: Shell, house: Workspace
) -> None:
    retired(house)
    during = (loops.FIRST.replace(month=11, day=5)).isoformat()
    after = (loops.FIRST.replace(month=12, day=5)).isoformat()
    assert len(shell("history", "fraud", "--at", during, "--json").json["cases"]) == 1
    assert shell("history", "fraud", "--at", after, "--json").json["cases"] == []


def test_show_says_that_automation_is_halted(shell: Shell, house: Workspace) -> None:
    open_ledger(house).halt(None, actor="person:ann", reason="Maintenance.")
    assert "automation is halted by person:ann" in shell("show", "fraud").out
    assert shell("show", "fraud", "--json").json["halt"]["reason"] == "Maintenance."


def test_a_halt_by_command_is_told_and_drawn_while_nothing_else_is(
    shell: Shell, house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_spec(house, GOOD + "notify: {to: [HOOK], allow_hosts: [127.0.0.1]}\n")
    loops.judge(house, 0, Action.WARN, version=2)
    with receiving() as receiver:
        monkeypatch.setenv("HOOK", receiver.url)
        assert shell("halt", "fraud", "-m", "We look into it.").code == 0
    assert [got["title"] for got in receiver.arrived] == ["fraud: automation halted"]
    assert "halted" in (house.pages / "index.html").read_text(encoding="utf-8")


def test_nobody_within_reach_does_not_hold_a_halt_up(
    shell: Shell, house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_spec(house, GOOD + "notify: {to: [HOOK]}\n")
    monkeypatch.setenv("HOOK", "json://127.0.0.1:1/")
    said = shell("halt", "fraud", "-m", "We look into it.")
    assert said.code == 0
    assert open_ledger(house).halted("fraud") is not None
    assert [row.kind for row in open_ledger(house).audit("fraud")][-1] == "notice_failed"


def test_the_verbs_are_functions_too(house: Workspace) -> None:
    case = retired(house)
    place = {"workspace": house.root, "project": house.project}
    assert tenure.explain(case, **place).facts["case"]["id"] == case
    assert tenure.note("fraud", "Seen.", **place).kind == "remark"
    assert tenure.page("fraud", **place).files[0].is_file()


@pytest.mark.parametrize("verb", ["explain", "note", "page"])
def test_each_verb_has_help_with_examples(shell: Shell, verb: str) -> None:
    said = shell(verb, "--help")
    assert said.code == 0
    assert f"tenure {verb}" in said.out
    assert "Examples" in said.out
