"""What the trial fits: scikit-learn's boosting with its own defaults, for both histories."""

from __future__ import annotations

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


def classifier(seed: int = 42) -> HistGradientBoostingClassifier:
    """Return an unfitted classifier; early stopping would make fits depend on their size."""
    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed)


def regressor(seed: int = 42) -> HistGradientBoostingRegressor:
    """Return an unfitted regressor.

    Squared error, although absolute error is what is judged: on the history's first third that
    errs less (29.3 against 30.6 bicycles, retrained each week on 26 weeks).
    """
    return HistGradientBoostingRegressor(early_stopping=False, random_state=seed)
