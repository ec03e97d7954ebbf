"""Is the fit that takes office of a kind with the earlier fits that were judged for it?

A progressive comparison judges a recipe by its earlier fits; the newest one has seen every row
there is, so no row can judge it. Two things can be asked. On the newest batch, which it has seen
and its predecessor had not, it must not be clearly worse. And on rows that nobody has seen, made by
crossing rows of that batch cell by cell, it must not differ from its predecessor much more than
its predecessors differ among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.evaluation.compare import compare
from tenure.evaluation.details import Agreement
from tenure.evaluation.judged import Contender, Judged
from tenure.evaluation.metrics import Metric, value_of
from tenure.evaluation.outputs import Outputs, Truth, predict
from tenure.evaluation.wording import number
from tenure.records import Candidate, GateCheck, Outcome
from tenure.registry import load_candidate
from tenure.registry.frames import cast

if TYPE_CHECKING:
    from tenure.workspace import Workspace

ROWS = 500
TIMES_USUAL = 4.0
LEAST_ALLOWED = 0.10
"""Disagreement that is never held against a fit: a tenth of a probability, or of a spread."""
ALONE_ALLOWED = 0.25
CLEARLY = 3.0


def agreement(
    judged: Judged, contender: Contender, metric: Metric, seed: int, workspace: Workspace
) -> Agreement:
    """Compare the fit that takes office with its earlier fits."""
    earlier = list(dict.fromkeys(each.id for each in contender.asked))
    by_id = {each.id: each for each in contender.asked}
    fits = [by_id[each] for each in earlier]
    newest = judged.batch == judged.batch.max()
    rows = judged.frame.loc[newest]
    truth = judged.truth.take(newest)
    made = crossed(rows, ROWS, seed)
    classes = judged.truth.classes
    said = [_ask(each, made, classes, workspace) for each in [*fits, contender.candidate]]
    spread = float(np.std(judged.truth.values)) or 1.0
    steps = [disagreement(one, two, spread) for one, two in pairwise(said)]
    usual = max(steps[:-1]) if len(steps) > 1 else None
    allowed = max(TIMES_USUAL * usual, LEAST_ALLOWED) if usual is not None else ALONE_ALLOWED
    own = _ask(contender.candidate, rows, classes, workspace)
    before = contender.outputs.take(newest)
    is_worse = _clearly_worse(metric, truth, own, before, seed)
    outcome = "fail" if is_worse or not own.is_finite() or steps[-1] > allowed else "pass"
    return Agreement(
        rows=len(made),
        disagreement=steps[-1],
        usual=usual,
        allowed=allowed,
        fits=len(fits),
        newest_value=value_of(metric, truth, own),
        earlier_value=value_of(metric, truth, before),
        outcome=outcome,
    )


def agreement_check(found: Agreement, metric: Metric, model: str) -> GateCheck:
    """Return the gate's question about the fit that takes office, with its answer."""
    usual = "" if found["usual"] is None else f", where {number(found['usual'])} is usual"
    message = (
        f"The newest fit of '{model}' differs from the one before it by "
        f"{number(found['disagreement'])} on {found['rows']} crossed rows{usual}; on the newest "
        f"batch its {metric.name} is {number(found['newest_value'])} after "
        f"{number(found['earlier_value'])}."
    )
    return GateCheck(
        name="agreement",
        outcome=Outcome(found["outcome"]),
        message=message,
        wanted=f"at most {number(found['allowed'])}, and not clearly worse",
        got=number(found["disagreement"]),
    )


def crossed(frame: Any, count: int, seed: int) -> Any:
    """Return new rows, each cell of which comes from one of two rows of a frame.

    Each column keeps its values, and half of each row its company.
    """
    draw = np.random.default_rng(seed)
    n = len(frame)
    one, two = draw.integers(0, n, count), draw.integers(0, n, count)
    made = frame.iloc[one].reset_index(drop=True)
    other = frame.iloc[two].reset_index(drop=True)
    for name in made.columns:
        made[name] = made[name].where(draw.random(count) < 0.5, other[name])
    return made


def disagreement(one: Outputs, two: Outputs, spread: float) -> float:
    """Return the mean difference of two models' answers on the same rows.

    Probabilities: half the sum of absolute differences, 0..1. Labels: the share that differs.
    Numbers: the mean absolute difference, in spreads of the target.
    """
    if one.values is not None and two.values is not None:
        return float(np.abs(one.values - two.values).mean() / spread)
    if one.proba is not None and two.proba is not None:
        return float(np.abs(one.proba - two.proba).sum(axis=1).mean() / 2)
    assert one.codes is not None
    assert two.codes is not None
    return float((one.codes != two.codes).mean())


def _ask(candidate: Candidate, frame: Any, classes: Sequence[Any], workspace: Workspace) -> Outputs:
    estimator = load_candidate(candidate, workspace)
    return predict(estimator, cast(frame, candidate.features), tuple(classes))


def _clearly_worse(metric: Metric, truth: Truth, own: Outputs, before: Outputs, seed: int) -> bool:
    paired = compare(metric, truth, [own], before, cluster=None, resamples=200, seed=seed)
    if paired is None:
        return False
    error = float(np.sqrt(max(paired.evidence.covariance[0, 0], 0.0)))
    return bool(paired.evidence.differences[0] < -CLEARLY * error)
