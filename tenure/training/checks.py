"""May this data be trained on?

Every check looks, and all findings are told at once. Findings hold counts and names of columns,
never a value out of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any

import numpy as np

from tenure.registry.rows import Rows
from tenure.spec.model import DataSpec, Task, TrainingChecks

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason not to train."""

    check: str
    message: str


def check_data(
    rows: Rows, data: DataSpec, checks: TrainingChecks, now: datetime
) -> tuple[Finding, ...]:
    """Look at all rows that some span uses: labels, repetitions, gaps, age."""
    found = [
        _labels(rows, data, checks),
        _repeated(rows, data, checks),
        _gaps(rows, checks),
        _age(rows, checks, now),
    ]
    return tuple(finding for finding in found if finding is not None)


def check_target(target: Any, task: Task, checks: TrainingChecks) -> tuple[Finding, ...]:
    """Look at the labelled rows of one span: enough of them, and of each class.

    Args:
        target: pandas Series without missing values.
        task: what the estimator does.
        checks: the spec's limits.
    """
    found = []
    if len(target) < checks.min_rows:
        found.append(
            Finding(
                check="min_rows",
                message=f"{len(target)} rows with a label; wanted {checks.min_rows} or more",
            )
        )
    counts = target.value_counts()
    counts = counts[counts > 0]
    if task is Task.REGRESSION:
        if len(counts) == 1:
            found.append(Finding(check="constant_target", message="all rows have one target value"))
        return tuple(found)
    if len(counts) < 2:
        found.append(Finding(check="classes", message=f"{len(counts)} class(es); wanted 2 or more"))
    elif len(counts) > checks.max_classes:
        found.append(
            Finding(
                check="max_classes",
                message=f"{len(counts)} classes in {len(target)} rows; wanted "
                f"{checks.max_classes} or fewer (is the target a number or a key?)",
            )
        )
    elif counts.min() < checks.min_per_class:
        few = int((counts < checks.min_per_class).sum())
        found.append(
            Finding(
                check="min_per_class",
                message=f"{few} of {len(counts)} classes have fewer than {checks.min_per_class} "
                f"rows, the rarest has {int(counts.min())}",
            )
        )
    return tuple(found)


def _labels(rows: Rows, data: DataSpec, checks: TrainingChecks) -> Finding | None:
    if checks.min_label_share is None or not len(rows.labelled):
        return None
    share = float(rows.labelled.mean())
    if share >= checks.min_label_share:
        return None
    return Finding(
        check="min_label_share",
        message=f"a label '{data.target}' in {share:.1%} of {len(rows.labelled)} rows; wanted "
        f"{checks.min_label_share:.1%} or more",
    )


def _repeated(rows: Rows, data: DataSpec, checks: TrainingChecks) -> Finding | None:
    """By key under `reject`: none at all; else whole rows, up to a share."""
    n = len(rows.frame)
    if data.key:
        repeated = int(rows.frame.duplicated(subset=data.key).sum())
        if data.on_correction == "latest_wins" or not repeated:
            return None
        return Finding(
            check="duplicates",
            message=f"{repeated} of {n} rows repeat the key ({', '.join(data.key)}) of an earlier "
            "one; data.on_correction: latest_wins keeps the last of each",
        )
    if checks.max_duplicate_share is None or not n:
        return None
    share = float(repeated_rows(rows.frame).mean())
    if share <= checks.max_duplicate_share:
        return None
    return Finding(
        check="max_duplicate_share",
        message=f"{share:.1%} of {n} rows repeat an earlier one in every column; wanted "
        f"{checks.max_duplicate_share:.1%} or fewer",
    )


def repeated_rows(frame: Any) -> np.ndarray:
    """Return a mask of rows that repeat an earlier one in every column (by a 64-bit hash)."""
    util: Any = import_module("pandas.util")

    hashes = util.hash_pandas_object(frame, index=False)
    return hashes.duplicated().to_numpy()


def _gaps(rows: Rows, checks: TrainingChecks) -> Finding | None:
    if checks.max_gap_days is None or rows.times is None:
        return None
    times = np.sort(rows.times[~np.isnat(rows.times)])
    longest = float(np.diff(times).max() / DAY) if len(times) > 1 else 0.0
    if longest <= checks.max_gap_days:
        return None
    return Finding(
        check="max_gap_days",
        message=f"{longest:.1f} days without a row; wanted {checks.max_gap_days:g} or fewer",
    )


def _age(rows: Rows, checks: TrainingChecks, now: datetime) -> Finding | None:
    if checks.max_age_days is None or rows.times is None:
        return None
    times = rows.times[~np.isnat(rows.times)]
    if not len(times):
        return None
    age = float((np.datetime64(now.replace(tzinfo=None), "ns") - times.max()) / DAY)
    if age <= checks.max_age_days:
        return None
    return Finding(
        check="max_age_days",
        message=f"the newest row is {age:.1f} days old; wanted {checks.max_age_days:g} or fewer",
    )
