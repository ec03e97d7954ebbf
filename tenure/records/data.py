"""What is known of data as it arrives, is judged and is kept?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
class AskedRule:
    """One rule that a batch was asked, whether it holds or not.

    `columns` is empty for a rule about all columns or none. `failed_rows` is None for a rule that
    judges the batch as a whole, or could not run.
    """

    rule: str
    outcome: Outcome
    columns: tuple[str, ...] = ()
    failed_rows: int | None = None


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
    object with the rows that rules split off, treated, each with the rules that it failed; where
    the batch is refused they stay with it. `asked` are all rules, those that hold too; empty in
    reports of earlier releases.
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
    asked: tuple[AskedRule, ...] = ()
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
