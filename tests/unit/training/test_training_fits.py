"""Is a fit the same twice, kept with where it came from, and refused where it could not be kept?"""

from __future__ import annotations

import io
import platform

import numpy as np
import pandas as pd
import pytest

from tenure import training
from tenure.errors import FitFailed, PipelineRefused
from tenure.registry import load_candidate, open_ledger, open_store
from tenure.registry.frames import cast, read_frames
from tenure.registry.rows import Rows
from tenure.spec.model import DataSpec, SplitSpec, Task
from tenure.training import cost
from tenure.training.cost import measured
from tenure.training.splits import FITTED, HELD, LEFT_OUT, hold_out
from tests.unit.training.houses import ACTOR, House, rows


@pytest.fixture
def house(workspace):
    made = House(workspace)
    made.write()
    return made


def test_a_fit_is_made_once_and_again_the_same(house):
    house.add(rows(200))
    first = house.fits()
    before = open_ledger(house.workspace).head()
    assert house.fits() == first
    assert open_ledger(house.workspace).head() == before


def test_what_a_fit_hangs_on_changes_its_identity(house):
    house.add(rows(200))
    first = {each.id for each in house.fits()}
    house.write(training={"seed": 43})
    assert not first & {each.id for each in house.fits()}
    house.write(training={"parameters": {"C": 2.0}})
    assert not first & {each.id for each in house.fits()}
    house.write()
    house.add(rows(200, seed=1))
    assert not first & {each.id for each in house.fits()}


def test_a_twin_of_a_model_has_fits_of_its_own(house):
    """Same recipe, same data, another name: what one became says nothing of the other."""
    twin = House(house.workspace, name="fraud-twin")
    twin.write()
    for each in (house, twin):
        each.add(rows(400))
    mine, its = house.full_night(), twin.full_night()
    assert mine[1] == its[1] == 1
    versions = open_ledger(house.workspace).versions
    assert versions("fraud")[0].candidate != versions("fraud-twin")[0].candidate


def test_lineage_says_where_a_fit_comes_from_and_what_it_cost(house):
    house.add(rows(200))
    made = house.fits()[0]
    lineage = made.lineage
    assert lineage.pipeline == "house_recipes:logistic"
    assert lineage.seed == 42
    assert lineage.python == platform.python_version()
    assert {"scikit-learn", "numpy", "pandas", "joblib"} <= set(lineage.libraries)
    assert lineage.cpu_s > 0
    assert lineage.wall_s > 0
    assert lineage.code_commit is None
    assert lineage.code_dirty is None
    assert made.last_snapshot_seq == open_ledger(house.workspace).snapshots(house.name)[-1].seq
    assert made.classes == (0, 1)
    assert [each.name for each in made.features] == list("abcde")


def test_the_commit_of_the_recipes_code_is_known_and_whether_it_differs(house):
    import subprocess

    root = house.workspace.root

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        done = subprocess.run(
            ["git", "-C", str(root), *who, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q")
    git("add", "house_recipes.py")
    git("commit", "-q", "-m", "Recipes")
    house.add(rows(200))
    made = house.fits()[0].lineage
    assert (made.code_commit, made.code_dirty) == (git("rev-parse", "HEAD"), False)
    file = root / "house_recipes.py"
    file.write_text(file.read_text() + "\n\nADDED = True\n")
    house.add(rows(200, seed=1))
    assert house.fits()[0].lineage.code_dirty is True


@pytest.mark.parametrize("is_allowed", [True, False], ids=["reset", "looked at"])
def test_memory_that_was_used_and_freed_before_counts_again(monkeypatch, tmp_path, is_allowed):
    """The allocator keeps what was freed, so a second fit grew by nothing: 0 B on its page."""
    if not is_allowed:
        monkeypatch.setattr(cost, "CLEAR", tmp_path / "nowhere" / "clear_refs")
    blocks = [b"x" * (50_000 + n) for n in range(2000)]
    last = b"x" * 50_000
    blocks.clear()
    with measured() as found:
        blocks = [b"x" * (50_000 + n) for n in range(2000)]
    assert 80e6 < found.peak_memory_bytes < 200e6
    assert len(last) == 50_000


def test_memory_of_a_fit_is_measured():
    with measured() as used:
        big = np.ones(20_000_000)
        big += 1
    assert 100e6 < used.peak_memory_bytes < 400e6
    with measured() as small:
        pass
    assert small.peak_memory_bytes < 50e6


def test_a_held_out_fit_saw_only_its_part(house):
    house.add(rows(200))
    held, full = house.fits()
    parts = np.load(io.BytesIO(open_store(house.workspace).get_bytes(held.holdout)))
    assert (parts == HELD).sum() == 60
    assert (parts == FITTED).sum() == 140
    assert full.holdout is None
    scaler = load_candidate(held, house.workspace).named_steps["standardscaler"]
    assert scaler.n_samples_seen_ == 140
    assert (
        load_candidate(full, house.workspace).named_steps["standardscaler"].n_samples_seen_ == 200
    )


@pytest.mark.parametrize(
    ("task", "pipeline", "classes"),
    [
        ("many", "forest", ("low", "mid", "top")),
        ("number", "line", ()),
        ("binary", "forest", (0, 1)),
    ],
)
def test_every_task_is_fitted(house, task, pipeline, classes):
    house.write(pipeline)
    house.add(rows(200, task=task))
    made = house.fits()[0]
    assert made.classes == classes
    assert made.task == ("regression" if task == "number" else "classification")


@pytest.mark.parametrize("labels", ["text", "bool", "category"])
def test_labels_of_any_type_are_classes(house, labels):
    frame = rows(200)
    kinds = {
        "text": frame["y"].map({0: "no", 1: "yes"}),
        "bool": frame["y"] == 1,
        "category": pd.Categorical(frame["y"].map({0: "no", 1: "yes"})),
    }
    frame["y"] = kinds[labels]
    house.add(frame)
    expected = (False, True) if labels == "bool" else ("no", "yes")
    assert house.fits()[0].classes == expected


def test_categories_that_the_fit_met_stand_in_the_record(house):
    house.write("mixed")
    frame = rows(200)
    frame["kind"] = pd.Categorical(np.where(frame["d"] > 0, "p", "q"))
    house.add(frame)
    made = house.fits()[0]
    column = next(each for each in made.features if each.name == "kind")
    assert column.categories == ("p", "q")
    unseen = frame.assign(kind=pd.Categorical(["new"] * 200))
    proba = load_candidate(made, house.workspace).predict_proba(cast(unseen, made.features))
    assert np.isfinite(proba).all()


def test_unseeded_steps_are_seeded_and_a_recipes_own_seed_is_kept(house):
    house.write("forest")
    house.add(rows(200))
    one = load_candidate(house.fits()[0], house.workspace)
    assert isinstance(one.random_state, int)
    house.write("logistic", training={"parameters": {"random_state": 7}})
    two = load_candidate(house.fits()[0], house.workspace)
    assert two.named_steps["logisticregression"].random_state == 7


def test_a_lambda_is_refused_before_any_fit(house):
    house.write("with_lambda")
    house.add(rows(200))
    with pytest.raises(PipelineRefused, match="lambda"):
        training.plan(house.name, house.workspace)


def test_what_is_neither_classifier_nor_regressor_is_refused(house):
    from tenure.errors import BadSpec

    house.write("transformer")
    house.add(rows(200))
    with pytest.raises((PipelineRefused, BadSpec)):
        training.plan(house.name, house.workspace)


def test_a_fit_that_fails_says_where_and_shows_no_row(house):
    house.write("failing")
    house.add(rows(200).assign(a="a secret 1"))
    plan = training.plan(house.name, house.workspace)
    with pytest.raises(FitFailed) as caught:
        training.fit(house.name, plan.fits[0], house.workspace, actor=ACTOR)
    assert "house_recipes.py" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert open_ledger(house.workspace).candidates(house.name) == []


def test_a_warm_start_begins_where_the_champion_ended(house):
    house.write("sgd", training={"warm_start": True})
    house.add(rows(400))
    _, serving = house.full_night()
    assert serving == 1
    house.add(rows(400, seed=1))
    made = house.fits()
    assert {each.lineage.warm_started_from for each in made} == {1}
    last = load_candidate(made[0], house.workspace).steps[-1][1]
    assert last.warm_start is False


def test_trees_cannot_start_warm_and_say_so(house):
    house.write("forest", training={"warm_start": True})
    house.add(rows(400))
    house.full_night()
    house.add(rows(400, seed=1))
    assert {each.lineage.warm_started_from for each in house.fits()} == {None}


def test_a_progressive_night_fits_all_rows_and_old_fits_are_let_go(house):
    house.write(data={"time": {"columns": ["at"]}}, evaluation={"gate": {"batches": 2}})
    modes = []
    for night in range(5):
        house.add(rows(300, seed=night, day=night))
        modes.append(training.plan(house.name, house.workspace).mode)
        house.full_night()
        training.forget(house.name, house.workspace, actor="system:test")
    assert modes == ["holdout", "holdout", "progressive", "progressive", "progressive"]
    kept = open_ledger(house.workspace).candidates(house.name)
    full = [each for each in kept if each.holdout is None]
    assert len(full) >= 3
    assert training.forget(house.name, house.workspace, actor="system:test") == ()
    assert training.plan(house.name, house.workspace).mode == "progressive"


def some_rows(frame, batch=None):
    n = len(frame)
    return Rows(
        frame=frame,
        batch=np.zeros(n, dtype=int) if batch is None else batch,
        labelled=np.ones(n, dtype=bool),
        newest=np.ones(n, dtype=bool),
        times=None if "at" not in frame else frame["at"].to_numpy(dtype="datetime64[ns]"),
    )


def parts(
    frame, *, by, task=Task.CLASSIFICATION, batch=None, sources=("a" * 64,), used=None, **data
):
    spec = DataSpec(source="data", target="y", **data)
    rows_ = some_rows(frame, batch)
    used = np.ones(len(frame), dtype=bool) if used is None else used
    split = SplitSpec(by=by, test_share=0.3)
    return hold_out(rows_, used, sources, data=spec, split=split, task=task, seed=42)


def plain(count, seed=0):
    frame = rows(count, seed=seed)
    frame["at"] = frame["at"].dt.tz_localize(None)
    return frame


def test_a_time_split_holds_the_newest_rows_out():
    frame = plain(100)
    found = parts(frame, by="time")
    assert (found == HELD).sum() == 30
    assert frame["at"][found == HELD].min() > frame["at"][found == FITTED].max()


def test_rows_of_one_instant_stay_together():
    frame = plain(100).assign(at=pd.Timestamp("2026-01-01"))
    frame.loc[:79, "at"] = pd.Timestamp("2025-12-01")
    found = parts(frame, by="time")
    assert set(frame["at"][found == HELD]) & set(frame["at"][found == FITTED]) == set()


def test_groups_are_not_torn():
    frame = plain(500).assign(customer=np.arange(500) % 40)
    found = parts(frame, by="auto", group="customer")
    assert not set(frame["customer"][found == HELD]) & set(frame["customer"][found == FITTED])
    assert 0.25 < (found == HELD).mean() < 0.4


def test_strata_keep_their_shares():
    frame = plain(1000)
    frame["y"] = (np.arange(1000) % 10 == 0).astype(int)
    found = parts(frame, by="stratified")
    assert (found[frame["y"] == 1] == HELD).sum() == 30
    numbers = plain(1000).assign(y=np.random.default_rng(0).exponential(size=1000))
    found = parts(numbers, by="stratified", task=Task.REGRESSION)
    held = numbers["y"][found == HELD]
    assert held.quantile(0.9) == pytest.approx(numbers["y"].quantile(0.9), rel=0.1)


def test_a_row_held_out_once_is_held_out_every_night():
    first, second = plain(200), plain(100, seed=1)
    alone = parts(first, by="stratified")
    both = pd.concat([first, second], ignore_index=True)
    batch = np.repeat([0, 1], [200, 100])
    later = parts(both, by="stratified", batch=batch, sources=("a" * 64, "b" * 64))
    np.testing.assert_array_equal(later[:200], alone)


def test_random_is_scikit_learns_split():
    from sklearn.model_selection import train_test_split

    frame = plain(150)
    found = parts(frame, by="random")
    _, test = train_test_split(np.arange(150), test_size=0.3, random_state=42)
    np.testing.assert_array_equal(np.flatnonzero(found == HELD), np.sort(test))


def test_rows_that_do_not_count_are_neither_fitted_nor_held():
    frame = plain(100)
    used = np.arange(100) < 50
    for by in ("time", "stratified", "random"):
        found = parts(frame, by=by, used=used)
        assert (found[50:] == LEFT_OUT).all()
        assert (found == HELD).sum() in (15, 16)


def test_the_hour_of_a_time_in_two_columns_stays_a_feature(house):
    house.write("line", data={"time": {"columns": ["day", "hour"]}})
    frame = rows(240, task="number").drop(columns="at")
    frame["day"] = np.repeat(pd.date_range("2026-01-01", periods=10), 24).strftime("%Y-%m-%d")
    frame["hour"] = np.tile(np.arange(24), 10)
    house.types = {"day": "date"}
    house.add(frame.assign(day=pd.to_datetime(frame["day"])))
    made = house.fits()[0]
    names = {each.name for each in made.features}
    assert "hour" in names
    assert "day" not in names
    held = np.load(io.BytesIO(open_store(house.workspace).get_bytes(made.holdout))) == HELD
    stored = read_frames(house.name, made.training_set.snapshots, house.workspace)
    assert stored["day"][held].min() >= pd.Timestamp("2026-01-08")
