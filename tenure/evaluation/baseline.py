"""What would be said without looking at the features?"""

from __future__ import annotations

from typing import Any

import numpy as np

from tenure.evaluation.outputs import Outputs, Truth, truth_of


def baseline(target: Any, truth: Truth, metric: str) -> Outputs:
    """Return what the plainest model says about the judged rows.

    Classes: their shares, and the commonest as label. Numbers: the mean, or the median where the
    primary metric counts absolute errors.

    Args:
        target: labels that it may learn from, without missing values (pandas Series).
        truth: of the judged rows.
        metric: name of the primary metric.
    """
    n = len(truth)
    if truth.kind == "regression":
        known = np.asarray(target, dtype=np.float64)
        middle = np.median(known) if "absolute" in metric else known.mean()
        return Outputs(values=np.full(n, float(middle)))
    known = truth_of(target, truth.classes).codes
    counts = np.bincount(known[known >= 0], minlength=len(truth.classes))
    shares = counts / max(counts.sum(), 1)
    return Outputs(
        codes=np.full(n, int(shares.argmax())),
        score=np.full(n, shares[1]) if truth.kind == "binary" else None,
        proba=np.tile(shares, (n, 1)),
    )
