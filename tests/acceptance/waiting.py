"""A pipeline whose fit stands still while the workspace holds a file named `hold`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer


def patiently(frame: Any) -> Any:
    """Return the rows, once nobody holds them; say meanwhile that they are held."""
    root = Path(os.environ["TENURE_WORKSPACE"])
    while (root / "hold").exists():
        (root / "held").touch()
        time.sleep(0.05)
    return frame


def make_patient() -> Pipeline:
    """Return an unfitted classifier that waits to be let go."""
    return make_pipeline(FunctionTransformer(patiently), LogisticRegression())
