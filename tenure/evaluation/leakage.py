"""Does a feature know the target?

Looked for on the judged rows, in a holdout on fitted ones too: features that determine the target
exactly, features of which the target is a sum or a difference, single features that rank it almost
perfectly, rows that the fit had met before, and times that lie after the row's own. Copies of a row
count once, and of a group one row: what repeats with its whole row proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tenure.evaluation.bootstrap import exact_areas
from tenure.evaluation.details import Leakage, LeakageFinding
from tenure.evaluation.judged import Judged, row_hashes
from tenure.evaluation.outputs import Truth
from tenure.evaluation.partial_sums import exact_parts
from tenure.records import Column, GateCheck, Outcome
from tenure.spec.model import ModelSpec
from tenure.spec.times import row_times

FEWEST_ROWS = 50
FEWEST_REPEATED = 10
"""Rows of every class (or beside the commonest number) that must repeat a feature's value before
its values can be said to determine the target."""
LEAST_REPEATED_SHARE = 0.5
"""Share of rows that must: a few amounts that only fraud uses say nothing of all the others."""
STRONG = 0.99
REPEATED_SHARE = 0.01
NUMBERS = {"int64", "float64", "bool"}


def look(spec: ModelSpec, judged: Judged, features: tuple[Column, ...]) -> Leakage:
    """Return what was looked for and found."""
    frame, truth = _once(judged, spec, [each.name for each in features])
    accepted = set(spec.evaluation.leakage.accept)
    findings: list[LeakageFinding] = []
    if len(truth) >= FEWEST_ROWS:
        for column in features:
            found = _single(column, frame[column.name], truth, accepted)
            findings += [found] if found is not None else []
        known = {
            name for each in findings if each["kind"] == "determines" for name in each["columns"]
        }
        findings += _sums(frame, truth, features, accepted, known)
        findings += _times(spec, frame, features, accepted)
    findings += _repeated(judged, spec)
    order = {"fail": 0, "warn": 1, "pass": 2}
    findings.sort(key=lambda each: order[each["outcome"]])
    return Leakage(
        rows=len(truth),
        rows_of=len(judged.looked_at[1]),
        accepted=sorted(accepted),
        findings=findings,
    )


def _once(judged: Judged, spec: ModelSpec, features: list[str]) -> tuple[Any, Truth]:
    frame, truth = judged.looked_at
    if spec.data.group:
        first = ~frame[spec.data.group].duplicated().to_numpy()
    else:
        _, places = np.unique(row_hashes(frame[features]), return_index=True)
        first = np.isin(np.arange(len(frame)), places)
    return frame.loc[first], truth.take(first)


def leakage_check(found: Leakage, model: str) -> GateCheck:
    """Return the gate's question about leakage with its answer."""
    worst = [each for each in found["findings"] if each["outcome"] == "fail"]
    if worst:
        return GateCheck(
            name="leakage",
            outcome=Outcome.FAIL,
            message=f"Leakage in '{model}': " + " ".join(each["message"] for each in worst),
            wanted="no feature that knows the target (evaluation.leakage.accept lists exceptions)",
            got=f"{len(worst)} finding(s)",
        )
    mild = [each for each in found["findings"] if each["outcome"] == "warn"]
    if mild:
        text = " ".join(each["message"] for each in mild)
        return GateCheck(name="leakage", outcome=Outcome.WARN, message=text)
    seen = f"No feature knows the target on {found['rows']:,} rows."
    few = f"Too few rows ({found['rows']}) to look for leakage."
    return GateCheck(
        name="leakage",
        outcome=Outcome.PASS if found["rows"] >= FEWEST_ROWS else Outcome.WARN,
        message=seen if found["rows"] >= FEWEST_ROWS else few,
    )


def _finding(
    kind: Any,
    columns: Iterable[str],
    message: str,
    value: float | None,
    *,
    is_accepted: bool,
    outcome: Any = "fail",
) -> LeakageFinding:
    return LeakageFinding(
        kind=kind,
        columns=list(columns),
        outcome="pass" if is_accepted else outcome,
        accepted=is_accepted,
        message=message,
        value=value,
    )


def _single(column: Column, values: Any, truth: Truth, accepted: set[str]) -> LeakageFinding | None:
    """Look at one feature alone."""
    is_accepted = column.name in accepted
    if determines(values, truth, is_number=column.type in NUMBERS):
        message = f"'{column.name}' alone determines the target exactly."
        return _finding("determines", [column.name], message, 1.0, is_accepted=is_accepted)
    strength = strength_of(values, truth, is_number=column.type in NUMBERS)
    if strength is None or strength <= STRONG:
        return None
    measure = "R²" if truth.kind == "regression" else "an AUC"
    message = f"'{column.name}' alone reaches {measure} of {strength:.3f}."
    return _finding(
        "strong_feature", [column.name], message, strength, is_accepted=is_accepted, outcome="warn"
    )


def _target(truth: Truth) -> np.ndarray:
    return truth.values if truth.kind == "regression" else truth.codes.astype(np.float64)


def determines(values: Any, truth: Truth, *, is_number: bool) -> bool:
    """Say whether a feature's values leave no doubt about the target.

    By repeated values that always meet the same target; for numbers also by order: a strictly
    monotone function of the target, or classes that fall into one stretch each.
    """
    import pandas as pd

    there = values.notna().to_numpy()
    target = _target(truth)[there]
    if len(target) < FEWEST_ROWS or (target == target[0]).all():
        return False
    codes = pd.factorize(values[there])[0]
    if _by_repetition(codes, target, by_class=truth.kind != "regression"):
        return True
    if not is_number:
        return False
    numbers = values[there].to_numpy(dtype=np.float64)
    order = np.lexsort((target, numbers))
    numbers, target = numbers[order], target[order]
    moved = np.diff(numbers) > 0
    steps = np.diff(target)
    if (steps[~moved] != 0).any():
        return False
    if truth.kind == "regression":
        distinct = len(np.unique(target))
        one_way = (steps[moved] > 0).all() or (steps[moved] < 0).all()
        return bool(one_way and distinct >= FEWEST_ROWS)
    classes, counts = np.unique(target, return_counts=True)
    return bool((steps != 0).sum() == len(classes) - 1 and counts.min() >= FEWEST_REPEATED)


def _by_repetition(codes: np.ndarray, target: np.ndarray, *, by_class: bool) -> bool:
    sizes = np.bincount(codes)
    again = sizes[codes] > 1
    if again.mean() < LEAST_REPEATED_SHARE:
        return False
    order = np.argsort(codes, kind="stable")
    same = codes[order][1:] == codes[order][:-1]
    if (target[order][1:] != target[order][:-1])[same].any():
        return False
    classes, counts = np.unique(target[again], return_counts=True)
    if len(classes) < 2 or (by_class and len(classes) < len(np.unique(target))):
        return False
    rarest = counts.min() if by_class else counts.sum() - counts.max()
    return bool(rarest >= FEWEST_REPEATED)


def strength_of(values: Any, truth: Truth, *, is_number: bool) -> float | None:
    """Return how well one feature alone ranks (AUC, of the best class) or explains (R²) the target.

    A feature that is no number is first replaced by the target's mean of its value, learned on
    every other row and judged on the rest.
    """
    there = values.notna().to_numpy()
    if there.sum() < FEWEST_ROWS:
        return None
    truth = truth.take(there)
    if not is_number:
        return _strength_by_value(values[there], truth)
    numbers = values[there].to_numpy(dtype=np.float64)
    if truth.kind == "regression":
        return _explained(numbers, truth.values)
    return max(
        (abs(exact_areas(numbers, truth.codes == code)[0] - 0.5) + 0.5
         for code in range(len(truth.classes))
         if 0 < (truth.codes == code).sum() < len(truth)),
        default=None,
    )  # fmt: skip


def _strength_by_value(values: Any, truth: Truth) -> float | None:
    import pandas as pd

    codes = pd.factorize(values)[0]
    learn = np.arange(len(codes)) % 2 == 0
    places = range(1) if truth.kind == "regression" else range(len(truth.classes))
    best: float | None = None
    for place in places:
        target = truth.values if truth.kind == "regression" else (truth.codes == place) * 1.0
        sums = np.bincount(codes[learn], weights=target[learn], minlength=codes.max() + 1)
        counts = np.bincount(codes[learn], minlength=codes.max() + 1)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), target[learn].mean())
        said, rest = means[codes[~learn]], target[~learn]
        if truth.kind == "regression":
            found = _explained(said, rest)
        elif 0 < rest.sum() < len(rest):
            found = exact_areas(said, rest > 0)[0]
        else:
            continue
        best = found if best is None or (found is not None and found > best) else best
    return best


def _explained(numbers: np.ndarray, target: np.ndarray) -> float | None:
    """Return the larger of the squared correlations of values and of ranks."""
    from scipy.stats import rankdata

    if np.ptp(numbers) == 0 or np.ptp(target) == 0:
        return None
    plain = np.corrcoef(numbers, target)[0, 1] ** 2
    ranks = np.corrcoef(rankdata(numbers), rankdata(target))[0, 1] ** 2
    return float(max(plain, ranks))


def _sums(
    frame: Any,
    truth: Truth,
    features: tuple[Column, ...],
    accepted: set[str],
    known: set[str],
) -> list[LeakageFinding]:
    """Look for features whose sum, with weights, is the target; again without accepted ones."""
    names = [each.name for each in features if each.type in NUMBERS and each.name not in known]
    findings = []
    while names:
        parts = exact_parts(frame[names], _target(truth))
        if not parts:
            break
        is_accepted = {name for name, _ in parts} <= accepted
        words = " ".join(f"{_weight(weight)} '{name}'" for name, weight in parts).removeprefix("+ ")
        findings.append(
            _finding(
                "sum_of_parts",
                [name for name, _ in parts],
                f"The target is {words}.",
                1.0,
                is_accepted=is_accepted,
            )
        )
        if not is_accepted:
            break
        names = [name for name in names if name not in accepted]
    return findings


def _weight(weight: float) -> str:
    sign = "+" if weight >= 0 else "−"
    return sign if abs(abs(weight) - 1) < 1e-6 else f"{sign} {abs(weight):.4g} ×"


def _times(
    spec: ModelSpec, frame: Any, features: tuple[Column, ...], accepted: set[str]
) -> list[LeakageFinding]:
    """Look for times among the features that lie after the row's own."""
    own = row_times(frame, spec.data)
    if own is None:
        return []
    findings = []
    for column in features:
        if column.type not in ("date", "datetime"):
            continue
        values = frame[column.name]
        if values.dt.tz is not None:
            values = values.dt.tz_convert("UTC").dt.tz_localize(None)
        later = values.to_numpy(dtype="datetime64[ns]") > own
        if later.any():
            message = f"'{column.name}' lies after the row's own time in {int(later.sum())} rows."
            is_accepted = column.name in accepted
            share = float(later.mean())
            findings.append(
                _finding("time_travel", [column.name], message, share, is_accepted=is_accepted)
            )
    return findings


def _repeated(judged: Judged, spec: ModelSpec) -> list[LeakageFinding]:
    """Look at judged rows that the fit had met: refused where rows say who or when they are."""
    if not judged.repeated:
        return []
    share = judged.repeated / max(len(judged.truth), 1)
    if share <= REPEATED_SHARE:
        return []
    tells = bool(spec.data.key or spec.data.time)
    message = (
        f"{judged.repeated} of {len(judged.truth)} judged rows repeat a fitted row in every column."
    )
    return [
        _finding(
            "duplicates", [], message, share, is_accepted=False, outcome="fail" if tells else "warn"
        )
    ]
