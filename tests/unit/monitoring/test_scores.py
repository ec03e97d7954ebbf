"""Our scores are Evidently's, since thresholds that ours calibrate judge theirs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tenure.monitoring.scores import CATEGORY, NUMBER, score

DRAW = np.random.default_rng(3)
NUMBERS = {
    "normal": (DRAW.normal(size=900), DRAW.normal(0.2, 1.1, size=400)),
    "skewed": (DRAW.lognormal(size=700), DRAW.lognormal(0.3, size=300)),
    "few values": (DRAW.integers(0, 9, 800) * 1.0, DRAW.integers(1, 9, 300) * 1.0),
}
CATEGORIES = (DRAW.choice(5, 800, p=[0.5, 0.2, 0.15, 0.1, 0.05]), DRAW.choice(6, 300))


@pytest.fixture(scope="module")
def theirs():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType

    def found(method, kind, before, after):
        which = ColumnType.Numerical if kind == NUMBER else ColumnType.Categorical
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            test = get_stattest(pd.Series(before), pd.Series(after), which, method)
            return test(pd.Series(before), pd.Series(after), which, 0.1).drift_score

    return found


@pytest.mark.parametrize("shape", NUMBERS)
@pytest.mark.parametrize(
    "method", ["wasserstein", "ks", "psi", "kl_div", "jensenshannon", "hellinger"]
)
def test_numbers_score_as_evidently_scores_them(theirs, method, shape):
    before, after = NUMBERS[shape]
    expected = theirs(method, NUMBER, before, after)
    assert score(method, NUMBER, before, after) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("method", ["jensenshannon", "psi", "kl_div", "chisquare", "hellinger"])
@pytest.mark.parametrize("has_new", [False, True])
def test_categories_score_as_evidently_scores_them(theirs, method, has_new):
    before, after = CATEGORIES
    after = after if has_new else after % 5
    texts = [np.array([f"c{each}" for each in part], dtype=object) for part in (before, after)]
    expected = theirs(method, CATEGORY, *texts)
    assert score(method, CATEGORY, before, after) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_what_cannot_be_compared_is_no_number():
    assert np.isnan(score("wasserstein", NUMBER, np.ones(9), np.zeros(9)))
    assert np.isnan(score("jensenshannon", CATEGORY, np.array([], dtype=int), np.zeros(3)))
