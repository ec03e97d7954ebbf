"""Do probabilities mean what they say?"""

from __future__ import annotations

import numpy as np

from tenure.evaluation.details import Calibration, CalibrationBin
from tenure.evaluation.metrics import Z95
from tenure.evaluation.outputs import Outputs, Truth

BINS = 10
FEWEST = 20


def calibration(truth: Truth, outputs: Outputs) -> Calibration | None:
    """Return the reliability of a classifier's probabilities in bins of equal count.

    Two classes: of the positive one. Many: of the class that was predicted. Murphy's parts are
    those of the bins (Murphy, 1973); intervals are Wilson's (1927).
    """
    if outputs.proba is None or len(truth) < FEWEST or not np.isfinite(outputs.proba).all():
        return None
    if truth.kind == "binary":
        said, happened = outputs.proba[:, 1], truth.positive.astype(np.float64)
        of = f"of class '{truth.classes[1]}'"
    else:
        said = outputs.proba.max(axis=1)
        happened = (outputs.proba.argmax(axis=1) == truth.codes).astype(np.float64)
        of = "of the predicted class"
    order = np.argsort(said, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    bins = [_bin(said[part], happened[part]) for part in parts]
    share = np.array([len(part) for part in parts]) / len(said)
    predicted = np.array([each["predicted"] for each in bins])
    observed = np.array([each["observed"] for each in bins])
    base = float(happened.mean())
    return Calibration(
        of=of,
        bins=bins,
        expected_calibration_error=float(share @ np.abs(predicted - observed)),
        brier=float(((said - happened) ** 2).mean()),
        reliability=float(share @ (predicted - observed) ** 2),
        resolution=float(share @ (observed - base) ** 2),
        uncertainty=base * (1 - base),
    )


def _bin(said: np.ndarray, happened: np.ndarray) -> CalibrationBin:
    n, share = len(said), float(happened.mean())
    below = 1 + Z95**2 / n
    middle = (share + Z95**2 / (2 * n)) / below
    half = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / below
    return CalibrationBin(
        low=float(said.min()),
        high=float(said.max()),
        rows=n,
        predicted=float(said.mean()),
        observed=share,
        observed_low=float(max(0.0, middle - half)),
        observed_high=float(min(1.0, middle + half)),
    )
