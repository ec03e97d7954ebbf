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


def make_batch(rows: int, seed: int, *, early: bool = False) -> pd.DataFrame:
    """Return rows of a world in which both columns matter; early on only `income` did."""
    source = np.random.default_rng(seed)
    income, debt = source.normal(size=(2, rows)).round(6)
    score = income + source.normal(scale=0.4, size=rows) - (0.0 if early else 2.5) * debt
    return pd.DataFrame({"income": income, "debt": debt, "repaid": (score > 0).astype(int)})
