"""A small model that is fitted in milliseconds, and the data that arrives for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def make_model() -> Pipeline:
    """Return an unfitted classifier."""
    return make_pipeline(StandardScaler(), LogisticRegression())


def make_batch(
    rows: int, seed: int, *, early: bool = False, shift: float = 0.0, flipped: bool = False
) -> pd.DataFrame:
    """Return rows of a world in which both columns matter; early on only `income` did.

    Args:
        rows: how many.
        seed: of the randomness.
        early: whether `debt` does not matter yet.
        shift: by how much everybody's income has grown.
        flipped: whether who repaid before does so no more, and the other way round.
    """
    source = np.random.default_rng(seed)
    income, debt = source.normal(size=(2, rows)).round(6)
    score = income + source.normal(scale=0.4, size=rows) - (0.0 if early else 2.5) * debt
    repaid = (score > 0) != flipped
    return pd.DataFrame({"income": income + shift, "debt": debt, "repaid": repaid.astype(int)})
