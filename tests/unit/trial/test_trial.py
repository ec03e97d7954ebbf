"""The trial's arithmetic, and a few weeks of both histories through the library."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.trial import report
from benchmarks.trial.histories import HISTORIES
from benchmarks.trial.policies import FIRST, TENURE
from benchmarks.trial.results import Band, result_of
from tenure.spec import load_spec
from tenure.workspace import Workspace
from tests.unit.trial.nights import night, weeks_of

ELECTRICITY, BIKES = HISTORIES


def test_both_histories_have_one_gate_setting(trial: Workspace):
    gates = {load_spec(history.model, trial).evaluation.gate for history in HISTORIES}

    assert len(gates) == 1


def week(number: int, served: int, tenure: float, *, promoted: bool = False, span: str = "all"):
    metric = {FIRST: 0.5, TENURE: tenure, "blind, all": 0.7, "blind, 8 batches": 0.8}
    judged = {"promoted": promoted, "version": served, "verdict": "wins", "reason": "", "span": ""}
    served_by = {"version": served, "span": span}
    return {"week": number, "metric": metric, "served": served_by, "judged": judged}


def test_tenure_is_held_against_the_best_blind_policy_of_the_last_two_thirds():
    warm = {"week": 0, "metric": {}, "served": None}
    weeks = [week(1, 1, 0.9), week(2, 1, 0.79), week(3, 2, 0.795, promoted=True)]

    result = result_of(ELECTRICITY, [warm, *weeks])

    assert result.blind(result.cut) == ("blind, 8 batches", pytest.approx(0.8))
    assert result.shortfall == pytest.approx(0.0075)
    assert result.promoted_share == 0.5
    first, second = report.aim_lines(result)
    assert first == "aim electricity_behind_best_blind: 0.0075, wanted <= 0.002: short"
    assert second.endswith("0.500, wanted <= 0.5: met")


def test_a_regression_is_behind_by_a_share_of_its_error():
    weeks = [week(n, 1, 0.808) for n in range(3)]
    for each in weeks:
        each["metric"] |= {"blind, all": 0.8, "blind, 8 batches": 0.9}

    result = result_of(BIKES, weeks)

    assert result.shortfall == pytest.approx(0.01)


def test_bands_say_who_served_when():
    weeks = [week(4, 1, 0.8), week(5, 1, 0.8), week(6, 3, 0.8, span="8 batches")]

    result = result_of(ELECTRICITY, weeks)

    assert result.bands() == [
        Band(version=1, span="all", begin=4, end=5),
        Band(version=3, span="8 batches", begin=6, end=6),
    ]
    assert report.strip(result) == "aa|8"
    assert "<svg" in report.page([replace_totals(result)], None)


def replace_totals(result):
    last = {"fits": 3, "fit_cpu_s": 1.0, "cpu_s": 2.0, "quarantined": 0}
    return replace(result, all=(*result.all[:-1], result.all[-1] | last))


def test_a_few_weeks_train_judge_and_are_measured(trial: Workspace):
    history = BIKES
    weeks = weeks_of(history)[:3]

    nights = [night(history, rows, number, trial) for number, rows in enumerate(weeks)]

    assert nights[0][0] == {}
    assert nights[0][1].verdict.value == "first"
    measured, judged = nights[2]
    assert set(measured) == {FIRST, TENURE, "blind, 8 batches", "blind, 26 batches", "blind, all"}
    assert judged.comparison is not None
    assert judged.comparison.method == "progressive"


def test_a_spec_that_forgets_the_parts_of_its_target_is_refused(trial: Workspace):
    leaking = replace(BIKES, model="bike-leak")

    _, judged = night(leaking, weeks_of(BIKES)[0], 0, trial)

    assert not judged.promotes
    assert "casual" in judged.reason
    assert "registered" in judged.reason
