"""Is a training set refused when it should be, with every reason at once, and else not?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tenure import training
from tenure.errors import TrainingSetRefused
from tenure.registry import open_ledger
from tests.unit.training.houses import House, rows


@pytest.fixture
def house(workspace):
    made = House(workspace)
    made.write()
    return made


def refused(house):
    with pytest.raises(TrainingSetRefused) as caught:
        training.plan(house.name, house.workspace)
    assert open_ledger(house.workspace).candidates(house.name) == []
    return {each["check"] for each in caught.value.facts["findings"]}, str(caught.value)


def test_good_data_passes(house):
    house.add(rows(200))
    plan = training.plan(house.name, house.workspace)
    assert [each.rows for each in plan.training_sets] == [200]
    assert plan.mode == "holdout"
    assert [each.holdout for each in plan.fits] == [True, False]
    assert plan.notes == ()


def test_nothing_to_train_on(house):
    checks, text = refused(house)
    assert checks == {"batches"}
    assert "no batch was accepted yet" in text
    assert "Nothing serves yet." in text


def test_d15_one_class(house):
    house.add(rows(200).assign(y=1))
    checks, text = refused(house)
    assert checks == {"classes"}
    assert "1 class(es); wanted 2 or more" in text


def test_d16_missing_labels_and_as_many_classes_as_rows(house):
    frame = rows(200)
    frame["y"] = frame["y"].astype(float)
    frame.loc[:50, "y"] = np.nan
    house.add(frame)
    checks, text = refused(house)
    assert checks == {"min_label_share"}
    assert "74.5% of 200 rows" in text


def test_d16_as_many_classes_as_rows(house):
    house.add(rows(200).assign(y=np.arange(200)))
    assert refused(house)[0] == {"max_classes"}


def test_d17_few_rows_and_a_rare_class(house):
    frame = rows(30).assign(y=0)
    frame.loc[:2, "y"] = 1
    house.add(frame)
    checks, text = refused(house)
    assert checks == {"min_rows", "min_per_class"}
    assert "the rarest has 3" in text


def test_a_constant_number_as_target(house):
    house.write("line")
    house.add(rows(100, task="number").assign(y=3.5))
    assert refused(house)[0] == {"constant_target"}


def test_d23_a_flood_of_copies(house):
    frame = rows(100)
    house.add(pd.concat([frame] * 3, ignore_index=True))
    checks, text = refused(house)
    assert checks == {"max_duplicate_share"}
    assert "66.7% of 300 rows" in text


def test_copies_across_batches_count_too(house):
    house.add(rows(100))
    house.add(pd.concat([rows(100), rows(100), rows(20, seed=1)], ignore_index=True))
    assert refused(house)[0] == {"max_duplicate_share"}


def test_a_key_that_comes_again_is_refused_or_resolved(house):
    first = rows(100).assign(id=np.arange(100))
    second = rows(100, seed=1).assign(id=np.arange(50, 150))
    house.write(data={"key": ["id"]})
    house.add(first)
    house.add(second)
    checks, text = refused(house)
    assert checks == {"duplicates"}
    assert "50 of 200 rows repeat the key (id)" in text
    house.write(data={"key": ["id"], "on_correction": "latest_wins"})
    assert training.plan(house.name, house.workspace).training_sets[0].rows == 150
    made = house.fits()[0]
    assert made.training_set.row_filter == "'y' is there; the latest of each key (id)"
    assert "id" not in {each.name for each in made.features}


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ({"max_gap_days": 5}, {"max_gap_days"}),
        ({"max_gap_days": 20}, set()),
        ({"max_age_days": 3}, {"max_age_days"}),
        ({"max_age_days": 3, "max_gap_days": 5}, {"max_age_days", "max_gap_days"}),
    ],
)
def test_gaps_and_age(house, checks, expected):
    today = (datetime.now(UTC) - datetime(2026, 1, 5, tzinfo=UTC)).days
    house.write(data={"time": {"columns": ["at"]}}, training={"checks": checks})
    house.add(rows(100, day=today - 25))
    house.add(rows(100, seed=1, day=today - 10))
    if expected:
        assert refused(house)[0] == expected
    else:
        training.plan(house.name, house.workspace)


def test_all_findings_come_at_once_and_show_no_value(house):
    house.write(training={"checks": {"min_rows": 500}})
    frame = pd.concat([rows(40)] * 6, ignore_index=True)
    frame["y"] = frame["y"].astype(float)
    frame.loc[:60, "y"] = np.nan
    frame.loc[61:, "y"] = 1
    house.add(frame)
    checks, text = refused(house)
    assert checks == {"min_label_share", "max_duplicate_share", "min_rows", "classes"}
    assert "4 finding(s)" in text


def test_batches_that_another_suite_let_in_are_named(house):
    """They stay accepted, and people are told."""
    import yaml

    from tenure.records import ValidationReport, digest_of, to_json
    from tenure.registry import open_store

    suites = house.workspace.expectations_folder
    rule = {"type": "expect_column_values_to_not_be_null", "column": "a"}
    (suites / "strict.yaml").write_text(yaml.safe_dump({"expectations": [rule]}))
    file = house.workspace.models_folder / "fraud.yaml"
    today = digest_of({"expectations": [rule]})
    for seed, suite in enumerate(["built-in", "9e" * 32, today]):
        report = ValidationReport(
            model="fraud",
            batch="0" * 64,
            outcome="pass",
            violations=(),
            rows=200,
            rejected_rows=0,
            tagged_rows=0,
            suite=suite,
            checks=12,
        )
        house.add(rows(200, seed=seed), open_store(house.workspace).put_json(to_json(report)))
    first = training.plan(house.name, house.workspace)
    assert first.notes == (
        "2 of 3 batches (numbers 4, 6 in the ledger) were admitted under another expectation suite "
        f"({'9e' * 6}, {today[:12]}) than today's (built-in).",
    )
    file.write_text(file.read_text() + "expectations: strict\n")
    house.write(training={"spans": ["1 batches"]})
    file.write_text(file.read_text() + "expectations: strict\n")
    assert training.plan(house.name, house.workspace).notes == ()


def test_a_short_span_that_cannot_be_trained_on_is_left_out(house):
    house.write(training={"spans": ["all", "1 batches"]})
    house.add(rows(200))
    house.add(rows(20, seed=1))
    plan = training.plan(house.name, house.workspace)
    assert [each.span for each in plan.training_sets] == ["all"]
    assert plan.notes == ("Left out: span '1 batches': 20 rows with a label; wanted 50 or more.",)


def test_a_span_of_time_wants_times(house):
    house.write(training={"spans": ["8 weeks"]})
    house.add(rows(200))
    with pytest.raises(Exception, match="weeks") as caught:
        training.plan(house.name, house.workspace)
    assert caught.type.__name__ in ("TrainingSetRefused", "BadSpec")


def test_spans_reach_back_from_the_newest_row(house):
    house.write(
        data={"time": {"columns": ["at"]}}, training={"spans": ["all", "3 days", "2 batches"]}
    )
    for day in range(6):
        house.add(rows(100, seed=day, day=day))
    plan = training.plan(house.name, house.workspace)
    by_span = {each.span: each for each in plan.training_sets}
    assert by_span["all"].rows == 600
    assert by_span["all"].start_at is None
    assert 250 <= by_span["3 days"].rows <= 350
    assert by_span["3 days"].start_at == by_span["all"].end_at - timedelta(days=3)
    assert by_span["2 batches"].rows == 200
    assert by_span["2 batches"].snapshots == by_span["all"].snapshots[-2:]
    assert len({each.digest for each in plan.training_sets}) == 3


def test_a_span_that_leaves_nothing_out_is_the_same_training_set(house):
    house.write(
        data={"time": {"columns": ["at"]}}, training={"spans": ["all", "8 weeks", "9 batches"]}
    )
    house.add(rows(100))
    plan = training.plan(house.name, house.workspace)
    assert len({each.digest for each in plan.training_sets}) == 1
    made = house.fits()
    assert len({each.id for each in made}) == 6
    assert len({each.recipe for each in made}) == 3
    assert len({each.object for each in made}) == 2
    assert sum(each.lineage.cpu_s > 0 for each in made) == 2
