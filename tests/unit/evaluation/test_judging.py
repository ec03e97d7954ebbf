"""From candidates to a verdict with its reason, on real fits."""

from __future__ import annotations

import io
import json
from typing import get_type_hints

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tenure import evaluation
from tenure.errors import MetricUnknown, NothingToJudge
from tenure.evaluation.details import POINTS, Details
from tenure.records import Evaluation, GateVerdict, Outcome, from_json, to_json
from tenure.registry import load_candidate, open_ledger, open_store
from tenure.registry.frames import read_frames
from tests.unit.training.houses import House, rows


@pytest.fixture
def house(workspace):
    return House(workspace)


def checks(judged):
    return {each.name: each.outcome for each in judged.checks}


def test_a_first_version_passes_floors_and_beats_the_baseline(house):
    house.write(evaluation={"gates": {"average_precision": {"at_least": 0.6}}})
    house.add(rows(600))
    judged = house.night()
    assert judged.verdict is GateVerdict.FIRST
    assert judged.promotes
    assert judged.champion_epoch == 0
    assert judged.comparison is None
    assert checks(judged) == {
        "rows": Outcome.PASS,
        "predictions": Outcome.PASS,
        "average_precision": Outcome.PASS,
        "baseline": Outcome.PASS,
        "leakage": Outcome.PASS,
    }
    assert from_json(Evaluation, to_json(judged)) == judged


def test_a_floor_says_gate_numbers_and_who_serves(house):
    house.write()
    house.add(rows(600))
    house.full_night()
    house.write(evaluation={"gates": {"average_precision": {"at_least": 0.99}}})
    house.add(rows(600, seed=1))
    judged = house.night()
    assert judged.verdict is GateVerdict.FAILS_FLOOR
    assert judged.reason.startswith(
        "Gate 'average_precision' of 'fraud' wants at least 0.99; the candidate has 0."
    )
    assert judged.reason.endswith("Version 1 keeps serving.")
    assert judged.champion_epoch == 1


def test_noise_does_not_beat_the_baseline(house):
    house.write()
    frame = rows(600)
    frame["y"] = np.random.default_rng(9).permutation(frame["y"])
    house.add(frame)
    judged = house.night()
    assert judged.verdict is GateVerdict.FAILS_FLOOR
    assert checks(judged)["baseline"] is Outcome.FAIL
    assert "does not look at the features" in judged.reason
    assert judged.reason.endswith("Nothing serves yet.")


def test_few_rows_and_few_positives_are_unknown(house):
    house.write(evaluation={"gate": {"min_rows": 100}})
    house.add(rows(200))
    judged = house.night()
    assert judged.verdict is GateVerdict.UNKNOWN
    assert not judged.promotes
    house.write(evaluation={"gate": {"min_positives": 40}})
    frame = rows(400).assign(y=0)
    frame.loc[::10, "y"] = 1
    house.add(frame)
    assert house.night().verdict is GateVerdict.UNKNOWN


def test_modes(house):
    house.write(evaluation={"gate": {"mode": "dry_run"}})
    house.add(rows(600))
    judged = house.night()
    assert judged.verdict is GateVerdict.FIRST
    assert not judged.promotes
    assert "dry_run" in judged.reason
    house.write()
    house.full_night()
    house.write(evaluation={"gate": {"mode": "disabled"}})
    house.add(rows(600, seed=1))
    judged = house.night()
    assert judged.verdict is GateVerdict.WINS
    assert judged.promotes
    assert "the gate is disabled" in judged.reason


def test_in_a_tier_with_approvals_the_winner_waits_for_a_person(house):
    house.write(tier="medium")
    house.add(rows(600))
    judged = house.night()
    assert judged.verdict is GateVerdict.FIRST
    assert not judged.promotes
    assert "once people approve" in judged.reason


def test_the_same_candidate_again_ties_with_itself(house):
    house.write()
    house.add(rows(600))
    house.full_night()
    judged = house.night()
    assert judged.verdict is GateVerdict.TIES
    assert judged.comparison.difference == 0


def test_the_comparison_leaves_out_what_the_champion_saw(house):
    house.write(data={"time": {"columns": ["at"]}})
    house.add(rows(600))
    house.full_night()
    house.add(rows(200, seed=1, day=1))
    judged = house.night()
    details = evaluation.load_details(judged, house.workspace)
    assert judged.comparison.rows == details["judged"]["compared_rows"] == 240
    assert details["judged"]["seen_by_champion"] == 0
    house.write(data={"time": {"columns": ["at"]}}, training={"split": {"test_share": 0.8}})
    judged = house.night()
    details = evaluation.load_details(judged, house.workspace)
    assert details["judged"]["rows"] == 640
    assert details["judged"]["seen_by_champion"] == 260
    assert any("leaves them out" in note for note in details["notes"])


def test_what_stands_beside_the_champion_is_on_the_rows_that_were_compared(house):
    house.write(data={"time": {"columns": ["at"]}})
    house.add(rows(600))
    house.full_night()
    house.add(rows(200, seed=1, day=1))
    house.write(data={"time": {"columns": ["at"]}}, training={"split": {"test_share": 0.8}})
    judged = house.night()
    details = evaluation.load_details(judged, house.workspace)
    compared = judged.comparison.rows
    assert 0 < compared < details["judged"]["rows"]
    for row in details["metrics"]:
        assert (row["rows"], row["champion"]) == (details["judged"]["rows"], None)
        assert row["baseline"] is not None
    by_name = {row["name"]: row for row in details["compared"]}
    assert {row["rows"] for row in by_name.values()} == {compared}
    primary = by_name[judged.primary]
    assert primary["value"] == pytest.approx(judged.comparison.candidate_value)
    assert primary["champion"] == pytest.approx(judged.comparison.champion_value)
    roc = {line["who"]: line["area"] for line in details["curves"]["roc"]}
    assert roc["candidate"] == pytest.approx(by_name["roc_auc"]["value"])
    assert roc["champion"] == pytest.approx(by_name["roc_auc"]["champion"])


def test_where_all_rows_are_common_the_champion_stands_beside_them(house):
    house.write(data={"time": {"columns": ["at"]}})
    house.add(rows(600))
    house.full_night()
    house.add(rows(600, seed=1, day=1))
    details = evaluation.load_details(house.night(), house.workspace)
    assert details["compared"] == []
    assert all(row["champion"] is not None for row in details["metrics"])


def test_slices_are_floors_and_small_ones_decide_nothing(house):
    frame = rows(1200, strength=3)
    kind = np.where(np.arange(1200) % 3 == 0, "north", "south")
    kind[:20] = "tiny"
    frame["kind"] = pd.Categorical(kind)
    broken = (kind == "north") & (np.random.default_rng(0).random(1200) < 0.5)
    frame.loc[broken, "y"] = 1 - frame.loc[broken, "y"]
    floor = {"column": "kind", "metric": "accuracy", "at_least": 0.75}
    house.write(
        "mixed", evaluation={"slices": ["kind"], "slice_floors": [{**floor, "min_rows": 50}]}
    )
    house.add(frame)
    judged = house.night()
    assert judged.verdict is GateVerdict.FAILS_FLOOR
    assert "on kind=north" in judged.reason
    assert "south" not in judged.reason
    details = evaluation.load_details(judged, house.workspace)
    by_value = {each["value"]: each for each in details["slices"]}
    assert by_value["tiny"]["unknown"]
    assert by_value["tiny"]["floors"][0]["outcome"] == "unknown"
    assert by_value["north"]["floors"][0]["outcome"] == "fail"


@pytest.mark.parametrize(
    "wrong", [{"primary": "r2"}, {"gates": {"acuracy": {"at_least": 0.5}}}, {"primary": "f1_"}]
)
def test_a_metric_that_is_none_for_the_task_is_named(house, wrong):
    house.write(evaluation=wrong)
    house.add(rows(300))
    with pytest.raises(Exception, match=r"r2|acuracy|f1_") as caught:
        house.night()
    assert caught.type in (MetricUnknown,) or caught.type.__name__ == "BadSpec"


def test_nothing_to_judge(house):
    house.write()
    with pytest.raises(NothingToJudge):
        evaluation.evaluate(house.name, [], house.workspace)


@pytest.mark.parametrize("task", ["binary", "many", "number"])
def test_every_task_passes_every_stage_twice_and_fills_the_page(house, task):
    pipeline = {"binary": "logistic", "many": "logistic", "number": "line"}[task]
    house.write(
        pipeline,
        data={"time": {"columns": ["at"]}},
        training={"spans": ["all", "1 batches"]},
        evaluation={"gate": {"batches": 1}, "slices": ["d"]},
    )
    house.add(rows(400, task=task))
    first, serving = house.full_night()
    assert first.verdict is GateVerdict.FIRST, first.reason
    assert serving == 1
    for night in (1, 2):
        house.add(rows(400, seed=night, day=night, task=task))
        judged, _ = house.full_night()
        assert judged.comparison is not None
        details = evaluation.load_details(judged, house.workspace)
        assert set(details) == set(get_type_hints(Details))
        json.dumps(details, allow_nan=False)
        assert details["judged"]["method"] == judged.comparison.method
        assert len(details["recipes"]) == 2
        assert sum(each["chosen"] for each in details["recipes"]) == 1
        assert {each["name"] for each in details["metrics"]} == {e.name for e in judged.metrics}
        assert details["importances"]["features"][0]["feature"] in "abc"
        if task == "binary":
            for curve in details["curves"]["roc"]:
                assert len(curve["x"]) == len(curve["y"]) <= POINTS
            assert details["calibration"]["of"] == "of class '1'"
        if task == "many":
            counts = np.array(details["confusion"]["counts"])
            assert counts.sum() == details["judged"]["rows"]
        if task == "number":
            assert sum(details["residuals"]["counts"]) == details["judged"]["rows"]
    assert judged.comparison.method == "progressive"
    assert details["batches"][0]["champion"] is not None


def test_golden_rows_reach_the_edges(house):
    frame = rows(300)
    frame.loc[7, "a"] = 99.0
    frame.loc[9, "b"] = -99.0
    frame.loc[11, "c"] = np.nan
    house.write("boosting")
    house.add(frame)
    candidate = house.fits()[0]
    table = pq.read_table(io.BytesIO(evaluation.golden_rows(candidate, house.workspace)))
    found = table.to_pandas()
    assert 10 <= len(found) <= 20
    assert list(found) == [each.name for each in candidate.features]
    assert found["a"].max() == 99.0
    assert found["b"].min() == -99.0
    assert found["c"].isna().any()


def test_importances_name_what_matters(house):
    house.write()
    house.add(rows(800, strength=3))
    details = evaluation.load_details(house.night(), house.workspace)
    by_name = {each["feature"]: each["mean"] for each in details["importances"]["features"]}
    assert by_name["a"] > by_name["b"] > by_name["c"] > max(by_name["d"], by_name["e"], 0)
    shares = [each["share"] for each in details["importances"]["features"]]
    assert sum(shares) == pytest.approx(1)


def test_predictions_that_are_no_numbers_are_unknown(house):
    from dataclasses import replace

    from tenure.records import digest_of
    from tenure.registry import dump_estimator

    house.write()
    house.add(rows(600))
    honest = next(each for each in house.fits() if each.holdout)
    model = load_candidate(honest, house.workspace)
    model.named_steps["logisticregression"].coef_[:] = np.nan
    kept, size, names = dump_estimator(model, house.workspace)
    broken = replace(honest, id=digest_of("broken"), object=kept, size=size, globals=names)
    open_ledger(house.workspace).record_candidate(broken, actor="system:test")
    judged = evaluation.evaluate(house.name, [broken], house.workspace)
    assert judged.verdict is GateVerdict.UNKNOWN
    assert "not a finite number" in judged.reason


def test_a_correction_of_a_seen_key_is_not_judged(house):
    house.write(
        data={"key": ["id"], "on_correction": "latest_wins"},
        evaluation={"gate": {"batches": 1}},
    )
    for night in range(3):
        frame = rows(300, seed=night).assign(id=np.arange(300) + night * 200)
        house.add(frame)
        judged, _ = house.full_night()
    assert judged.comparison.method == "progressive"
    assert judged.comparison.rows == 200


def test_details_and_evaluation_are_named_by_their_content(house):
    house.write()
    house.add(rows(600))
    judged = house.night()
    store = open_store(house.workspace)
    body = store.get_json(judged.digest)
    assert body["reason"] == judged.reason
    assert house.night() == judged
    frame = read_frames(house.name, house.fits()[0].training_set.snapshots, house.workspace)
    assert len(frame) == 600
