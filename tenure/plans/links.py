"""What becomes of raw scores: labels and probabilities, as scikit-learn computes them."""

from __future__ import annotations

import numpy as np

from tenure.plans.shapes import Head


def labels_of(scores: np.ndarray, label: str) -> np.ndarray:
    """Return the position of each row's class."""
    match label:
        case "above":
            return (scores[:, 0] > 0).astype(np.intp)
        case "from":
            return (scores[:, 0] >= 0).astype(np.intp)
        case _:
            return scores.argmax(axis=1)


def shares_of(scores: np.ndarray, head: Head) -> np.ndarray:
    """Return probabilities, rows by classes."""
    match head.link:
        case "expit":
            above = expit(scores[:, 0] * head.scale)
            return np.column_stack([1 - above, above])
        case "softmax":
            raised = np.exp(scores - scores.max(axis=1, keepdims=True))
            return raised / raised.sum(axis=1, keepdims=True)
        case "ovr":
            each = expit(scores)
            total = each.sum(axis=1, keepdims=True)
            even = np.full_like(each, 1 / each.shape[1])
            return np.divide(each, total, out=even, where=total != 0)
        case _:
            return scores


def expit(scores: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), which never overflows."""
    small = np.exp(-np.abs(scores))
    return np.where(scores >= 0, 1 / (1 + small), small / (1 + small))
