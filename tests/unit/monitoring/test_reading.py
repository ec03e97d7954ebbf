"""What is seen in a window: drift where there is some, unknown wherever it could not be told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tenure import monitoring
from tenure.errors import NoChampion
from tenure.monitoring import evidence
from tenure.monitoring.window_pages import draw_page
from tenure.records import Cause, Window
from tenure.registry import open_ledger, open_store
from tenure.registry.readings import sealed
from tests.unit.monitoring.watching import ACTOR, CANARY, MODEL, drifted, measure, rows


def test_a_stable_window_is_known_and_calm(watched):
    reading = watched.seen(rows(seed=50, day=13))
    assert reading.reason == ""
    assert drifted(reading) == set()
    assert measure(reading, "drift_share").value == 0
    assert measure(reading, "weighted_drift_share").value == 0
    assert measure(reading, "prediction_drift").drifted is False
    assert measure(reading, "metric:accuracy").value > 0.7
    assert measure(reading, "label_coverage_share").value == 1
    assert measure(reading, "volume_ratio").value == 1
    assert (reading.rows, reading.labelled_rows, reading.revision) == (200, 200, 1)
    assert {one.column for one in reading.measures if one.name == "drift"} == {
        "a", "b", "c", "kind"
    }  # fmt: skip
    assert sealed(reading) == reading


def test_a_moved_column_drifts_and_counts_by_its_importance(watched):
    frame = rows(seed=51, day=13)
    frame["a"] += 1.0
    reading = watched.seen(frame)
    assert drifted(reading) == {"a"}
    assert measure(reading, "drift_share").value == 0.25
    weights = [one.weight or 0 for one in reading.measures if one.name == "drift"]
    assert sum(weights) == pytest.approx(1, abs=1e-6)
    weight = measure(reading, "drift", "a").weight
    assert measure(reading, "weighted_drift_share").value == pytest.approx(weight)
    assert weight > 0.3
    assert measure(reading, "prediction_drift").drifted is True


def test_verdicts_are_those_of_the_stored_report(watched):
    frame = rows(seed=52, day=13)
    frame["b"] += 1.0
    reading = watched.seen(frame)
    assert open_store(watched.workspace).exists(reading.evidently)
    stored = evidence.read_verdicts(reading.evidently, watched.workspace)
    for name in ("a", "b", "c", "kind"):
        said, found = stored[name], measure(reading, "drift", name)
        assert (said.score, said.drifted, said.threshold, said.method) == (
            found.value, found.drifted, found.threshold, found.method
        )  # fmt: skip


def test_an_owners_threshold_and_method_are_used_untouched(watched):
    watched.watch(
        monitoring={"thresholds": {"a": 9.0}, "threshold": 0.0001, "methods": {"b": "ks"}}
    )
    reading = watched.seen(rows(seed=53, day=13))
    assert measure(reading, "drift", "a").threshold == 9.0
    assert measure(reading, "drift", "c").threshold == 0.0001
    assert (measure(reading, "drift", "b").method, measure(reading, "drift", "b").threshold) == (
        "ks", 0.0001
    )  # fmt: skip
    assert drifted(reading) == {"c", "kind"}


def test_a_method_that_is_named_later_is_calibrated_for(watched):
    watched.watch(monitoring={"numeric_method": "ks", "categorical_method": "psi"})
    reading = watched.seen(rows(seed=54, day=13))
    assert drifted(reading) == set()
    assert 0 < measure(reading, "drift", "a").threshold < 0.1
    assert measure(reading, "drift", "kind").method == "psi"


def test_only_the_columns_asked_for_are_judged(watched):
    watched.watch(monitoring={"columns": ["a", "kind"], "leave_out": ["kind"]})
    reading = watched.seen(rows(seed=55, day=13))
    assert {one.column for one in reading.measures if one.column} == {"a"}
    watched.watch(monitoring={"retire": {"columns": {"b": 0.5}}})
    reading = watched.seen(rows(seed=56, day=14))
    assert {one.column for one in reading.measures if one.column} == {"a", "b"}


@pytest.mark.parametrize("count", [1, 99])
def test_too_few_rows_are_unknown_and_say_how_many_windows_make_one(watched, count):
    reading = watched.seen(rows(count, seed=56, day=13))
    assert "monitoring.min_rows is 100" in reading.reason
    assert f"about {-(-100 // count)} such windows" in reading.reason
    assert measure(reading, "drift_share").value is None
    assert reading.evidently is None


def test_a_window_without_rows_is_unknown(watched):
    window = Window(model=MODEL, kind="batches", first_seq=10_000, last_seq=10_000)
    reading = monitoring.read_window(MODEL, window, watched.workspace)
    assert reading.rows == 0
    assert "0 rows" in reading.reason


def test_a_column_of_nothing_is_unknown_and_its_absence_is_measured(watched):
    frame = rows(seed=57, day=13)
    frame["a"] = np.nan
    frame.loc[:99, "b"] = np.nan
    reading = watched.seen(frame)
    lost = measure(reading, "drift", "a")
    assert (lost.value, lost.drifted) == (None, None)
    assert lost.reason == "every value is missing"
    assert measure(reading, "missing_share", "a").value == 1
    assert measure(reading, "missing_share", "b").value == 0.5
    assert measure(reading, "drift", "b").drifted is not None
    assert "1 of 4 columns are not known" in measure(reading, "drift_share").reason
    failed = measure(reading, "metric:accuracy")
    assert failed.value is None
    assert failed.reason


def test_where_most_columns_are_unknown_so_is_their_share(watched):
    frame = rows(seed=58, day=13)
    frame[["a", "b", "c"]] = np.nan
    reading = watched.seen(frame)
    assert measure(reading, "drift_share").value is None
    assert "most columns" in measure(reading, "drift_share").reason


def test_another_type_is_a_wrong_schema_and_unknown(watched):
    frame = rows(seed=59, day=13)
    frame["a"] = pd.Series(["x", "y"] * 100, dtype="str")
    reading = watched.seen(frame)
    assert "wrong schema" in reading.reason
    assert "'a'" in reading.reason or "float64" in reading.reason
    assert measure(reading, "drift_share").value is None


def test_a_lost_column_is_a_wrong_schema_and_unknown(watched):
    reading = watched.seen(rows(seed=60, day=13).drop(columns="b"))
    assert "wrong schema" in reading.reason


def test_what_stood_still_and_moves_is_seen_and_what_moved_and_stands_still(watched):
    frame = rows(seed=61, day=13)
    frame["still"] = np.where(np.arange(200) < 10, 8.0, 7.0)
    frame["c"] = 0.25
    reading = watched.seen(frame)
    assert measure(reading, "constant", "still").value == 1
    assert measure(reading, "constant", "c").value == 1
    assert measure(reading, "constant", "a").value == 0
    assert measure(reading, "out_of_range_share", "still").value == 0.05
    calm = rows(seed=62, day=14)
    calm["kind"] = pd.Categorical(["food"] * 200)
    assert measure(watched.seen(calm), "constant", "kind").value == 1


def test_a_rare_value_that_is_absent_from_a_small_window_is_no_standstill():
    from tenure.monitoring.columns import ColumnReference
    from tenure.monitoring.measures import column_measures

    about = {"name": "flag", "kind": "category", "rows": 9_000, "missing_share": 0.0}
    flag = ColumnReference(**about, usual_share=0.99, categories=("false", "true"))
    small, large = (np.array(["false"] * n, dtype=object) for n in (300, 3_000))
    assert [one.value for one in column_measures(flag, small) if one.name == "constant"] == [0]
    assert [one.value for one in column_measures(flag, large) if one.name == "constant"] == [1]


def test_new_categories_and_ranges_are_counted_apart(watched):
    frame = rows(seed=63, day=13)
    kinds = np.array(frame["kind"], dtype=object)
    kinds[:40] = "crypto"
    frame["kind"] = pd.Categorical(kinds)
    frame.loc[:19, "a"] = 1e6
    reading = watched.seen(frame)
    assert measure(reading, "new_category_share", "kind").value == 0.2
    assert measure(reading, "new_category_share", "kind").cause is Cause.QUALITY
    assert measure(reading, "out_of_range_share", "a").value == 0.1
    assert "kind" in drifted(reading)


def test_what_data_say_never_runs_in_the_page(watched):
    frame = rows(seed=64, day=13)
    kinds = np.array(frame["kind"], dtype=object)
    kinds[:60] = CANARY
    frame["kind"] = pd.Categorical(kinds)
    reading = watched.seen(frame)
    page = (watched.workspace.pages / reading.page).read_text(encoding="utf-8")
    assert CANARY not in page
    assert "<script>alert" not in page
    assert "Content-Security-Policy" in page.split("</head>")[0]
    assert "http-equiv" in page.split("<script", 1)[0]
    assert measure(reading, "new_category_share", "kind").value == 0.3


def test_names_from_data_are_shown_harmless_and_stay_apart(watched):
    from tenure.monitoring.evidence import Compared, gather, read_verdicts, write_page

    draw = np.random.default_rng(0)
    labels = np.array([CANARY, "<b>", "[b]", "fine"], dtype=object)
    compared = [
        Compared(
            name=name,
            kind="category",
            method="jensenshannon",
            threshold=0.1,
            reference=labels[draw.integers(0, 4, 300)],
            current=labels[draw.integers(0, 4, 200)],
        )
        for name in (CANARY, "{b}", "<b>")
    ]
    found = gather(compared, about={"model": "m", "version": "1"}, workspace=watched.workspace)
    assert set(found.verdicts) == {CANARY, "{b}", "<b>"}
    assert len(read_verdicts(found.digest, watched.workspace)) == 3
    file = watched.workspace.pages / "m" / "x.html"
    write_page(found.digest, file, f"{CANARY} & co", watched.workspace)
    text = file.read_text(encoding="utf-8")
    assert CANARY not in text
    assert "<script>alert" not in text


def test_an_evidently_that_raises_leaves_the_window_unknown(watched, monkeypatch):
    def broken(*_):
        raise RuntimeError("value 12.5 of row 3 cannot be judged")

    monkeypatch.setattr(evidence, "_run", broken)
    reading = watched.seen(rows(seed=65, day=13))
    assert reading.reason == "Evidently raised RuntimeError"
    assert reading.evidently is None
    assert all(one.value is None and one.reason for one in reading.measures if one.name == "drift")
    assert measure(reading, "drift_share").value is None
    assert measure(reading, "prediction_drift").value is None
    assert measure(reading, "metric:accuracy").value is not None
    decided = open_ledger(watched.workspace).decisions(MODEL)[-1]
    assert "12.5" not in decided.reason


def test_an_evidently_score_that_is_no_number_is_unknown(watched, monkeypatch):
    run = evidence._run

    def with_nan(*args):
        import json

        report = json.loads(run(*args))
        changed = json.dumps(report)
        [result] = [
            each
            for each in report["metric_results"].values()
            if each["metric_value_location"]["metric"]["params"].get("column") == "a"
        ]
        return changed.replace(json.dumps(result["value"]), "NaN")

    monkeypatch.setattr(evidence, "_run", with_nan)
    reading = watched.seen(rows(seed=66, day=13))
    lost = measure(reading, "drift", "a")
    assert (lost.value, lost.drifted) == (None, None)
    assert "no number" in lost.reason


def test_a_model_that_raises_leaves_predictions_and_metrics_unknown(watched, monkeypatch):
    from tenure.monitoring import rows as module

    def broken(*_):
        raise ValueError("row 7 holds 'secret'")

    monkeypatch.setattr(module, "predict", broken)
    reading = watched.seen(rows(seed=67, day=13))
    lost = measure(reading, "prediction_drift")
    assert lost.value is None
    assert lost.reason == "version 1 raised ValueError"
    assert measure(reading, "metric:accuracy").value is None
    assert measure(reading, "drift", "a").value is not None


def test_pages_are_kept_for_the_last_windows_and_made_again_on_demand(watched):
    watched.watch(monitoring={"keep_pages": 2})
    readings = [watched.seen(rows(seed=70 + place, day=13 + place)) for place in range(3)]
    files = [watched.workspace.pages / each.page for each in readings]
    assert [file.is_file() for file in files] == [False, True, True]
    again = draw_page(readings[0], watched.workspace)
    assert again == files[0]
    assert again.is_file()


def test_a_page_that_a_case_cites_stays(watched):
    from tenure.records import Action, Case, CaseState, Decision

    watched.watch(monitoring={"keep_pages": 1, "warn": {"share": 0.9}})
    watched.add(rows(seed=80, day=13))
    [window] = watched.due()
    cited = monitoring.read_window(MODEL, window, watched.workspace)
    said = {"model": MODEL, "version": 1, "epoch": 1, "action": Action.RETRAIN}
    decision = Decision(
        id="d" * 64, wanted=Action.RETRAIN, cause=Cause.DRIFT, rule="monitoring.retrain",
        reason="It drifts.", held_back=(), readings=(cited.digest,), policy="p" * 64, **said,
    )  # fmt: skip
    case = Case(
        id=decision.id, cause=Cause.DRIFT, reason="It drifts.", state=CaseState.OPEN,
        opened_by=ACTOR, opened_at=watched.workspace.clock.now(), **said,
    )  # fmt: skip
    ledger = open_ledger(watched.workspace)
    ledger.record_reading(cited, decision, case, actor=ACTOR)
    later = [watched.seen(rows(seed=81 + place, day=14 + place)) for place in range(2)]
    files = [watched.workspace.pages / each.page for each in (cited, *later)]
    assert [file.is_file() for file in files] == [True, False, True]


def test_rows_that_the_champion_was_trained_on_prove_nothing(watched):
    seen = open_ledger(watched.workspace).snapshots(MODEL)[-1].seq
    window = Window(model=MODEL, kind="batches", first_seq=seen, last_seq=seen)
    reading = monitoring.read_window(MODEL, window, watched.workspace)
    assert "was trained on rows of this window" in reading.reason


def test_nobody_in_office_is_refused(watched):
    ledger = open_ledger(watched.workspace)
    ledger.vacate(MODEL, expected_epoch=1, actor="person:ann", reason="Out.", evidence="e" * 64)
    window = Window(model=MODEL, kind="batches", first_seq=1, last_seq=1)
    assert watched.due() == []
    with pytest.raises(NoChampion):
        monitoring.read_window(MODEL, window, watched.workspace)


def test_the_same_window_read_again_is_the_same_but_for_its_revision(watched):
    watched.add(rows(seed=90, day=13))
    [window] = watched.due()
    one = monitoring.read_window(MODEL, window, watched.workspace)
    other = monitoring.read_window(MODEL, window, watched.workspace)
    assert replace(one, evidently="", digest="") == replace(other, evidently="", digest="")
    monitoring.judge(one, watched.workspace, actor=ACTOR)
    assert monitoring.read_window(MODEL, window, watched.workspace).revision == 2
