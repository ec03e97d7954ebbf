"""What flows between stages: frozen values that carry identities, never frames.

Each record carries the identity of the one before it, so lineage reads from either end:
Batch → Staged → ValidationReport → Snapshot → TrainingSet → Candidate → Evaluation → Version
→ Assignment.
Digests are lower-case sha256 in hexadecimal. Times are aware, in UTC. Order comes from `seq`.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

import orjson

R = TypeVar("R")


def canonical(value: Any) -> bytes:
    """Return one spelling of a JSON value: sorted keys, no blanks, floats that round-trip.

    >>> canonical({"b": 1, "a": 0.1})
    b'{"a":0.1,"b":1}'
    """
    return orjson.dumps(
        value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    )


def digest_of(value: Any) -> str:
    """Return the sha256 of a JSON value's canonical spelling."""
    return hashlib.sha256(canonical(value)).hexdigest()


def to_json(record: Any) -> dict[str, Any]:
    """Return a record as plain JSON values; `from_json` makes it again."""
    return orjson.loads(canonical(asdict(record)))


@cache
def _adapter(kind: type[Any]) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def from_json(kind: type[R], data: dict[str, Any]) -> R:
    """Make a record of `kind` from what `to_json` returned."""
    return _adapter(kind).validate_python(data)


class BatchState(StrEnum):
    """How far a batch has come."""

    ARRIVED = "arrived"
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"


class Outcome(StrEnum):
    """What a check found; `unknown` (it could not run) is never a pass."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


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
    """How a candidate did against what it was judged by."""

    FIRST = "first"
    WINS = "wins"
    TIES = "ties"
    LOSES = "loses"
    FAILS_FLOOR = "fails_floor"
    UNKNOWN = "unknown"


class ViolationKind(StrEnum):
    """What was wrong with data: a closed list."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    SCHEMA = "schema"
    TYPE = "type"
    MISSING = "missing"
    RANGE = "range"
    CATEGORY = "category"
    VOLUME = "volume"
    UNIQUE = "unique"
    PERSONAL = "personal"
    TIME = "time"
    RULE = "rule"
    COULD_NOT_RUN = "could_not_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as it is stored: name, type (spec.model.ColumnType), and its categories, if any."""

    name: str
    type: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Data as it arrived. Identity: (model, digest of its bytes)."""

    model: str
    digest: str
    name: str
    location: str
    size: int
    state: BatchState
    seq: int
    arrived_at: datetime
    snapshot: str | None = None
    report: str | None = None
    reason: str | None = None
    kept_object: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that was wrong with a batch; it names columns and counts, never a row's value."""

    rule: str
    kind: ViolationKind
    outcome: Outcome
    message: str
    column: str | None = None
    rows: int | None = None
    action: str = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A batch as read, typed and treated, before it is judged; a handle to a Parquet object.

    `object` is None where the bytes could not be read, or hold personal data that nobody declared;
    `violations` then says why. `digest` is that of canonical content (schema and values).
    `arrival` are the columns as they came, before treatment. `sealed` says that the batch's own
    bytes may be kept only sealed.
    """

    model: str
    batch: str
    object: str | None
    size: int
    digest: str | None
    rows: int
    columns: tuple[Column, ...]
    violations: tuple[Violation, ...]
    start_at: datetime | None = None
    end_at: datetime | None = None
    arrival: tuple[Column, ...] = ()
    sealed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """What validation found in one batch. Identity: digest of its content.

    `failed_rows` is the digest of a store object that maps rule ids to positions of failing rows,
    None if every failing rule concerns the whole batch. `rejected_object` is that of a Parquet
    object with the rows that were split off, treated, each with the rules that it failed.
    """

    model: str
    batch: str
    outcome: Outcome
    violations: tuple[Violation, ...]
    rows: int
    rejected_rows: int
    tagged_rows: int
    suite: str
    checks: int
    failed_rows: str | None = None
    rejected_object: str | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One accepted batch, immutable. Identity: digest of canonical content (schema and values)."""

    model: str
    digest: str
    batch: str
    object: str
    size: int
    rows: int
    columns: tuple[Column, ...]
    report: str
    seq: int = 0
    start_at: datetime | None = None
    end_at: datetime | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One line of the ledger's record, chained by digest to the one before it."""

    seq: int
    recorded_at: datetime
    as_of: datetime
    kind: str
    model: str | None
    actor: str
    reason: str
    evidence: str
    body: dict[str, Any] = field(default_factory=dict)
    previous: str = ""
    digest: str = ""
