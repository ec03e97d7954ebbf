"""Is a feature that knows the target found, and an honest one left alone?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tenure import evaluation
from tenure.evaluation.leakage import determines, strength_of
from tenure.evaluation.outputs import truth_of
from tenure.evaluation.partial_sums import exact_parts
from tenure.records import GateVerdict
from tests.unit.training.houses import House, rows


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def test_a_sum_of_parts_is_found_with_its_weights(draw):
    casual, registered = draw.poisson(30, 500), draw.poisson(150, 500)
    frame = pd.DataFrame(
        {"casual": casual, "hour": draw.integers(0, 24, 500), "registered": registered}
    )
    assert exact_parts(frame, (casual + registered).astype(float)) == [
        ("casual", pytest.approx(1)),
        ("registered", pytest.approx(1)),
    ]
    assert exact_parts(frame[["casual", "hour"]], (casual + registered).astype(float)) == []


def test_a_total_minus_the_rest_is_found(draw):
    target, rest = draw.normal(size=400), draw.normal(size=400)
    frame = pd.DataFrame({"total": target + rest, "noise": draw.normal(size=400), "rest": rest})
    found = exact_parts(frame, target)
    assert found == [("total", pytest.approx(1)), ("rest", pytest.approx(-1))]


def test_noise_few_rows_and_missing_values_raise_no_false_alarm(draw):
    frame = pd.DataFrame(draw.normal(size=(40, 30))).add_prefix("x")
    assert exact_parts(frame, draw.normal(size=40)) == []
    wide = pd.DataFrame(draw.normal(size=(300, 5))).add_prefix("x")
    target = (wide["x0"] + wide["x1"]).to_numpy()
    assert exact_parts(wide, target + draw.normal(0, 1e-3, 300)) == []
    holes = wide.mask(draw.random(wide.shape) < 0.1)
    assert [name for name, _ in exact_parts(holes, target)] == ["x0", "x1"]


def test_a_column_beyond_every_scale_hides_no_sum(draw):
    parts = pd.DataFrame(draw.normal(size=(300, 2))).add_prefix("x")
    target = (parts["x0"] + parts["x1"]).to_numpy()
    found = exact_parts(parts.assign(vast=draw.normal(size=300) * 1e300), target)
    assert [name for name, _ in found] == ["x0", "x1"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("copy", True),
        ("renamed", True),
        ("order", True),
        ("noisy", False),
        ("unique", False),
        ("constant", False),
        ("a few round amounts", False),
    ],
)
def test_exact_determination_of_classes(draw, values, expected):
    y = (draw.random(400) < 0.3).astype(int)
    made = {
        "copy": y,
        "renamed": np.where(y == 1, "paid", "open"),
        "order": y * 10 + draw.random(400),
        "noisy": np.where(draw.random(400) < 0.02, 1 - y, y),
        "unique": [f"id{n}" for n in range(400)],
        "constant": np.zeros(400),
        "a few round amounts": np.where(
            y == 1,
            draw.choice([50.0, 75.0], 400),
            np.concatenate([np.repeat(draw.random(30), 2), draw.random(340)]),
        ),
    }
    column = pd.Series(made[values])
    truth = truth_of(pd.Series(y), (0, 1))
    is_number = values in ("copy", "order", "noisy", "constant")
    assert determines(column, truth, is_number=is_number) is expected


def test_pairs_of_a_rare_class_do_not_determine_by_chance(draw):
    y = (draw.random(3000) < 0.01).astype(int)
    merchant = pd.Series([f"m{n // 3}" for n in range(3000)])
    assert not determines(merchant, truth_of(pd.Series(y), (0, 1)), is_number=False)


def test_a_number_that_is_a_function_of_the_target(draw):
    y = draw.exponential(size=300)
    truth = truth_of(pd.Series(y), ())
    assert determines(pd.Series(np.log(y)), truth, is_number=True)
    assert not determines(pd.Series(np.log(y) + draw.normal(0, 0.1, 300)), truth, is_number=True)


def test_a_strong_feature_is_measured_and_a_category_is_not_flattered(draw):
    y = (draw.random(600) < 0.5).astype(int)
    truth = truth_of(pd.Series(y), (0, 1))
    assert strength_of(pd.Series(y + draw.normal(0, 0.15, 600)), truth, is_number=True) > 0.99
    ids = pd.Series([f"id{n // 2}" for n in range(600)])
    assert strength_of(ids, truth, is_number=False) < 0.7
    numbers = truth_of(pd.Series(draw.normal(size=600)), ())
    near = pd.Series(numbers.values + draw.normal(0, 0.03, 600))
    assert strength_of(near, numbers, is_number=True) > 0.99


def judged(workspace, frame, pipeline="logistic", accept=(), training=None, **data):
    house = House(workspace)
    house.write(
        pipeline,
        data=data,
        training=training or {},
        evaluation={"leakage": {"accept": list(accept)}},
    )
    house.add(frame)
    found = house.night()
    return found, evaluation.load_details(found, workspace)["leakage"]


def test_iris_only_warns_of_petal_length(workspace):
    from sklearn.datasets import load_iris

    iris = load_iris(as_frame=True)
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    frame = iris.data.set_axis(names, axis=1).assign(y=iris.target)
    found, leakage = judged(workspace, frame, "forest")
    assert found.verdict is GateVerdict.FIRST, found.reason
    kinds = {(each["kind"], *each["columns"]): each["outcome"] for each in leakage["findings"]}
    assert kinds[("strong_feature", "petal_length")] == "warn"
    assert set(kinds.values()) == {"warn"}


def test_the_leak_of_bike_sharing_is_refused_unless_accepted(workspace):
    draw = np.random.default_rng(1)
    frame = rows(400, task="number").drop(columns="at")
    frame["casual"] = draw.poisson(30, 400)
    frame["registered"] = draw.poisson(90, 400)
    frame["y"] = (frame["casual"] + frame["registered"]).astype("int64")
    found, _ = judged(workspace, frame, "line")
    assert found.verdict is GateVerdict.FAILS_FLOOR
    assert "The target is 'casual' + 'registered'." in found.reason
    assert "Nothing serves yet." in found.reason
    found, leakage = judged(workspace, frame, "line", accept=["casual", "registered"])
    assert found.verdict is GateVerdict.FIRST
    assert leakage["findings"][0]["accepted"] is True
    assert leakage["accepted"] == ["casual", "registered"]


def test_a_copy_of_the_target_is_refused(workspace):
    found, _ = judged(workspace, rows(300).assign(paid=lambda f: f["y"] * 7))
    assert found.verdict is GateVerdict.FAILS_FLOOR
    assert "'paid' alone determines the target exactly." in found.reason


def test_a_time_after_the_rows_own_is_refused(workspace):
    pytest.importorskip("sklearn")
    from tenure.evaluation.leakage import _times
    from tenure.records import Column
    from tenure.spec.model import DataSpec, EvaluationSpec, ModelSpec, TrainingSpec

    frame = rows(100)
    frame["settled"] = frame["at"] + pd.Timedelta(hours=1)
    frame["opened"] = frame["at"] - pd.Timedelta(hours=1)
    spec = ModelSpec(
        name="m",
        owner="o",
        data=DataSpec(source="d", target="y", time={"columns": ["at"]}),
        training=TrainingSpec(pipeline="a:b"),
        evaluation=EvaluationSpec(),
    )
    columns = tuple(Column(name=name, type="datetime") for name in ("settled", "opened"))
    found = _times(spec, frame, columns, set())
    assert [(each["kind"], each["columns"], each["outcome"]) for each in found] == [
        ("time_travel", ["settled"], "fail")
    ]
    assert _times(spec, frame, columns, {"settled"})[0]["outcome"] == "pass"


def test_judged_rows_that_were_fitted_before_are_refused_where_rows_say_when(workspace):
    frame = rows(300)
    copies = pd.concat([frame, frame.iloc[:120]], ignore_index=True)
    split = {"split": {"by": "stratified"}}
    found, leakage = judged(workspace, copies, training=split, time={"columns": ["at"]})
    assert [each["kind"] for each in leakage["findings"]] == ["duplicates"]
    assert found.verdict is GateVerdict.FAILS_FLOOR
    assert "repeat a fitted row in every column" in found.reason


@pytest.mark.parametrize(("copied", "is_found"), [(150, True), (0, False)])
def test_a_batch_that_copies_earlier_ones_is_refused_after_progressive_validation(
    workspace, copied, is_found
):
    house = House(workspace)
    house.write(data={"time": {"columns": ["at"]}}, evaluation={"gate": {"batches": 1}})
    house.add(rows(400))
    house.full_night()
    copies = rows(400).iloc[:copied]
    fresh = rows(400, seed=7, day=3).iloc[copied:]
    house.add(pd.concat([copies, fresh], ignore_index=True))
    judged = house.night()
    details = evaluation.load_details(judged, workspace)
    assert details["judged"]["method"] == "progressive"
    found = [each for each in details["leakage"]["findings"] if each["kind"] == "duplicates"]
    assert bool(found) == is_found
    if is_found:
        assert judged.verdict is GateVerdict.FAILS_FLOOR
        assert f"{copied} of 400 judged rows repeat a fitted row" in judged.reason


def test_copies_only_warn_where_rows_may_be_alike_by_nature(workspace):
    frame = rows(300)
    copies = pd.concat([frame, frame.iloc[:120]], ignore_index=True)
    found, leakage = judged(workspace, copies)
    assert [each["outcome"] for each in leakage["findings"]] == ["warn"]
    assert found.verdict is GateVerdict.FIRST
