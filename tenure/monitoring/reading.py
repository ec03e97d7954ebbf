"""What is seen in one window of a model in office?

Reads the window's rows and compares them with the champion's reference; writes the stored Evidently
report and its page, and nothing into the ledger: whoever decides about the reading puts it there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tenure.errors import BadRows, NoChampion, TenureError
from tenure.monitoring import outputs
from tenure.monitoring.calibration import Asked, at_size, by_column, from_draws
from tenure.monitoring.columns import (
    ColumnReference,
    codes_of,
    comparable,
    is_there,
    method_of,
    watched,
)
from tenure.monitoring.corrections import labels_digest, takes_corrections
from tenure.monitoring.evidence import Compared, Evidence, NotJudged, Verdict, gather
from tenure.monitoring.measures import (
    column_measures,
    drift_measures,
    label_measures,
    prediction_measure,
    volume_measure,
)
from tenure.monitoring.references import Reference, keep_reference, load_reference, read_sample
from tenure.monitoring.rows import MOST_ROWS, WindowRows, collect, is_logged
from tenure.monitoring.window_pages import keep_page
from tenure.records import Assignment, Candidate, Measure, Reading, Window
from tenure.registry import open_ledger
from tenure.registry.readings import sealed, window_key
from tenure.registry.specs import spec_in_force
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

ACTOR = "system:monitor"
PREDICTION = "prediction"
_USUAL_AFTER = 3


def read_window(model: str, window: Window, workspace: Workspace) -> Reading:
    """Return what is seen in a window of the champion.

    What could not be computed is None in its measure, with the reason; where nothing can be said
    of the window as a whole, the reading has a reason itself. Neither is ever "no drift".

    Args:
        model: its name.
        window: which rows.
        workspace: where all is.

    Raises:
        ModelNotFound, BadSpec: there is no readable spec.
        NoChampion: nobody is in office.
    """
    spec, ledger = spec_in_force(model, workspace), open_ledger(workspace)
    slot = ledger.slot(model)
    if slot is None or slot.version is None:
        raise NoChampion(model=model)
    candidate = ledger.candidate(ledger.version(model, slot.version).candidate)
    assert candidate is not None
    try:
        kept = keep_reference(model, slot.version, workspace, actor=ACTOR)
        rows = collect(spec, slot.version, candidate, window, workspace)
    except TenureError as error:
        why = f"wrong schema: {error}" if isinstance(error, BadRows) else f"unreadable: {error}"
        return _unknown(spec, slot, window, why, WindowRows(rows=0, values={}), workspace)
    except (KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
        # Texts of pandas and Arrow may quote a row.
        why = f"unreadable: {type(error).__name__}"
        return _unknown(spec, slot, window, why, WindowRows(rows=0, values={}), workspace)
    seen = _Seen(
        spec=spec,
        slot=slot,
        candidate=candidate,
        window=window,
        reference=load_reference(kept, workspace),
        rows=rows,
        is_fallback=outputs.is_fallback(ledger.evaluation(model, slot.version)),
    )
    why = _whole(seen)
    if why:
        return _unknown(spec, slot, window, why, rows, workspace)
    return _judged(seen, workspace)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """All that a reading is made of."""

    spec: ModelSpec
    slot: Assignment
    candidate: Candidate
    window: Window
    reference: Reference
    rows: WindowRows
    is_fallback: bool

    @property
    def columns(self) -> list[ColumnReference]:
        """What the reference knows of the columns that today's spec watches."""
        named = {each.name for each in watched(self.candidate.features, self.spec.monitoring)}
        return [each for each in self.reference.columns if each.name in named]

    @property
    def about(self) -> dict[str, str]:
        """What a report says of itself."""
        return {
            "model": self.spec.name,
            "version": str(self.slot.version),
            "window": window_key(self.window)[:12],
            "rows": str(self.rows.rows),
            "reference_rows": str(self.reference.rows),
        }


def _whole(seen: _Seen) -> str:
    """Return why nothing can be said of the whole window, or nothing."""
    if seen.rows.wrong:
        return f"wrong schema: {'; '.join(seen.rows.wrong.values())}"
    least, n = seen.spec.monitoring.min_rows, seen.rows.rows
    if n < least:
        windows = f"; about {-(-least // n)} such windows would make one" if n else ""
        return f"{n} rows, and monitoring.min_rows is {least}{windows}"
    last = seen.window.first_seq
    if last is not None and last <= seen.candidate.last_snapshot_seq:
        return f"version {seen.slot.version} was trained on rows of this window"
    return ""


def _judged(seen: _Seen, workspace: Workspace) -> Reading:
    columns = seen.columns
    compared, reasons = _compared(seen, columns, workspace)
    answers, why_not = _compared_answers(seen, workspace)
    evidence: Evidence | None = None
    reason = ""
    try:
        if compared or answers:
            everything = [*compared, *([answers] if answers else [])]
            evidence = gather(everything, about=seen.about, workspace=workspace)
    except NotJudged as error:
        reason = error.reason
        reasons |= {each.name: error.reason for each in compared}
        why_not = why_not or error.reason
    verdicts = evidence.verdicts if evidence else {}
    measures: list[Measure] = []
    for each in columns:
        if each.name in seen.rows.values:
            measures += column_measures(each, seen.rows.values[each.name])
    named = _named(seen.spec)
    judged = [each for each in columns if each.can_drift or each.name in named]
    measures += drift_measures(judged, verdicts, reasons, _not_watched(seen, named))
    measures.append(_prediction(answers, verdicts, why_not))
    measures.append(volume_measure(seen.rows.rows, _usual(seen, workspace)))
    measures += label_measures(seen.spec, seen.candidate, seen.rows)
    return _sealed(
        seen.spec, seen.slot, seen.window, seen.rows, measures, reason, evidence, workspace
    )


def _named(spec: ModelSpec) -> list[str]:
    """Return the columns whose drift the owner asks for by name."""
    monitoring = spec.monitoring
    rungs = [each for each in (monitoring.warn, monitoring.retrain, monitoring.retire) if each]
    names = [*monitoring.columns, *monitoring.thresholds]
    names += [name for rung in rungs for name in rung.columns]
    return [name for name in dict.fromkeys(names) if name not in monitoring.leave_out]


def _not_watched(seen: _Seen, named: Sequence[str]) -> dict[str, str]:
    """Return what the owner names and the version does not know, or is a time."""
    known = {each.name for each in seen.columns}
    features = {each.name for each in seen.candidate.features}
    return {
        name: "times are not judged: they move by themselves"
        if name in features
        else f"version {seen.slot.version} has no such feature"
        for name in named
        if name not in known
    }


def _compared(
    seen: _Seen, columns: Sequence[ColumnReference], workspace: Workspace
) -> tuple[list[Compared], dict[str, str]]:
    """Return the columns that Evidently judges, and why it does not judge the others."""
    sample = read_sample(seen.reference.sample, workspace)
    reasons = dict(seen.rows.absent)
    pairs: list[tuple[ColumnReference, np.ndarray, np.ndarray]] = []
    chosen = _drawn(seen)
    for each in columns:
        if each.name not in seen.rows.values:
            continue
        if not each.can_drift:
            reasons[each.name] = (
                "the reference holds one value only"
                if each.stands_still
                else "it has too many different values to compare"
            )
            continue
        current = seen.rows.values[each.name][chosen]
        if not is_there(current).any():
            reasons[each.name] = "every value is missing"
            continue
        pairs.append((each, sample[each.name], current))
    thresholds = _thresholds(seen, pairs)
    found = []
    for each, before, after in pairs:
        if each.name not in thresholds:
            reasons[each.name] = "no threshold could be calibrated"
            continue
        found.append(_pair(each, each.name, seen, thresholds[each.name], before, after))
    return found, reasons


def _pair(
    column: ColumnReference,
    name: str,
    seen: _Seen,
    threshold: float,
    before: np.ndarray,
    after: np.ndarray,
) -> Compared:
    return Compared(
        name=name,
        kind=column.kind,
        method=method_of(column, seen.spec.monitoring),
        threshold=threshold,
        reference=comparable(before, column),
        current=comparable(after, column),
    )


def _drawn(seen: _Seen) -> np.ndarray:
    n = seen.rows.rows
    if n <= MOST_ROWS:
        return np.arange(n)
    seed = int(window_key(seen.window)[:8], 16)
    return np.sort(np.random.default_rng(seed).choice(n, MOST_ROWS, replace=False))


def _thresholds(
    seen: _Seen, pairs: Sequence[tuple[ColumnReference, np.ndarray, np.ndarray]]
) -> dict[str, float]:
    """Return from which score on each column drifts: the owner's number, else the calibrated."""
    monitoring, reference = seen.spec.monitoring, seen.reference
    kept = by_column(reference.thresholds)
    found: dict[str, float] = {}
    for each, before, _ in pairs:
        own = monitoring.thresholds.get(each.name, monitoring.threshold)
        if own is not None:
            found[each.name] = own
            continue
        known = kept.get(each.name)
        method = method_of(each, monitoring)
        if known is None or known.method != method:
            asked = _asked(each, method, before)
            known = _resampled(seen, [asked], len(reference.thresholds)).get(each.name)
        if known is not None:
            found[each.name] = at_size(known, seen.rows.rows, reference.calibration.window_rows)
    return found


def _asked(column: ColumnReference, method: str, before: np.ndarray) -> Asked:
    values = codes_of(comparable(before, column))
    window = np.zeros(len(values), dtype=np.int64)
    return Asked(name=column.name, kind=column.kind, method=method, values=values, window=window)


def _resampled(seen: _Seen, asked: list[Asked], columns: int) -> dict:
    """Calibrate for a method that the spec named after the reference was kept."""
    calibration = seen.reference.calibration
    found = from_draws(
        asked,
        calibration.window_rows,
        calibration.rate / max(columns, 1),
        reference_rows=seen.reference.rows,
        seed=seen.spec.training.seed,
    )
    return {each.column: each for each in found if np.isfinite(each.value)}


def _compared_answers(seen: _Seen, workspace: Workspace) -> tuple[Compared | None, str]:
    """Return the predictions as a column to judge, or why they are not judged."""
    reference = seen.reference
    if seen.is_fallback:
        return None, "a fallback's predictions are compared with nothing"
    if reference.predictions is None:
        return None, "no predictions of rows that the version had not seen were kept"
    if seen.rows.answers is None:
        return None, seen.rows.no_answers or "no predictions are known"
    current = outputs.said(seen.rows.answers, seen.candidate.classes)
    name = outputs.compared(tuple(each.name for each in reference.outputs), current)
    column = next((each for each in reference.outputs if each.name == name), None)
    if name is None or column is None or not column.can_drift:
        return None, "the predictions kept at registration are all alike"
    before = read_sample(reference.predictions, workspace)[name]
    after = current[name][_drawn(seen)]
    if not is_there(after).any():
        return None, "no prediction is a finite number or a known class"
    threshold = _answer_threshold(seen, column, before)
    if threshold is None:
        return None, "no threshold could be calibrated"
    return _pair(column, _free_name(seen), seen, threshold, before, after), ""


def _answer_threshold(seen: _Seen, column: ColumnReference, before: np.ndarray) -> float | None:
    method = method_of(column, seen.spec.monitoring)
    known = by_column(seen.reference.prediction_thresholds).get(column.name)
    if known is None or known.method != method:
        columns = len(seen.reference.thresholds)
        known = _resampled(seen, [_asked(column, method, before)], columns).get(column.name)
    if known is None:
        return None
    return at_size(known, seen.rows.rows, seen.reference.calibration.window_rows)


def _free_name(seen: _Seen) -> str:
    """Return a name for the predictions that no column has."""
    name = PREDICTION
    while name in {each.name for each in seen.reference.columns}:
        name += " "
    return name


def _prediction(answers: Compared | None, verdicts: object, why_not: str) -> Measure:
    verdict: Verdict | None = None
    if answers is not None and isinstance(verdicts, dict):
        verdict = verdicts.get(answers.name)
    return prediction_measure(verdict, why_not)


def _usual(seen: _Seen, workspace: Workspace) -> float | None:
    """Return how many rows a window usually has: by the training rows, or by earlier windows."""
    if seen.spec.monitoring.window.kind == "rows":
        return None
    if not is_logged(seen.spec):
        return seen.reference.usual_rows_of(seen.spec.monitoring.window)
    earlier = [
        each.rows
        for each in open_ledger(workspace).readings(seen.spec.name, limit=20)
        if each.window.kind == seen.window.kind and each.window != seen.window
    ]
    return float(np.median(earlier)) if len(earlier) >= _USUAL_AFTER else None


def _unknown(
    spec: ModelSpec,
    slot: Assignment,
    window: Window,
    reason: str,
    rows: WindowRows,
    workspace: Workspace,
) -> Reading:
    measures = drift_measures([], {}, {}, {})
    return _sealed(spec, slot, window, rows, measures, reason, None, workspace)


def _sealed(
    spec: ModelSpec,
    slot: Assignment,
    window: Window,
    rows: WindowRows,
    measures: list[Measure],
    reason: str,
    evidence: Evidence | None,
    workspace: Workspace,
) -> Reading:
    assert slot.version is not None
    earlier = open_ledger(workspace).reading_of(spec.name, slot.version, window)
    labelled = 0 if rows.target is None else sum(each is not None for each in rows.target)
    reading = Reading(
        model=spec.name,
        version=slot.version,
        epoch=slot.epoch,
        window=window,
        revision=earlier.revision + 1 if earlier else 1,
        rows=rows.rows,
        labelled_rows=labelled,
        measures=tuple(measures),
        reason=reason,
        evidently=evidence.digest if evidence else None,
        labels=labels_digest(rows.target) if takes_corrections(spec) else "",
    )
    return sealed(keep_page(reading, spec.monitoring.keep_pages, workspace))
