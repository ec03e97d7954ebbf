"""From where on is a window bad, and what may follow from it? The spec's words as plain values.

Every number of the owner stands here as it was written, beside the key that it was written under,
so that a decision can cite it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING

from tenure.records import Cause, Measure, Severity, digest_of, to_json

if TYPE_CHECKING:
    from tenure.spec import ModelSpec
    from tenure.spec.loop import Rung as RungSpec

P_VALUE_METHODS = frozenset({"ks", "chisquare"})
"""Evidently's methods whose score is a p-value: the smaller, the more drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A number that a measure crosses.

    `column` None means any column. `below` says that a smaller value crosses (a floor); a p-value
    crosses downwards by its method.
    """

    key: str
    measure: str
    threshold: float
    cause: Cause
    column: str | None = None
    below: bool = False

    def crossed_by(self, measure: Measure) -> bool:
        """Say whether a measure of this name crosses; what is unknown does not."""
        if measure.name != self.measure or measure.value is None:
            return False
        if self.column is not None and measure.column != self.column:
            return False
        if self.measure == "drifted":
            return bool(measure.drifted)
        if self.below:
            return measure.value < self.threshold
        if measure.method in P_VALUE_METHODS:
            return measure.value <= self.threshold
        return measure.value >= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One rung of the ladder: it fires in `wanted` of the last `among` windows and the last."""

    severity: Severity
    limits: tuple[Limit, ...]
    wanted: int = 2
    among: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All that the spec says about deciding; identity: digest of its content."""

    rungs: tuple[Rung, ...]
    dry_run: bool
    cooldown: timedelta
    max_attempts: int
    attempts_per_day: int
    when_attempts_spent: str
    max_unknown_windows: int
    max_cases_per_year: int
    approvals_wanted: int
    approve_within: timedelta
    when_not_answered: str
    may_leave_vacant: bool
    without_labels: timedelta | None = None

    @property
    def digest(self) -> str:
        """The identity that decisions cite."""
        plain = to_json_of(self)
        return digest_of(plain)


def to_json_of(policy: Policy) -> dict[str, object]:
    """Return a policy as plain JSON values; spans of time are seconds."""

    def plain(value: object) -> object:
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, tuple):
            return [to_json(each) for each in value]
        return value

    return {field.name: plain(getattr(policy, field.name)) for field in fields(policy)}


def policy_of(spec: ModelSpec) -> Policy:
    """Return what a spec says about deciding.

    Without rungs, calibrated drift of a column warns, and so does one that stands still or no
    longer does; a live metric below its gate retrains.
    """
    decisions = spec.decisions
    unlabelled = decisions.max_days_without_labels
    return Policy(
        rungs=tuple(_rungs(spec)),
        dry_run=decisions.dry_run,
        cooldown=timedelta(hours=decisions.cooldown_hours),
        max_attempts=decisions.max_attempts,
        attempts_per_day=decisions.attempts_per_day,
        when_attempts_spent=decisions.when_attempts_spent,
        max_unknown_windows=spec.monitoring.max_unknown_windows,
        max_cases_per_year=decisions.max_cases_per_year,
        approvals_wanted=spec.approvals_wanted,
        approve_within=timedelta(hours=decisions.approve_within_hours),
        when_not_answered=decisions.when_not_answered,
        may_leave_vacant=spec.deployment.may_leave_vacant,
        without_labels=timedelta(days=unlabelled) if unlabelled else None,
    )


def _rungs(spec: ModelSpec) -> Iterator[Rung]:
    monitoring = spec.monitoring
    said = {
        Severity.WARN: monitoring.warn,
        Severity.RETRAIN: monitoring.retrain,
        Severity.RETIRE: monitoring.retire,
    }
    for severity, rung in said.items():
        if rung is not None:
            wanted, among = rung.k_of_n
            limits = tuple(_limits(severity.value, rung))
            yield Rung(severity=severity, limits=limits, wanted=wanted, among=among)
        elif severity is Severity.WARN:
            yield Rung(severity=severity, limits=(_CALIBRATED, _STANDS_STILL))
        elif severity is Severity.RETRAIN and spec.evaluation.gates:
            yield Rung(severity=severity, limits=tuple(_gates(spec)))


_CALIBRATED = Limit(
    key="monitoring.thresholds", measure="drifted", threshold=0.0, cause=Cause.DRIFT
)

_STANDS_STILL = Limit(
    key="monitoring.warn.constant", measure="constant", threshold=1.0, cause=Cause.QUALITY
)


def _gates(spec: ModelSpec) -> Iterator[Limit]:
    for name, floor in spec.evaluation.gates.items():
        for bound, below in ((floor.at_least, True), (floor.at_most, False)):
            if bound is not None:
                yield Limit(
                    key=f"evaluation.gates.{name}",
                    measure=f"metric:{name}",
                    threshold=bound,
                    cause=Cause.PERFORMANCE,
                    below=below,
                )


_SHARES = {
    "share": ("drift_share", Cause.DRIFT),
    "weighted_share": ("weighted_drift_share", Cause.DRIFT),
    "score": ("drift", Cause.DRIFT),
    "prediction": ("prediction_drift", Cause.DRIFT),
    "missing_share": ("missing_share", Cause.QUALITY),
    "new_category_share": ("new_category_share", Cause.QUALITY),
    "out_of_range_share": ("out_of_range_share", Cause.QUALITY),
}


def _limits(rung: str, spec: RungSpec) -> Iterator[Limit]:
    where = f"monitoring.{rung}"
    for key, (measure, cause) in _SHARES.items():
        value = getattr(spec, key)
        if value is not None:
            yield Limit(key=f"{where}.{key}", measure=measure, threshold=value, cause=cause)
    for column, value in spec.columns.items():
        key = f"{where}.columns.{column}"
        yield Limit(key=key, measure="drift", threshold=value, cause=Cause.DRIFT, column=column)
    if spec.constant:
        key = f"{where}.constant"
        yield Limit(key=key, measure="constant", threshold=1.0, cause=Cause.QUALITY)
    if spec.volume_below is not None:
        yield Limit(
            key=f"{where}.volume_below",
            measure="volume_ratio",
            threshold=spec.volume_below,
            cause=Cause.QUALITY,
            below=True,
        )
    for below, floors in ((True, spec.metrics_below), (False, spec.metrics_above)):
        for name, value in floors.items():
            yield Limit(
                key=f"{where}.metrics_{'below' if below else 'above'}.{name}",
                measure=f"metric:{name}",
                threshold=value,
                cause=Cause.PERFORMANCE,
                below=below,
            )
