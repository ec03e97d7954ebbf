"""Is the card traffic what its description says?"""

from datetime import date, timedelta

import pandas as pd
import pytest

from examples.fraud import transactions as fraud

START = date(2026, 11, 6)


@pytest.fixture(scope="module")
def week():
    return dict(fraud.days(START, 7))


def test_a_day_is_the_same_whichever_day_one_starts_from(week):
    day = START + timedelta(days=3)
    [(_, again)] = fraud.days(day, 1)
    pd.testing.assert_frame_equal(week[day], again)


def test_another_seed_is_other_traffic(week):
    [(_, other)] = fraud.days(START, 1, seed=8)
    assert not week[START]["amount"].head(20).equals(other["amount"].head(20))


def test_columns_stand_in_the_order_of_the_spec(week):
    from tenure.spec import load_spec
    from tenure.workspace import open_workspace

    spec = load_spec("fraud", open_workspace("examples/fraud"))
    assert tuple(week[START].columns) == fraud.COLUMNS == tuple(spec.data.columns)


def test_times_grow_within_their_day_and_keys_are_unique(week):
    for day, frame in week.items():
        at = pd.to_datetime(frame["at"], utc=True).dt.tz_convert(fraud.ZONE)
        assert at.is_monotonic_increasing
        assert (at.dt.date == day).all()
        assert frame["transaction"].is_unique


def test_a_ring_works_from_its_first_day_only():
    begins = {"resellers": START + timedelta(days=2), "testers": START + timedelta(days=1)}
    shares = [frame["is_fraud"].mean() for _, frame in fraud.days(START, 3, begins=begins)]
    assert 0.005 < shares[0] < shares[1] < shares[2] < 0.08


def test_a_ring_that_ended_is_gone_and_insiders_look_like_everybody():
    insiders = {
        "begins": {"insiders": START},
        "ends": dict.fromkeys(fraud.USUAL_RINGS, START),
    }
    [(_, day)] = fraud.days(START, 1, **insiders)
    [(_, calm)] = fraud.days(START, 1, ends=insiders["ends"])
    assert calm["is_fraud"].sum() == 0 < day["is_fraud"].sum()
    pd.testing.assert_frame_equal(day.drop(columns="is_fraud"), calm.drop(columns="is_fraud"))


def test_a_marketplace_opens_on_its_day():
    opened = {fraud.MARKETPLACE: START + timedelta(days=1)}
    before, after = (frame["merchant"] for _, frame in fraud.days(START, 2, begins=opened))
    assert (before != fraud.MARKETPLACE).all()
    assert 0.1 < (after == fraud.MARKETPLACE).mean() < 0.3


def test_a_bad_day_is_bad_and_leaves_the_good_one_alone(week):
    good = week[START]
    bad = fraud.corrupted(good)
    assert bad["amount"].median() > 50 * good["amount"].median()
    assert bad["merchant"].isna().sum() > 50
    assert good["merchant"].notna().all()


def test_a_written_day_appears_in_one_step(week, tmp_path):
    file = fraud.write(START, week[START], tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [file.name] == ["2026-11-06.csv"]
    assert len(pd.read_csv(file)) == len(week[START])
