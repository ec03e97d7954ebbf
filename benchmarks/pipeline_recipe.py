"""The work of `make bench-pipeline`: 100,000 rows of 20 mixed columns, and what is fitted."""

from __future__ import annotations

from typing import Any

ROWS = 100_000
TARGET = "left"
CATEGORIES = ("plan", "region", "channel", "device")
SHARE, SEED = 0.3, 42


def make_rows(batch: int) -> Any:
    """Return a frame of ROWS rows: 13 floats, 2 whole numbers, 4 categories, a target."""
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng([SEED, batch])
    columns: dict[str, Any] = {f"f{i:02d}": draw.normal(size=ROWS) for i in range(13)}
    columns |= {"age": draw.integers(18, 90, ROWS), "months": draw.integers(0, 120, ROWS)}
    for place, name in enumerate(CATEGORIES):
        kinds = np.array([f"{name}-{i:02d}" for i in range(4 + 4 * place)])
        columns[name] = kinds[draw.integers(0, len(kinds), ROWS)]
    signal = columns["f00"] + 0.7 * columns["f01"] * columns["f02"] - 0.02 * columns["months"]
    signal += np.where(columns["plan"] == "plan-00", 1.0, 0.0)
    columns[TARGET] = (signal + draw.normal(size=ROWS) > 0).astype(np.int64)
    return pd.DataFrame(columns)


def make_pipeline() -> Any:
    """Return an unfitted classifier: categories one-hot, then boosting."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline as pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return pipeline(
        make_column_transformer((encode, list(CATEGORIES)), remainder="passthrough"),
        HistGradientBoostingClassifier(early_stopping=False, random_state=SEED),
    )
