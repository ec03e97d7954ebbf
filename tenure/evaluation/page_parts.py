"""What does the page show of an evaluation?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.evaluation import checks
from tenure.evaluation.calibration import calibration
from tenure.evaluation.compare import Paired, intervals
from tenure.evaluation.curves import confusion, curves, residuals
from tenure.evaluation.details import (
    FORMAT,
    BatchRow,
    Details,
    Importances,
    JudgedRows,
    MetricRow,
    RecipeRow,
    SliceRow,
    Who,
)
from tenure.evaluation.importances import ROWS, importances, sample
from tenure.evaluation.judged import Judged
from tenure.evaluation.leakage import look
from tenure.evaluation.metrics import KNOWN, metrics_for, value_of
from tenure.evaluation.outputs import Outputs, Truth
from tenure.records import Candidate
from tenure.registry import load_candidate
from tenure.registry.frames import cast
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

Values = dict[str, tuple[float | None, float | None, float | None]]
"""Metric name → value, and the ends of its 95 % interval."""

SLICE_METRICS = {
    "binary": ("average_precision", "roc_auc", "recall"),
    "many": ("accuracy", "balanced_accuracy"),
    "regression": ("mean_absolute_error", "r2"),
}


@dataclass(slots=True, kw_only=True)
class Answers:
    """What the gate found, as the page needs it.

    Attributes:
        subject: what was judged.
        place: of the chosen contender.
        champion: its number, None where there is none.
        baseline: what a model that does not look says.
        slice_floors: outcomes by (column, value).
    """

    subject: checks.Subject
    place: int
    champion: int | None
    baseline: Outputs
    slice_floors: dict[tuple[str, str], list[Any]] = field(default_factory=dict)


def details_of(
    answers: Answers,
    paired: Paired | None,
    workspace: Workspace,
) -> Details:
    """Return everything that the page draws."""
    subject, judged = answers.subject, answers.subject.judged
    candidate = subject.contender.candidate
    details = empty_details(subject.spec, candidate, subject.primary.name)
    details["judged"] = _judged_rows(answers)
    everything, common = np.ones(len(judged.truth), dtype=bool), _common(judged)
    details["metrics"] = _metric_rows(answers, everything, subject.values)
    if common.any() and not common.all():
        details["compared"] = _metric_rows(answers, common, _values_on_common(answers))
    details["batches"] = _batch_rows(answers)
    details["recipes"] = _recipe_rows(answers, paired)
    details["slices"] = _slice_rows(answers)
    details["calibration"] = calibration(judged.truth, subject.contender.outputs)
    details["curves"] = curves(judged.truth, _lines(answers))
    details["confusion"] = confusion(judged.truth, subject.contender.outputs)
    details["residuals"] = residuals(
        judged.truth, subject.contender.outputs, judged.champion, judged.unseen
    )
    details["leakage"] = look(subject.spec, judged, candidate.features)
    details["importances"] = _importances(answers, workspace)
    details["notes"] = [*judged.notes, *_notes(answers, paired)]
    return details


def _common(judged: Judged) -> np.ndarray:
    """Return (n,) bool: rows on which candidate and champion can stand side by side."""
    return judged.unseen if judged.champion is not None else np.zeros(len(judged.truth), dtype=bool)


def _values_on_common(
    answers: Answers,
) -> Values:
    subject, judged, rows = answers.subject, answers.subject.judged, answers.subject.judged.unseen
    cluster = judged.cluster
    return intervals(
        metrics_for(judged.truth.kind),
        judged.truth.take(rows),
        subject.contender.outputs.take(rows),
        cluster=None if cluster is None else np.unique(cluster[rows], return_inverse=True)[1],
        resamples=subject.spec.evaluation.gate.resamples,
        seed=subject.seed,
    )


def _lines(answers: Answers) -> list[tuple[Who, Truth, Outputs]]:
    """Return whose curves are drawn: both on the same rows, or the candidate's alone on all."""
    judged, outputs = answers.subject.judged, answers.subject.contender.outputs
    rows = _common(judged)
    if judged.champion is None or not rows.any():
        return [("candidate", judged.truth, outputs)]
    truth = judged.truth.take(rows)
    return [
        ("candidate", truth, outputs.take(rows)),
        ("champion", truth, judged.champion.take(rows)),
    ]


def _importances(answers: Answers, workspace: Workspace) -> Importances | None:
    """Ask the newest fit that had not seen the newest judged rows."""
    subject, judged = answers.subject, answers.subject.judged
    rows = np.arange(len(judged.truth))
    if judged.method == "progressive":
        rows = np.flatnonzero(judged.batch == judged.batch.max())
    rows = rows[sample(judged.truth.take(rows), subject.seed)]
    asked = subject.contender.asked[-1]
    return importances(
        load_candidate(asked, workspace),
        cast(judged.frame.iloc[rows], asked.features),
        judged.truth.take(rows),
        subject.primary,
        rows_of=len(judged.truth),
        seed=subject.seed,
    )


def _notes(answers: Answers, paired: Paired | None) -> list[str]:
    judged = answers.subject.judged
    notes = []
    if paired is not None and len(judged.contenders) > 1:
        notes.append(
            f"The best of {len(judged.contenders)} spans was chosen on the rows that judge it; the "
            "gate's threshold allows for that choice."
        )
    if judged.champion is not None and not judged.unseen.all():
        notes.append(
            f"Version {answers.champion} was trained on {int((~judged.unseen).sum()):,} of the "
            f"{len(judged.truth):,} judged rows; the comparison leaves them out."
        )
    if len(judged.truth) > ROWS:
        notes.append(
            f"Importances were measured on {ROWS:,} of the judged rows; of two classes the rarer "
            "may take up to a third of them."
        )
    return notes


def empty_details(spec: ModelSpec, candidate: Candidate, primary: str) -> Details:
    """Return details without a section, for a candidate that could not be judged."""
    classes = [str(each) for each in candidate.classes]
    return Details(
        format=FORMAT,
        model=spec.name,
        candidate=candidate.id,
        task="regression" if candidate.task == "regression" else "classification",
        target=candidate.target,
        classes=classes,
        positive=classes[1] if len(classes) == 2 else None,
        primary=primary,
        judged=JudgedRows(
            method="progressive" if candidate.holdout is None else "holdout",
            rows=0,
            fitted_rows=candidate.training_set.rows,
            positives=None,
            class_rows=[],
            champion=None,
            compared_rows=0,
            seen_by_champion=0,
            clusters=0,
            clustered_by="rows",
            split="nothing",
            start_at=None,
            end_at=None,
        ),
        metrics=[],
        compared=[],
        batches=[],
        recipes=[],
        slices=[],
        calibration=None,
        curves=None,
        confusion=None,
        residuals=None,
        importances=None,
        leakage=None,
        agreement=None,
        notes=[],
    )


def _judged_rows(answers: Answers) -> JudgedRows:
    subject, judged = answers.subject, answers.subject.judged
    truth = judged.truth
    counts = np.bincount(truth.codes[truth.codes >= 0], minlength=len(truth.classes))
    has_champion = judged.champion is not None
    compared = int(judged.unseen.sum()) if has_champion else 0
    times = [each for each in judged.snapshots if each.start_at and each.end_at]
    start = min((each.start_at for each in times if each.start_at), default=None)
    end = max((each.end_at for each in times if each.end_at), default=None)
    return JudgedRows(
        method="progressive" if judged.method == "progressive" else "holdout",
        rows=len(truth),
        fitted_rows=subject.contender.candidate.training_set.rows,
        positives=int(truth.positive.sum()) if truth.kind == "binary" else None,
        class_rows=[
            {"class": str(name), "rows": int(count)}
            for name, count in zip(truth.classes, counts, strict=False)
        ],
        champion=answers.champion if has_champion else None,
        compared_rows=compared,
        seen_by_champion=len(truth) - compared if has_champion else 0,
        clusters=len(truth) if judged.cluster is None else int(judged.cluster.max(initial=-1)) + 1,
        clustered_by=judged.clustered_by,
        split=judged.split,
        start_at=start.isoformat() if start else None,
        end_at=end.isoformat() if end else None,
    )


def _metric_rows(
    answers: Answers,
    among: np.ndarray,
    values: Values,
) -> list[MetricRow]:
    """Return the candidate's values on some rows beside what others reach on the very same."""
    subject, judged = answers.subject, answers.subject.judged
    metrics = metrics_for(judged.truth.kind)
    is_common = bool(_common(judged)[among].all())
    of_champion = checks.values_on(metrics, judged, judged.champion if is_common else None, among)
    of_baseline = checks.values_on(metrics, judged, answers.baseline, among)
    rows = []
    for metric in metrics:
        value, low, high = values[metric.name]
        floor = subject.spec.evaluation.gates.get(metric.name) if among.all() else None
        side = None if floor is None else "at_least" if floor.at_least is not None else "at_most"
        limit = None if floor is None else floor.at_least
        rows.append(
            MetricRow(
                name=metric.name,
                primary=metric is subject.primary,
                higher_is_better=metric.higher_is_better,
                value=value,
                low=low,
                high=high,
                rows=int(among.sum()),
                champion=of_champion[metric.name],
                baseline=of_baseline[metric.name],
                floor=limit if floor is None or limit is not None else floor.at_most,
                floor_side=side,
            )
        )
    return rows


def _batch_rows(answers: Answers) -> list[BatchRow]:
    subject, judged = answers.subject, answers.subject.judged
    if judged.method != "progressive":
        return []
    rows = []
    for place, snapshot in enumerate(judged.snapshots):
        inside = judged.batch == place
        common = inside & _common(judged)
        inside = common if common.any() else inside
        truth = judged.truth.take(inside)
        champion = None
        if judged.champion is not None and common.any():
            champion = judged.champion.take(inside)
        rows.append(
            BatchRow(
                seq=snapshot.seq,
                snapshot=snapshot.digest,
                rows=int(inside.sum()),
                start_at=snapshot.start_at.isoformat() if snapshot.start_at else None,
                end_at=snapshot.end_at.isoformat() if snapshot.end_at else None,
                candidate=value_of(subject.primary, truth, subject.contender.outputs.take(inside)),
                champion=None if champion is None else value_of(subject.primary, truth, champion),
            )
        )
    return rows


def _recipe_rows(answers: Answers, paired: Paired | None) -> list[RecipeRow]:
    subject, judged = answers.subject, answers.subject.judged
    rows = []
    for place, each in enumerate(judged.contenders):
        error = None
        if paired is not None:
            error = float(np.sqrt(max(paired.evidence.covariance[place, place], 0.0)))
        difference = None if paired is None else float(paired.evidence.differences[place])
        rows.append(
            RecipeRow(
                recipe=each.candidate.recipe,
                span=each.candidate.training_set.span,
                candidate=each.candidate.id,
                rows=len(judged.truth),
                batches=len(judged.snapshots) if judged.method == "progressive" else 0,
                value=value_of(subject.primary, judged.truth, each.outputs),
                difference=difference,
                standard_error=error,
                chosen=place == answers.place,
            )
        )
    return rows


def _slice_rows(answers: Answers) -> list[SliceRow]:
    subject, judged = answers.subject, answers.subject.judged
    spec = subject.spec.evaluation
    floors = {floor.column: floor for floor in spec.slice_floors}
    columns = dict.fromkeys([*spec.slices, *floors])
    names = [*SLICE_METRICS[judged.truth.kind], subject.primary.name]
    names += [floor.metric for floor in spec.slice_floors]
    metrics = [KNOWN[name] for name in dict.fromkeys(names)]
    found = []
    for column in columns:
        least = floors[column].min_rows if column in floors else SMALL_SLICE
        for value, mask in checks.slice_rows(judged.frame, column):
            truth = judged.truth.take(mask)
            said = subject.contender.outputs.take(mask)
            values = intervals(
                metrics,
                truth,
                said,
                cluster=None,
                resamples=checks.SLICE_RESAMPLES,
                seed=subject.seed,
            )
            found.append(
                SliceRow(
                    column=column,
                    value=value,
                    rows=int(mask.sum()),
                    share=float(mask.mean()),
                    unknown=int(mask.sum()) < least,
                    metrics=[
                        {"name": name, "value": ends[0], "low": ends[1], "high": ends[2]}
                        for name, ends in values.items()
                    ],
                    floors=answers.slice_floors.get((column, value), []),
                )
            )
    return found


SMALL_SLICE = 30
