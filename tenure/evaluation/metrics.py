"""Which metrics are there, what do they want, and how sure are they?

Two kinds. A *mean metric* is a smooth function of means of a few columns (accuracy: one column of
hits; precision: hits among the predicted, and the predicted); its value, standard error and the
part that each row plays are analytic (delta method: the gradient at the means times the columns).
A *ranking metric* (AUC, average precision) is not; `bootstrap` resamples it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tenure.evaluation import bootstrap
from tenure.evaluation.outputs import CLIP, Outputs, Truth

Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        name: as a spec writes it.
        kinds: the tasks that it is for: "binary", "many", "regression".
        higher_is_better: its direction.
        columns: truth and outputs → (n, c), or None where the outputs lack what it wants.
        combine: means (c,) → value; analytic, so that a complex step gives its gradient.
        area: for ranking metrics the place in `bootstrap.areas`, else None.
    """

    name: str
    kinds: frozenset[str]
    higher_is_better: bool
    columns: Callable[[Truth, Outputs], np.ndarray | None] | None = None
    combine: Callable[[np.ndarray], complex] | None = None
    area: int | None = None

    @property
    def sign(self) -> int:
        """1 if more is better, else -1."""
        return 1 if self.higher_is_better else -1

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that there can be."""
        if self.name == "r2":
            return -np.inf, 1.0
        return (0.0, np.inf) if self.name == "log_loss" or self.kinds == NUMBERS else (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric's value, and how each row moved it.

    `influence` (n,) sums to nothing; the variance of the value is that of its mean over rows or
    clusters.
    """

    value: float
    influence: np.ndarray


def _hits(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    if outputs.codes is None:
        return None
    return (outputs.codes == truth.codes)[:, None].astype(np.float64)


def _log_loss(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    if outputs.proba is None:
        return None
    known = truth.codes >= 0
    given = np.where(known, outputs.proba[np.arange(len(truth)), truth.codes], 0.0)
    return -np.log(np.clip(given, CLIP, 1.0))[:, None]


def _brier(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    if outputs.proba is None:
        return None
    return ((outputs.proba[:, 1] - truth.positive) ** 2)[:, None]


def _found(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    """Columns: found positives, predicted positives, positives."""
    if outputs.codes is None:
        return None
    said, is_so = outputs.codes == 1, truth.positive
    return np.stack([said & is_so, said, is_so], axis=1).astype(np.float64)


def _found_by_class(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    """Columns: for each class its found, predicted and true rows, side by side."""
    if outputs.codes is None:
        return None
    places = np.arange(len(truth.classes))
    said, is_so = outputs.codes[:, None] == places, truth.codes[:, None] == places
    return np.concatenate([said & is_so, said, is_so], axis=1).astype(np.float64)


def _errors(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    if outputs.values is None:
        return None
    return (truth.values - outputs.values)[:, None]


def _absolute(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    errors = _errors(truth, outputs)
    return None if errors is None else np.abs(errors)


def _squared(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    errors = _errors(truth, outputs)
    return None if errors is None else errors**2


def _shares(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    errors = _absolute(truth, outputs)
    least = np.finfo(np.float64).eps
    return None if errors is None else errors / np.maximum(np.abs(truth.values), least)[:, None]


def _parts_of_variance(truth: Truth, outputs: Outputs) -> np.ndarray | None:
    """Columns: squared error, target, squared target, both about the rows' mean."""
    errors = _squared(truth, outputs)
    if errors is None:
        return None
    centred = truth.values - (truth.values.mean() if len(truth) else 0.0)
    return np.stack([errors[:, 0], centred, centred**2], axis=1)


def _ratio(above: complex, below: complex) -> complex:
    return above / below if below.real > 0 else 0j


def _mean(means: np.ndarray) -> complex:
    return means[0]


def _root(means: np.ndarray) -> complex:
    return means[0] ** 0.5 if means[0].real > 0 else 0j


def _recall(means: np.ndarray) -> complex:
    return means[0] / means[2] if means[2].real > 0 else complex("nan")


def _balanced(means: np.ndarray) -> complex:
    found, _, true = means.reshape(3, -1)
    there = np.real(true) > 0
    return complex(np.mean(found[there] / true[there])) if there.any() else complex("nan")


def _macro_f1(means: np.ndarray) -> complex:
    found, said, true = means.reshape(3, -1)
    there = np.real(said + true) > 0
    shares = 2 * found[there] / (said + true)[there]
    return complex(np.mean(shares)) if there.any() else complex("nan")


def _explained(means: np.ndarray) -> complex:
    spread = means[2] - means[1] ** 2
    return 1 - means[0] / spread if spread.real > 0 else complex("nan")


BINARY = frozenset({"binary"})
LABELS = frozenset({"binary", "many"})
NUMBERS = frozenset({"regression"})

KNOWN: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(name="average_precision", kinds=BINARY, higher_is_better=True, area=1),
        Metric(name="roc_auc", kinds=BINARY, higher_is_better=True, area=0),
        Metric(
            name="log_loss", kinds=LABELS, higher_is_better=False, columns=_log_loss, combine=_mean
        ),
        Metric(name="brier", kinds=BINARY, higher_is_better=False, columns=_brier, combine=_mean),
        Metric(name="accuracy", kinds=LABELS, higher_is_better=True, columns=_hits, combine=_mean),
        Metric(
            name="balanced_accuracy",
            kinds=LABELS,
            higher_is_better=True,
            columns=_found_by_class,
            combine=_balanced,
        ),
        Metric(
            name="f1",
            kinds=BINARY,
            higher_is_better=True,
            columns=_found,
            combine=lambda means: _ratio(2 * means[0], means[1] + means[2]),
        ),
        Metric(
            name="precision",
            kinds=BINARY,
            higher_is_better=True,
            columns=_found,
            combine=lambda means: _ratio(means[0], means[1]),
        ),
        Metric(name="recall", kinds=BINARY, higher_is_better=True, columns=_found, combine=_recall),
        Metric(
            name="f1_macro",
            kinds=LABELS,
            higher_is_better=True,
            columns=_found_by_class,
            combine=_macro_f1,
        ),
        Metric(
            name="mean_absolute_error",
            kinds=NUMBERS,
            higher_is_better=False,
            columns=_absolute,
            combine=_mean,
        ),
        Metric(
            name="root_mean_squared_error",
            kinds=NUMBERS,
            higher_is_better=False,
            columns=_squared,
            combine=_root,
        ),
        Metric(
            name="mean_squared_error",
            kinds=NUMBERS,
            higher_is_better=False,
            columns=_squared,
            combine=_mean,
        ),
        Metric(
            name="mean_absolute_percentage_error",
            kinds=NUMBERS,
            higher_is_better=False,
            columns=_shares,
            combine=_mean,
        ),
        Metric(
            name="r2",
            kinds=NUMBERS,
            higher_is_better=True,
            columns=_parts_of_variance,
            combine=_explained,
        ),
    )
}

PRIMARY = {
    "binary": "average_precision",
    "many": "accuracy",
    "regression": "mean_absolute_error",
}


def metrics_for(kind: str) -> tuple[Metric, ...]:
    """Return the metrics of a kind of task ("binary", "many", "regression"), in table order."""
    return tuple(metric for metric in KNOWN.values() if kind in metric.kinds)


def estimate(metric: Metric, truth: Truth, outputs: Outputs) -> Estimate | None:
    """Return a mean metric's value with the influence of each row; None if it is undefined.

    The gradient is taken by a complex step, exact to rounding (Squire and Trapp, 1998).
    """
    assert metric.columns is not None
    assert metric.combine is not None
    columns = metric.columns(truth, outputs)
    if columns is None or not len(columns):
        return None
    means = columns.mean(axis=0)
    value = metric.combine(means.astype(complex)).real
    if not np.isfinite(value):
        return None
    step = 1e-20
    gradient = np.empty(len(means))
    for place in range(len(means)):
        moved = means.astype(complex)
        moved[place] += 1j * step
        gradient[place] = metric.combine(moved).imag / step
    return Estimate(value=float(value), influence=(columns - means) @ gradient)


def value_of(metric: Metric, truth: Truth, outputs: Outputs) -> float | None:
    """Return a metric's value on rows, None where it is undefined or cannot be computed."""
    if not len(truth):
        return None
    if metric.area is None:
        found = estimate(metric, truth, outputs)
        return None if found is None else found.value
    if outputs.score is None or not np.isfinite(outputs.score).all():
        return None
    value = bootstrap.exact_areas(outputs.score, truth.positive)[metric.area]
    return value if np.isfinite(value) else None


def ends(metric: Metric, found: Estimate, cluster: np.ndarray | None) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean metric, None where a single cluster tells nothing.

    A share of rows gets Wilson's interval (1927) at the size that its clustered error amounts to,
    so that a perfect score on few rows is not called certain; others the normal's, within bounds.
    """
    error = standard_error(found.influence, cluster)
    if not np.isfinite(error):
        return None
    if metric.columns is not _hits:
        low, high = metric.bounds
        half = Z95 * error
        return max(found.value - half, low), min(found.value + half, high)
    share = found.value
    count = len(found.influence) if cluster is None else int(cluster.max()) + 1
    size = share * (1 - share) / error**2 if error > 0 else float(count)
    below = 1 + Z95**2 / size
    middle = (share + Z95**2 / (2 * size)) / below
    half = Z95 / below * np.sqrt(share * (1 - share) / size + Z95**2 / (4 * size**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def standard_error(influence: np.ndarray, cluster: np.ndarray | None) -> float:
    """Return the standard error of a mean of per-row influences, by clusters of rows.

    Args:
        influence: (n,), sums to nothing.
        cluster: (n,) 0.., or None if rows are independent.
    """
    n = len(influence)
    sums = influence if cluster is None else np.bincount(cluster, weights=influence)
    count = len(sums)
    if count < 2:
        return float("nan")
    return float(np.sqrt((sums**2).sum() * count / (count - 1)) / n)
