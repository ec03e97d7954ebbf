"""How do a version and the champion beside it compare on rows whose truth is known?

Labels are those that monitoring reads: of the spec's source, and what clients said of a prediction
by its id. They come late, so every step of the rollout counts, not only the one it stands at. A
shadow is asked the champion's own requests, so an id may stand on both sides: what chance may do is
reckoned by id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.errors import TenureError
from tenure.evaluation import bootstrap
from tenure.evaluation.metrics import KNOWN, PRIMARY, Metric, estimate, standard_error, value_of
from tenure.evaluation.outputs import Outputs, Truth, truth_of
from tenure.monitoring import outputs
from tenure.monitoring.labels import join_labels, key_columns
from tenure.predictions.feedback import feedback_mark
from tenure.records import Rollout
from tenure.rollouts.answered import answered, classes_of
from tenure.rollouts.judging import Loss, Z

if TYPE_CHECKING:
    from tenure.spec import ModelSpec
    from tenure.workspace import Workspace

_RESAMPLES, _SEED = 300, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """What one version said about rows whose truth is known; `ids` (n,) as whole numbers."""

    truth: Truth
    said: Outputs
    ids: np.ndarray


def loss_of(rollout: Rollout, spec: ModelSpec | None, workspace: Workspace) -> Loss | None:
    """Return how the two compare on rows whose truth has arrived; None if too little has.

    Args:
        rollout: one that is not over.
        spec: of the model, None if there is none: then labels are not looked for.
        workspace: where log and labels are.
    """
    if spec is None or not _may_have_labels(spec, workspace):
        return None
    classes = classes_of(rollout, workspace)
    sides = _sides(rollout, spec, classes, workspace)
    if sides is None:
        return None
    metric = KNOWN[spec.evaluation.primary or PRIMARY[sides[0].truth.kind]]
    values = [value_of(metric, side.truth, side.said) for side in sides]
    mine, other = values
    if mine is None or other is None:
        return None
    error = _error(metric, *sides)
    if not np.isfinite(error):
        return None
    return Loss(
        metric=metric.name,
        challenger=mine,
        champion=other,
        loss=metric.sign * (other - mine),
        noise=Z * error,
        rows=min(len(side.truth) for side in sides),
    )


def _may_have_labels(spec: ModelSpec, workspace: Workspace) -> bool:
    if spec.deployment.serving.log == "off":
        return False
    return spec.data.labels is not None or bool(feedback_mark(spec.name, workspace))


def _sides(
    rollout: Rollout, spec: ModelSpec, classes: tuple[Any, ...], workspace: Workspace
) -> tuple[_Side, _Side] | None:
    import pandas as pd

    mine, other = answered(rollout, rollout.steps, key_columns(spec), workspace)
    if not len(mine) or not len(other):
        return None
    both = pd.concat([mine, other], ignore_index=True)
    try:
        target = join_labels(spec, both, workspace)
    except TenureError:
        return None  # `monitor` says what is wrong with them
    if target is None:
        return None
    known = np.array([each is not None for each in target], dtype=bool)
    is_mine = np.arange(len(both)) < len(mine)
    ids = pd.factorize(both["id"])[0]
    found = []
    for rows in (known & is_mine, known & ~is_mine):
        if not rows.any():
            return None
        truth = truth_of(pd.Series(target[rows]), classes)
        said = outputs.logged(both[rows], classes)
        found.append(_Side(truth=truth, said=said, ids=ids[rows]))
    return found[0], found[1]


def _error(metric: Metric, mine: _Side, other: _Side) -> float:
    """Return the standard error of the difference of two values, rows of one id moving as one."""
    count = int(max(mine.ids.max(), other.ids.max())) + 1
    if metric.area is not None:
        return _by_resampling(metric.area, mine, other, count)
    moved = np.zeros(count)
    for side, sign in ((mine, 1), (other, -1)):
        found = estimate(metric, side.truth, side.said)
        if found is None:
            return float("nan")
        share = found.influence / len(side.ids)
        moved += sign * np.bincount(side.ids, weights=share, minlength=count)
    # `standard_error` wants the influence on a mean, this is that on a sum.
    return standard_error(moved * count, None)


def _by_resampling(area: int, mine: _Side, other: _Side, count: int) -> float:
    ranked = []
    for side in (mine, other):
        positive = side.truth.positive
        if not positive.any() or positive.all():
            return float("nan")  # where nothing is to be told apart everybody is right
        assert side.said.score is not None, "its value was computed"
        ranked.append(bootstrap.rank(side.said.score, side.truth.positive, side.ids))
    apart = []
    for weights in bootstrap.draw_weights(count, _RESAMPLES, _SEED):
        drawn = [bootstrap.areas(each, weights[: each.sums.shape[1]])[:, area] for each in ranked]
        apart.append(drawn[0] - drawn[1])
    found = np.concatenate(apart)
    found = found[np.isfinite(found)]
    return float(found.std(ddof=1)) if len(found) >= _RESAMPLES // 2 else float("nan")
