"""A real model is weakened in a dozen ways, and loses; a better one wins. Nothing is mocked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from tenure import evaluation, training
from tenure.records import GateVerdict, digest_of
from tenure.registry import dump_estimator, load_candidate, open_ledger
from tenure.registry.rows import labels
from tests.unit.training.houses import ACTOR, House, rows

FEATURES = list("abcde")
PASSES = (GateVerdict.WINS, GateVerdict.FIRST)


@pytest.fixture
def reigning(workspace):
    """A model with a good champion, and a night's honest candidate that it is compared with."""
    house = House(workspace)
    house.write(evaluation={"gates": {"average_precision": {"at_least": 0.3}}})
    house.add(rows(1500, seed=1))
    judged, serving = house.full_night()
    assert judged.verdict is GateVerdict.FIRST
    assert serving == 1
    house.add(rows(1500, seed=2))
    return house


def held_out(house):
    """Return tonight's honest held-out candidate, with the rows that it was fitted on."""
    plan = training.plan(house.name, house.workspace)
    order = next(each for each in plan.fits if each.holdout)
    honest = training.fit(house.name, order, house.workspace, actor=ACTOR)
    from tenure.evaluation.judged import FITTED, parts_of
    from tenure.registry.frames import read_frames

    frame = read_frames(house.name, honest.training_set.snapshots, house.workspace)
    return honest, frame[parts_of(honest, house.workspace) == FITTED].reset_index(drop=True)


def with_estimator(house, honest, estimator, tag):
    """Put another fit on record in the honest candidate's place."""
    kept, size, names = dump_estimator(estimator, house.workspace)
    other = replace(honest, id=digest_of([honest.id, tag]), object=kept, size=size, globals=names)
    return open_ledger(house.workspace).record_candidate(other, actor=ACTOR)


def noisy_labels(model, frame, draw):
    y = frame["y"].to_numpy().copy()
    flip = draw.random(len(y)) < 0.4
    y[flip] = 1 - y[flip]
    return model.fit(frame[FEATURES], y)


def dropped_features(model, frame, draw):
    poor = frame[FEATURES].copy()
    poor[["a", "b"]] = 0.0
    return model.fit(poor, frame["y"])


def shuffled_feature(model, frame, draw):
    poor = frame[FEATURES].copy()
    poor["a"] = draw.permutation(poor["a"])
    return model.fit(poor, frame["y"])


def swapped_features(model, frame, draw):
    return model.fit(frame[FEATURES].rename(columns={"a": "b", "b": "a"})[FEATURES], frame["y"])


def little_data(model, frame, draw):
    return model.fit(frame[FEATURES][:12], [0, 1] * 6)


def underfit(model, frame, draw):
    return model.set_params(logisticregression__C=1e-7).fit(
        frame[FEATURES], frame["y"] * 0 + (draw.random(len(frame)) < 0.5)
    )


def overfit(model, frame, draw):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=0).fit(frame[FEATURES], frame["y"])


def constant(model, frame, draw):
    from sklearn.dummy import DummyClassifier

    return DummyClassifier().fit(frame[FEATURES], frame["y"])


def inverted(model, frame, draw):
    return model.fit(frame[FEATURES], 1 - frame["y"])


def random_scores(model, frame, draw):
    return model.fit(frame[FEATURES], draw.permutation(frame["y"]))


def wrong_scale(model, frame, draw):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(frame[FEATURES] * [1, -5, 1, 3, 3], frame["y"])


def irrelevant_only(model, frame, draw):
    poor = frame[FEATURES].copy()
    poor[["a", "b", "c"]] = draw.normal(size=(len(poor), 3))
    return model.fit(poor, frame["y"])


def stale_world(model, frame, draw):
    old = rows(1500, seed=77)
    return model.fit(old[FEATURES].assign(a=-old["a"]), old["y"])


WEAKENED = [
    noisy_labels, dropped_features, shuffled_feature, swapped_features, little_data, underfit,
    overfit, constant, inverted, random_scores, wrong_scale, irrelevant_only, stale_world,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_a_weakened_model_never_takes_office_and_the_honest_one_is_no_worse(reigning):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    honest, frame = held_out(reigning)
    draw = np.random.default_rng(3)
    verdicts = {}
    for weaken in WEAKENED:
        model = make_pipeline(StandardScaler(), LogisticRegression())
        worse = with_estimator(reigning, honest, weaken(model, frame, draw), weaken.__name__)
        judged = evaluation.evaluate(reigning.name, [worse], reigning.workspace)
        verdicts[weaken.__name__] = judged.verdict
        assert not judged.promotes
        assert "Version 1 keeps serving." in judged.reason
    beaten = {GateVerdict.LOSES, GateVerdict.FAILS_FLOOR}
    mild = {"noisy_labels", "wrong_scale"}
    assert {name for name, verdict in verdicts.items() if verdict not in beaten} <= mild
    fair = evaluation.evaluate(reigning.name, [honest], reigning.workspace)
    assert fair.verdict in (GateVerdict.TIES, GateVerdict.WINS)


def test_a_better_recipe_wins(workspace):
    house = House(workspace)
    house.write(training={"parameters": {"C": 1e-7, "class_weight": None}})
    data = rows(1200, seed=1, strength=3)
    data["y"] = (
        (data["a"] * data["b"] > 0) ^ (np.random.default_rng(1).random(1200) < 0.1)
    ).astype("int64")
    data.loc[data["c"] > 1.2, "y"] = 1
    house.add(data)
    first, _ = house.full_night()
    assert first.verdict is GateVerdict.FIRST
    house.write("forest")
    judged, serving = house.full_night()
    assert judged.verdict is GateVerdict.WINS
    assert judged.comparison.difference > 0
    assert serving == 2
    assert "The candidate wins: average_precision" in judged.reason


class TestProgressive:
    """The fit that takes office is checked against the earlier fits that were judged for it."""

    @pytest.fixture
    def winning(self, workspace):
        """A night on which a recipe wins progressively: its champion is of a poor first batch."""
        house = House(workspace)
        spec = {"gate": {"compare": "auto", "batches": 2}}
        house.write(data={"time": {"columns": ["at"]}}, evaluation=spec)
        poor = rows(300, seed=50)
        flip = np.random.default_rng(0).random(300) < 0.35
        poor.loc[flip, "y"] = 1 - poor.loc[flip, "y"]
        house.add(poor)
        house.full_night()
        fits = []
        for night in (1, 2, 3):
            house.add(rows(1500, seed=night, day=night))
            fits = house.fits()
        assert all(each.holdout is None for each in fits)
        return house, fits

    def test_an_honest_newest_fit_takes_office(self, winning):
        house, fits = winning
        judged = evaluation.evaluate(house.name, fits, house.workspace)
        assert judged.verdict is GateVerdict.WINS, judged.reason
        assert judged.comparison.method == "progressive"
        assert judged.comparison.batches == 2
        assert judged.candidate == fits[0].id
        agreement = evaluation.load_details(judged, house.workspace)["agreement"]
        assert agreement["outcome"] == "pass"

    @pytest.mark.parametrize(
        "weaken",
        [noisy_labels, dropped_features, little_data, constant, inverted, random_scores,
         irrelevant_only, swapped_features],
    )  # fmt: skip
    def test_a_weakened_newest_fit_does_not(self, winning, weaken):
        from tenure.registry.frames import read_frames

        house, fits = winning
        frame = read_frames(house.name, fits[0].training_set.snapshots, house.workspace)
        model = load_candidate(fits[0], house.workspace)
        worse = with_estimator(
            house, fits[0], weaken(model, frame, np.random.default_rng(4)), weaken.__name__
        )
        judged = evaluation.evaluate(house.name, [worse], house.workspace)
        assert judged.verdict is GateVerdict.FAILS_FLOOR, judged.reason
        assert "newest fit" in judged.reason
        assert not judged.promotes

    def test_a_recipe_that_was_never_judged_waits(self, winning):
        house, _ = winning
        spec = yaml.safe_load((house.workspace.models_folder / "fraud.yaml").read_text())
        spec["training"]["parameters"] = {"C": 0.5}
        spec["evaluation"]["gate"]["compare"] = "progressive"
        (house.workspace.models_folder / "fraud.yaml").write_text(yaml.safe_dump(spec))
        judged = house.night()
        assert judged.verdict is GateVerdict.UNKNOWN
        assert not judged.promotes


def test_labels_come_back_as_they_went(workspace):
    from tenure.spec.model import Task

    assert labels(pd.Series(["a", "b"]), Task.CLASSIFICATION).dtype == object
    assert labels(pd.Series([True, False]), Task.CLASSIFICATION).dtype == bool
