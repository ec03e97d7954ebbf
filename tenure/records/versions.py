"""What is known of a fit, from its training set to the slot that it holds?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tenure.records.data import Column, Outcome


class Stage(StrEnum):
    """How fit a version is."""

    REGISTERED = "registered"
    VALIDATED = "validated"
    REJECTED = "rejected"
    DEPRECATED = "deprecated"
    RETIRED = "retired"
    ARCHIVED = "archived"
    PURGED = "purged"


class Slot(StrEnum):
    """The places that a version may hold."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    SHADOW = "shadow"


class GateVerdict(StrEnum):
    """How a candidate did against what it was judged by; a fallback is never judged."""

    FIRST = "first"
    WINS = "wins"
    TIES = "ties"
    LOSES = "loses"
    FAILS_FLOOR = "fails_floor"
    UNKNOWN = "unknown"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """What a fit uses. Identity: digest of ordered snapshot digests, time bounds and row filter."""

    model: str
    digest: str
    snapshots: tuple[str, ...]
    span: str
    rows: int
    start_at: datetime | None = None
    end_at: datetime | None = None
    row_filter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a fit comes from and what it cost."""

    code_commit: str | None
    code_dirty: bool | None
    pipeline: str
    parameters: dict[str, Any]
    seed: int
    libraries: dict[str, str]
    python: str
    spec: str
    cpu_s: float
    wall_s: float
    peak_memory_bytes: int
    warm_started_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A fitted pipeline without a number.

    Identity: training set, spec's training part, code, environment, seed, holdout. `recipe` is the
    digest of what is fitted on whatever data (pipeline, parameters, span). `last_snapshot_seq` is
    the newest snapshot of its training set. `holdout` is None for a fit on every row of it; else
    the digest of a store object with the positions of the rows that were held out.
    """

    id: str
    model: str
    training_set: TrainingSet
    task: str
    target: str
    features: tuple[Column, ...]
    classes: tuple[Any, ...]
    object: str
    size: int
    globals: tuple[str, ...]
    recipe: str
    last_snapshot_seq: int
    lineage: Lineage
    holdout: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """A metric with its interval (95 %, by bootstrap or analytic) on `rows` rows."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """One question that the gate asked, and its answer in words."""

    name: str
    outcome: Outcome
    message: str
    wanted: str = ""
    got: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Candidate against champion on the same rows; a positive difference favours the candidate."""

    method: str
    metric: str
    rows: int
    batches: int
    champion: int
    champion_value: float | None
    candidate_value: float | None
    difference: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    rule: str
    z: float
    margin: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What is known of a candidate, and the gate's verdict. Identity: digest of its content.

    `details` is the digest of a JSON object in the store with what the page draws: slices, curves,
    calibration, importances, leakage.
    """

    model: str
    candidate: str
    verdict: GateVerdict
    promotes: bool
    reason: str
    primary: str
    metrics: tuple[MetricValue, ...]
    checks: tuple[GateCheck, ...]
    comparison: Comparison | None
    champion_epoch: int
    details: str
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One trained artifact, numbered, never reused."""

    model: str
    number: int
    stage: Stage
    candidate: str
    object: str
    size: int
    manifest: str
    evaluation: str
    training_set: str
    reason: str
    seq: int
    recorded_at: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Who holds a slot, since when. `epoch` grows by one at each change."""

    model: str
    slot: Slot
    version: int | None
    epoch: int
    since: datetime
    seq: int
    actor: str
    reason: str
