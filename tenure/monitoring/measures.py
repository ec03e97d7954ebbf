"""Which numbers does a window give, each with what it is judged by?

Drift is Evidently's; missing values, new categories, ranges, columns that stand still and volume
are counted here, on all rows, as Evidently drops the first in silence and does not know the others.
A number that could not be computed is None, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tenure.evaluation.metrics import KNOWN, PRIMARY, metrics_for, value_of
from tenure.evaluation.outputs import truth_of
from tenure.monitoring.columns import ColumnReference, is_there
from tenure.monitoring.evidence import Verdict
from tenure.monitoring.rows import WindowRows
from tenure.monitoring.scores import NUMBER
from tenure.records import Candidate, Cause, Measure
from tenure.spec.model import ModelSpec

LEAST_KNOWN_SHARE = 0.5
"""Of the columns (by count, and by weight): with fewer known, their drift share is not known."""

_BY_CHANCE = 1e-6
_ALIVE_SHARE = 0.01


def column_measures(column: ColumnReference, values: np.ndarray) -> list[Measure]:
    """Return what is counted in one column: missing, new, out of range, standing still.

    `missing_share` is what is beyond the reference's own share, at least 0.
    """
    there = is_there(values)
    held = values[there]
    n = len(values)

    def quality(name: str, value: float) -> Measure:
        return Measure(
            name=name,
            cause=Cause.QUALITY,
            value=value,
            column=column.name,
            method="count",
            weight=column.weight,
        )

    missing = 1 - int(there.sum()) / n
    found = [quality("missing_share", max(missing - column.missing_share, 0.0))]
    if column.kind == NUMBER and column.low is not None and column.high is not None:
        outside = (held < column.low) | (held > column.high)
        found.append(quality("out_of_range_share", int(outside.sum()) / n))
    if column.categories is not None:
        known = set(column.categories)
        new = sum(each not in known for each in held)
        found.append(quality("new_category_share", new / n))
    if len(held):
        found.append(quality("constant", float(_has_changed_its_nature(column, held))))
    return found


def _has_changed_its_nature(column: ColumnReference, held: np.ndarray) -> bool:
    """Say whether a column that varied stands still, beyond chance, or one that stood still varies.

    A rare value may be absent from a small window: standing still counts only if its commonest
    value alone would fill so many rows less than once in a million windows.
    """
    _, counts = np.unique(held.astype(str) if held.dtype == object else held, return_counts=True)
    if column.stands_still:
        same = held == (column.low if column.kind == NUMBER else (column.categories or ("",))[0])
        return bool(1 - np.mean(same) >= _ALIVE_SHARE)
    if len(counts) > 1:
        return False
    return column.usual_share ** len(held) < _BY_CHANCE


def drift_measures(
    columns: Sequence[ColumnReference],
    verdicts: Mapping[str, Verdict],
    reasons: Mapping[str, str],
    others: Mapping[str, str],
) -> list[Measure]:
    """Return Evidently's verdict of each column, and which share of them drifts.

    Args:
        columns: those that are judged.
        verdicts: read back from the stored report.
        reasons: why a column without a verdict has none.
        others: what the owner names and nobody can judge, with the reason.
    """
    found = [_drift(each, verdicts.get(each.name), reasons.get(each.name, "")) for each in columns]
    found += [
        Measure(name="drift", cause=Cause.DRIFT, value=None, column=name, weight=0.0, reason=reason)
        for name, reason in others.items()
    ]
    return [*found, _share(found, weighted=False), _share(found, weighted=True)]


def _drift(column: ColumnReference, verdict: Verdict | None, reason: str) -> Measure:
    known = verdict is not None and verdict.score is not None
    return Measure(
        name="drift",
        cause=Cause.DRIFT,
        value=verdict.score if verdict and known else None,
        column=column.name,
        method=verdict.method if verdict else "",
        threshold=verdict.threshold if verdict else None,
        drifted=verdict.drifted if verdict and known else None,
        weight=column.weight,
        reason="" if known else reason or "Evidently's score is no number",
    )


def _share(drifts: Sequence[Measure], *, weighted: bool) -> Measure:
    name = "weighted_drift_share" if weighted else "drift_share"

    def share(value: float | None, reason: str) -> Measure:
        return Measure(
            name=name,
            cause=Cause.DRIFT,
            value=value,
            method="share of columns, by importance" if weighted else "share of columns",
            reason=reason,
        )

    if not drifts:
        return share(None, "no column can be judged for drift")
    if weighted and any(each.weight is None for each in drifts):
        return share(None, "no importances were measured when the version was registered")
    weights = [(each.weight or 0.0) if weighted else 1.0 for each in drifts]
    whole = sum(weights)
    known = sum(w for w, each in zip(weights, drifts, strict=True) if each.drifted is not None)
    if not whole or known / whole < LEAST_KNOWN_SHARE:
        return share(None, "most columns could not be judged")
    drifted = sum(w for w, each in zip(weights, drifts, strict=True) if each.drifted)
    unknown = sum(each.drifted is None for each in drifts)
    note = f"{unknown} of {len(drifts)} columns are not known and not counted" if unknown else ""
    return share(drifted / known, note)


def prediction_measure(verdict: Verdict | None, reason: str) -> Measure:
    """Return Evidently's score of the predictions against those at registration."""
    known = verdict is not None and verdict.score is not None
    return Measure(
        name="prediction_drift",
        cause=Cause.DRIFT,
        value=verdict.score if verdict and known else None,
        method=verdict.method if verdict else "",
        threshold=verdict.threshold if verdict else None,
        drifted=verdict.drifted if verdict and known else None,
        reason="" if known else reason or "Evidently's score is no number",
    )


def volume_measure(rows: int, usual: float | None) -> Measure:
    """Return the window's rows as a share of what is usual."""
    return Measure(
        name="volume_ratio",
        cause=Cause.QUALITY,
        value=rows / usual if usual else None,
        method="rows over usual rows",
        reason="" if usual else "it is not known yet what is usual",
    )


def label_measures(spec: ModelSpec, candidate: Candidate, found: WindowRows) -> list[Measure]:
    """Return how many rows have a label, and each metric that the spec judges by on those."""
    if found.target is None:
        return []
    labelled = np.array([each is not None for each in found.target], dtype=bool)
    coverage = Measure(
        name="label_coverage_share",
        cause=Cause.NO_LABELS,
        value=float(labelled.mean()) if len(labelled) else None,
        method="rows with a label over rows",
        reason="" if len(labelled) else "the window has no rows",
    )
    return [coverage, *_metrics(spec, candidate, found, labelled)]


def _metrics(
    spec: ModelSpec, candidate: Candidate, found: WindowRows, labelled: np.ndarray
) -> Iterable[Measure]:
    import pandas as pd

    kind = "regression"
    if candidate.classes:
        kind = "binary" if len(candidate.classes) == 2 else "many"
    n = int(labelled.sum())
    values: dict[str, float | None] = {}
    reason = _too_few(spec, n) or found.no_answers
    names = _named(spec, kind)
    if not reason and found.answers is not None and found.target is not None:
        truth = truth_of(pd.Series(found.target[labelled]), candidate.classes)
        reason = _too_few_of_a_class(spec, kind, truth.codes)
        if not reason:
            answers = found.answers.take(labelled)
            values = {name: value_of(KNOWN[name], truth, answers) for name in names}
    for name in names:
        value = values.get(name)
        yield Measure(
            name=f"metric:{name}",
            cause=Cause.PERFORMANCE,
            value=value,
            method=f"on {n} labelled rows",
            reason="" if value is not None else reason or "it is not defined on these rows",
        )


def _too_few(spec: ModelSpec, n: int) -> str:
    least = spec.evaluation.gate.min_rows
    return "" if n >= least else f"{n} labelled rows, and evaluation.gate.min_rows is {least}"


def _too_few_of_a_class(spec: ModelSpec, kind: str, codes: np.ndarray) -> str:
    least = spec.evaluation.gate.min_positives
    rarer = min(int((codes == 1).sum()), int((codes != 1).sum()))
    if kind != "binary" or rarer >= least:
        return ""
    return f"{rarer} rows of the rarer class, and evaluation.gate.min_positives is {least}"


def _named(spec: ModelSpec, kind: str) -> list[str]:
    """Return the metrics that the spec judges by: the primary one, and those of gates and rungs."""
    monitoring = spec.monitoring
    rungs = [each for each in (monitoring.warn, monitoring.retrain, monitoring.retire) if each]
    names = [
        spec.evaluation.primary or PRIMARY[kind],
        *spec.evaluation.gates,
        *(name for rung in rungs for name in (*rung.metrics_below, *rung.metrics_above)),
    ]
    fit = {each.name for each in metrics_for(kind)}
    return [name for name in dict.fromkeys(names) if name in fit]
