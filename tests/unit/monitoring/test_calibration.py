"""Do calibrated thresholds hold their promise: few false alarms on what is stable, none missed?"""

from __future__ import annotations

import numpy as np
import pytest

from tenure.monitoring.calibration import (
    FLOORS,
    Asked,
    Threshold,
    at_size,
    calibrated,
    conformal,
    from_draws,
    from_windows,
    rate_of,
)
from tenure.monitoring.scores import CATEGORY, NUMBER, score, wasserstein

COLUMNS = 4
WINDOW = 150


def series(draw, count, phi=0.0):
    """(count, COLUMNS) numbers that resemble their neighbours by phi."""
    from scipy.signal import lfilter

    noise = draw.normal(size=(count, COLUMNS))
    return np.asarray(lfilter([np.sqrt(1 - phi**2)], [1, -phi], noise, axis=0))


def asked(values, window=WINDOW):
    places = np.arange(len(values)) // window
    return [
        Asked(name=str(c), kind=NUMBER, method="wasserstein", values=values[:, c], window=places)
        for c in range(COLUMNS)
    ]


def alarms(thresholds, reference, windows):
    """The share of windows in which any column crosses."""
    ordered = np.sort(reference, axis=0)
    crossed = [
        any(wasserstein(ordered[:, c], window[:, c]) >= thresholds[c].value for c in range(COLUMNS))
        for window in windows
    ]
    return float(np.mean(crossed))


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_held_out_windows_alarm_as_often_as_they_say_also_where_rows_are_alike(phi):
    rates, blunt = [], []
    for seed in range(10):
        draw = np.random.default_rng(seed)
        whole = series(draw, WINDOW * 40, phi)
        reference, later = whole[: WINDOW * 20], whole[WINDOW * 20 :]
        windows = np.split(later, 20)
        found = from_windows(asked(reference), 20, 0.1, reference_rows=20_000, seed=seed)
        rates.append(alarms(found, reference, windows))
        drawn = from_draws(asked(reference), WINDOW, 0.1, reference_rows=20_000, seed=seed)
        blunt.append(alarms(drawn, reference, windows))
    assert 0.02 < np.mean(rates) < 0.2
    if phi:
        assert np.mean(blunt) > 0.8, "rows drawn one by one would alarm nearly always here"
    else:
        assert 0.02 < np.mean(blunt) < 0.2


def test_what_moves_is_found():
    draw = np.random.default_rng(1)
    reference = series(draw, WINDOW * 20)
    found = from_windows(asked(reference), 20, 0.1, reference_rows=20_000, seed=0)
    moved = [series(draw, WINDOW) + np.array([0.5, 0, 0, 0]) for _ in range(20)]
    assert alarms(found, reference, moved) > 0.95


def test_the_rate_makes_the_rule_fire_as_often_as_is_aimed_at():
    for per_year in (12, 52, 365):
        rate = rate_of(1.0, per_year, 2, 3)
        assert per_year * (2 * rate**2 - rate**3) == pytest.approx(1.0, rel=1e-6)
    assert rate_of(1.0, 52, 1, 1) == pytest.approx(1 / 52)
    assert rate_of(1.0, 365, 3, 4) > rate_of(1.0, 365, 2, 3) > rate_of(1.0, 365, 1, 1)


def test_few_windows_cannot_promise_less_than_they_have_seen():
    draw = np.random.default_rng(2)
    said = {"rows": WINDOW, "per_year": 365.0, "false_alarms_per_year": 0.01, "rule": (1, 1)}
    more = {**said, "reference_rows": 20_000, "seed": 0}
    _, held = calibrated(asked(series(draw, WINDOW * 12)), count=12, **more)
    assert held.how == "held-out windows"
    assert held.rate == pytest.approx(1 / 13)
    assert "cannot state less" in held.note
    _, drawn = calibrated(asked(series(draw, WINDOW * 4)), count=4, **more)
    assert drawn.how == "resampled rows"
    assert "assumed independent" in drawn.note


def test_a_column_that_never_moved_in_the_reference_gets_the_floor_and_no_division_by_zero():
    held = np.zeros((2, 12))
    held[1] = np.linspace(0.1, 0.2, 12)
    found = conformal(held, 0.1)
    assert found[0] == 0
    assert found[1] >= 0.2 - 1e-9
    values = np.repeat([0.0, 1.0], WINDOW * 6)
    draw = np.random.default_rng(0)
    draw.shuffle(values)
    one = Asked(
        name="x",
        kind=NUMBER,
        method="wasserstein",
        values=values,
        window=np.arange(len(values)) // 6_000,
    )
    [threshold] = from_draws([one], 200_000, 0.1, reference_rows=20_000, seed=0)
    assert threshold.value >= FLOORS["wasserstein"]


@pytest.mark.parametrize(
    ("method", "kind"),
    [("ks", NUMBER), ("psi", NUMBER), ("chisquare", CATEGORY), ("jensenshannon", CATEGORY)],
)
def test_every_method_is_calibrated_in_its_own_direction(method, kind):
    draw = np.random.default_rng(4)
    make = (lambda n: draw.normal(size=n)) if kind == NUMBER else (lambda n: draw.integers(0, 4, n))
    values = make(2_000)
    one = Asked(name="x", kind=kind, method=method, values=values, window=np.zeros(2_000, int))
    [threshold] = from_draws([one], 400, 0.1, reference_rows=20_000, seed=0)
    is_p = method in ("ks", "chisquare")
    scores = np.array([score(method, kind, values, make(400)) for _ in range(60)])
    crossed = scores <= threshold.value if is_p else scores >= threshold.value
    assert crossed.mean() < 0.25
    other = make(400) + 1 if kind == NUMBER else np.zeros(400, dtype=int)
    far = score(method, kind, values, other)
    assert far < threshold.value if is_p else far > threshold.value


def test_a_smaller_window_gets_a_wider_threshold_and_a_larger_one_the_same():
    one = Threshold(column="x", method="wasserstein", value=0.1)
    assert at_size(one, 100, 400) == pytest.approx(0.2)
    assert at_size(one, 350, 400) == 0.1
    assert at_size(one, 4_000, 400) == 0.1
    assert at_size(Threshold(column="x", method="ks", value=0.01), 100, 400) == 0.01
