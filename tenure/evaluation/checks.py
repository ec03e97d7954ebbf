"""Which questions does the gate ask about a candidate by itself, and what are the answers?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tenure.evaluation.compare import compare, intervals
from tenure.evaluation.gate import decide
from tenure.evaluation.judged import Contender, Judged
from tenure.evaluation.metrics import KNOWN, Metric, value_of
from tenure.evaluation.outputs import Outputs
from tenure.evaluation.wording import floor_sentence, number
from tenure.records import GateCheck, GateVerdict, Outcome
from tenure.spec.model import Floor, ModelSpec, SliceFloor


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged, as every question sees it.

    Attributes:
        spec: of the model.
        judged: rows and what was said.
        contender: the recipe that was chosen.
        primary: the metric that decides.
        values: metric name → (value, low, high) on the judged rows.
        seed: of every resampling.
    """

    spec: ModelSpec
    judged: Judged
    contender: Contender
    primary: Metric
    values: dict[str, tuple[float | None, float | None, float | None]]
    seed: int


def enough_rows(judged: Judged, spec: ModelSpec, rows: np.ndarray | None = None) -> GateCheck:
    """Ask whether there is enough to judge on: rows, and of two classes enough of each."""
    gate = spec.evaluation.gate
    truth = judged.truth if rows is None else judged.truth.take(rows)
    if len(truth) < gate.min_rows:
        return GateCheck(
            name="rows",
            outcome=Outcome.UNKNOWN,
            message=f"Only {len(truth)} rows to judge '{spec.name}' on.",
            wanted=f"{gate.min_rows} or more",
            got=str(len(truth)),
        )
    if truth.kind == "binary":
        positives = int(truth.positive.sum())
        rarest = min(positives, len(truth) - positives)
        if rarest < gate.min_positives:
            return GateCheck(
                name="rows",
                outcome=Outcome.UNKNOWN,
                message=f"Only {rarest} of {len(truth)} rows to judge '{spec.name}' on are of the "
                "rarer class.",
                wanted=f"{gate.min_positives} or more",
                got=str(rarest),
            )
    return GateCheck(
        name="rows",
        outcome=Outcome.PASS,
        message=f"{len(truth):,} rows to judge on.",
        wanted=f"{gate.min_rows} or more",
        got=str(len(truth)),
    )


def usable_predictions(contender: Contender, model: str) -> GateCheck:
    """Ask whether every prediction is a number."""
    if contender.outputs.is_finite():
        return GateCheck(
            name="predictions", outcome=Outcome.PASS, message="Every prediction is finite."
        )
    return GateCheck(
        name="predictions",
        outcome=Outcome.UNKNOWN,
        message=f"The candidate of '{model}' predicts what is not a finite number.",
        wanted="finite predictions",
        got="NaN or infinite ones",
    )


def floor_outcome(floor: Floor, value: float | None) -> tuple[Outcome, str, float]:
    """Return a floor's answer, with the side and the limit that decides."""
    if floor.at_least is not None and (value is None or value < floor.at_least):
        outcome = Outcome.UNKNOWN if value is None else Outcome.FAIL
        return outcome, "at least", floor.at_least
    if floor.at_most is not None and (value is None or value > floor.at_most):
        outcome = Outcome.UNKNOWN if value is None else Outcome.FAIL
        return outcome, "at most", floor.at_most
    if floor.at_least is not None:
        return Outcome.PASS, "at least", floor.at_least
    assert floor.at_most is not None
    return Outcome.PASS, "at most", floor.at_most


def floors(subject: Subject) -> list[GateCheck]:
    """Ask each absolute threshold."""
    found = []
    for name, floor in subject.spec.evaluation.gates.items():
        value = subject.values[name][0]
        outcome, side, wanted = floor_outcome(floor, value)
        found.append(
            GateCheck(
                name=name,
                outcome=outcome,
                message=floor_sentence(subject.spec.name, name, side, wanted, value),
                wanted=f"{side} {number(wanted)}",
                got=number(value),
            )
        )
    return found


def beats_baseline(subject: Subject, plain: Outputs) -> GateCheck:
    """Ask whether the candidate is better than a model that does not look, by the gate's test."""
    gate, metric, judged = subject.spec.evaluation.gate, subject.primary, subject.judged
    paired = compare(
        metric,
        judged.truth,
        [subject.contender.outputs],
        plain,
        cluster=judged.cluster,
        resamples=min(gate.resamples, BASELINE_RESAMPLES),
        seed=subject.seed,
    )
    name = f"Baseline of '{subject.spec.name}'"
    if paired is None:
        return GateCheck(
            name="baseline",
            outcome=Outcome.UNKNOWN,
            message=f"{name}: {metric.name} could not be computed.",
        )
    decision = decide(paired.evidence, rule="better", z=gate.z, margin=0.0)
    got, plainest = float(paired.values[0]), paired.other
    outcome = {GateVerdict.WINS: Outcome.PASS, GateVerdict.UNKNOWN: Outcome.UNKNOWN}.get(
        decision.verdict, Outcome.FAIL
    )
    words = "is better than" if outcome is Outcome.PASS else "is not clearly better than"
    return GateCheck(
        name="baseline",
        outcome=outcome,
        message=f"{name}: the candidate's {metric.name} of {number(got)} {words} the "
        f"{number(plainest)} of a model that does not look at the features.",
        wanted=f"better than {number(plainest)} by {number(abs(decision.threshold))}",
        got=number(got),
    )


def slice_rows(frame: Any, column: str) -> list[tuple[str, np.ndarray]]:
    """Return the slices of a column as (value in words, mask); missing values are one of them.

    A number with more than 20 values is cut at its quartiles.
    """
    import pandas as pd

    values = frame[column]
    if pd.api.types.is_numeric_dtype(values.dtype) and values.nunique() > MOST_VALUES:
        cut: Any = pd.qcut(values, 4, duplicates="drop")
        values = cut.astype(object).map(lambda each: each if each is None else str(each))
    words = values.astype(object).where(values.notna(), "(missing)").map(str).to_numpy()
    names, counts = np.unique(words, return_counts=True)
    order = names[np.argsort(-counts, kind="stable")][:MOST_SLICES]
    return [(str(name), words == name) for name in order]


MOST_VALUES = 20
MOST_SLICES = 50
SLICE_RESAMPLES = 200
BASELINE_RESAMPLES = 300


def slice_floors(subject: Subject) -> tuple[list[GateCheck], dict[tuple[str, str], list[Any]]]:
    """Ask each slice floor, one-sided: a slice fails if its whole interval lies beyond the floor.

    Small slices are unknown, block nothing, and are named on the page only.

    Returns:
        The checks, and what the page shows of each (column, value).
    """
    found: list[GateCheck] = []
    shown: dict[tuple[str, str], list[Any]] = {}
    for floor in subject.spec.evaluation.slice_floors:
        small = 0
        for value, mask in slice_rows(subject.judged.frame, floor.column):
            is_small = int(mask.sum()) < floor.min_rows
            small += is_small
            check = None if is_small else _slice_check(subject, floor, value, mask)
            outcome = Outcome.UNKNOWN if check is None else check.outcome
            shown.setdefault((floor.column, value), []).append(
                {
                    "metric": floor.metric,
                    "at_least": floor.at_least,
                    "at_most": floor.at_most,
                    "outcome": "pass" if outcome is Outcome.WARN else outcome.value,
                }
            )
            if check is not None:
                found.append(check)
        if small:
            found.append(
                GateCheck(
                    name=f"{floor.metric} by {floor.column}",
                    outcome=Outcome.WARN,
                    message=f"{small} slice(s) of '{floor.column}' have fewer than "
                    f"{floor.min_rows} rows and are not judged.",
                )
            )
    return found, shown


def _slice_check(subject: Subject, floor: SliceFloor, value: str, mask: np.ndarray) -> GateCheck:
    metric = KNOWN[floor.metric]
    ends = intervals(
        [metric],
        subject.judged.truth.take(mask),
        subject.contender.outputs.take(mask),
        cluster=None,
        resamples=SLICE_RESAMPLES,
        seed=subject.seed,
    )[metric.name]
    limit = Floor(at_least=floor.at_least, at_most=floor.at_most)
    outcome, side, wanted = _one_sided(limit, ends)
    where = f" on {floor.column}={value} ({int(mask.sum())} rows)"
    return GateCheck(
        name=f"{metric.name} on {floor.column}={value}",
        outcome=outcome,
        message=floor_sentence(subject.spec.name, metric.name, side, wanted, ends[0], where),
        wanted=f"{side} {number(wanted)}",
        got=number(ends[0]),
    )


def _one_sided(
    floor: Floor, ends: tuple[float | None, float | None, float | None]
) -> tuple[Outcome, str, float]:
    value, low, high = ends
    outcome, side, wanted = floor_outcome(floor, value)
    if outcome is Outcome.FAIL:
        best = high if side == "at least" else low
        still = best is not None and (best >= wanted if side == "at least" else best <= wanted)
        outcome = Outcome.WARN if still else Outcome.FAIL
    return outcome, side, wanted


def values_on(
    metrics: tuple[Metric, ...], judged: Judged, outputs: Outputs | None, rows: np.ndarray
) -> dict[str, float | None]:
    """Return plain values of some outputs on some of the judged rows."""
    if outputs is None or not rows.any():
        return {metric.name: None for metric in metrics}
    truth, said = judged.truth.take(rows), outputs.take(rows)
    return {metric.name: value_of(metric, truth, said) for metric in metrics}
