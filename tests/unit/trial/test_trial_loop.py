"""What the trial says of the loop: its arithmetic, and real weeks, good and corrupted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.trial import report
from benchmarks.trial.corruptions import Shifted, Stuck, Swapped
from benchmarks.trial.histories import HISTORIES, History
from benchmarks.trial.replay import Player, play_corrupted
from benchmarks.trial.results import result_of
from benchmarks.trial.watching import has_schedule
from deployments.replay import replay
from tenure.records import BatchState
from tenure.workspace import Workspace
from tests.servers import shared_server
from tests.unit.trial.nights import ACTOR, take_in, weeks_of

ELECTRICITY, BIKES = HISTORIES
ROWS = [["price", "demand"], ["0.1", "0.7"], ["0.2", "0.9"]]


@pytest.mark.parametrize(
    ("corruption", "rows"),
    [
        (Shifted(column="price"), [["0.6", "0.7"], ["0.7", "0.9"]]),
        (Stuck(column="demand"), [["0.1", "0.7"], ["0.2", "0.7"]]),
        (Swapped(column="price", other="demand"), [["0.7", "0.1"], ["0.9", "0.2"]]),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_corruption_changes_its_columns_alone(corruption, rows):
    assert corruption.apply(ROWS) == [ROWS[0], *rows]
    assert ROWS[1:] == [["0.1", "0.7"], ["0.2", "0.9"]]


def watched(number: int, *wanted: str, cases: tuple[dict, ...] = ()) -> dict:
    decisions = [{"action": each, "wanted": each, "cause": "drift"} for each in wanted]
    loop = {"readings": 1, "unknown": 0, "decisions": decisions, "cases": list(cases)}
    return {"week": number, "metric": {}, "served": None, "loop": loop}


def a_case(action: str, *, replaced: bool = False, state: str = "closed") -> dict:
    told = {"id": "0", "version": 1, "reason": "", "outcome": "", "cause": "drift"}
    return told | {"action": action, "replaced": replaced, "state": state}


def test_alarms_before_the_known_change_are_false_and_later_ones_tell_the_delay():
    history = replace(ELECTRICITY, changes_in_week=3)
    weeks = [watched(0), watched(1, "warn"), watched(2), watched(3), watched(4), watched(5, "warn")]

    result = result_of(history, weeks)

    assert len(result.false_alarms) == 1
    assert result.false_alarms_a_year == pytest.approx(52.18 / 3, abs=0.01)
    assert result.delay == 2


def test_without_a_known_change_every_alarm_is_a_false_one():
    result = result_of(BIKES, [watched(0, "warn"), watched(1, "retrain")])

    assert len(result.false_alarms) == 2
    assert result.delay is None


def test_a_change_that_nothing_sees_falls_short():
    history = replace(ELECTRICITY, changes_in_week=1)

    lines = report.loop_lines(result_of(history, [watched(0), watched(1)]))

    assert lines[-1].endswith("seen: inf, wanted <= 2: short")


def test_only_champions_that_were_taken_out_count_as_retired_good_models():
    cases = (a_case("retire"), a_case("retire", replaced=True), a_case("retire", state="declined"))

    result = result_of(BIKES, [watched(0, cases=cases)])

    assert len(result.retirements) == 1
    assert len(result.cases("retire", replaced=True)) == 1
    assert report.loop_lines(result)[0].endswith("retired: 1, wanted <= 0: short")


def test_a_corrupted_feed_that_nothing_ended_falls_short():
    said = {"corrupted": "x stuck", "from_week": 1, "windows": 12, "caught": ["nothing", ""]}
    ended = said | {"windows": 2, "caught": ["quarantine", "x stands still"]}

    result = result_of(BIKES, [watched(0), ended, ended, said])

    lines = report.loop_lines(result)
    assert lines[2].endswith("caught: 2, wanted >= 3: short")
    assert lines[3].endswith("caught: 2, wanted <= 3: met")
    assert "NOT caught" in report.corrupted_line(said)
    assert "quarantine after 2 window(s). x stands still" in report.corrupted_line(ended)


def test_a_good_week_retires_nobody_and_swapped_columns_end_in_the_fallback(trial: Workspace):
    history = replace(ELECTRICITY, warm_up=1)
    weeks = weeks_of(history)
    spec = trial.models_folder / f"{history.model}.yaml"
    spec.write_text(spec.read_text().replace("[8 batches, 26 batches, all]", "[all]"))
    player = Player(history=history, workspace=trial, weeks=weeks)

    with replay(trial, api=shared_server(), actor=ACTOR):
        first, good = player.week(0, weeks[0]), player.week(1, weeks[1])
        swapped = play_corrupted(player, history.corruptions[2], 2, 2)

    assert first["judged"]["promoted"]
    assert good["loop"]["readings"] == 1
    assert not any(each["action"] == "retire" for each in good["loop"]["cases"])
    assert good["served"]["version"] == 1
    assert swapped["windows"] == 1
    assert swapped["caught"][0] == "retirement to the fallback"
    assert not has_schedule(history.model, trial)


@pytest.mark.parametrize(("history", "which"), [(ELECTRICITY, 1), (BIKES, 0), (BIKES, 1)])
def test_what_a_suite_can_see_is_quarantined(history: History, which: int, trial: Workspace):
    corrupted = history.corruptions[which].apply(weeks_of(history)[0])

    batch = take_in(history, corrupted, 0, trial)

    assert batch.state is BatchState.QUARANTINED
    assert history.corruptions[which].column in batch.reason
