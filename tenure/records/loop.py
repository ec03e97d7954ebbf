"""What is known of a model in office: what a monitor saw, what was decided, what became of it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a window is; `unknown` stands outside the order and counts for neither side."""

    OK = "ok"
    WARN = "warn"
    RETRAIN = "retrain"
    RETIRE = "retire"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Its place in the order ok < warn < retrain < retire; -1 for unknown."""
        return _RANKS[self]


_RANKS = {
    Severity.UNKNOWN: -1,
    Severity.OK: 0,
    Severity.WARN: 1,
    Severity.RETRAIN: 2,
    Severity.RETIRE: 3,
}


class Action(StrEnum):
    """What a decision asks for, mildest first."""

    KEEP = "keep"
    WARN = "warn"
    RETRAIN = "retrain"
    RETIRE = "retire"
    PROMOTE = "promote"
    """Only of a case: a version that won waits for people's word."""


class Cause(StrEnum):
    """Why something was decided: a closed list."""

    NONE = "none"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    QUALITY = "quality"
    AGE = "age"
    NO_LABELS = "no_labels"
    UNKNOWN = "unknown"
    SUPERSEDED = "superseded"
    BUSINESS = "business"
    BETTER = "better"


class CaseState(StrEnum):
    """How far a case has come; `waiting` for a person, `open` while it is carried out."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The rows that one monitoring run judges. Identity: model, kind, bounds.

    Bounds are [start_at, end_at) in data time; by arrival sequence (`first_seq` to `last_seq`,
    both included) where the spec has no time.
    """

    model: str
    kind: str
    start_at: datetime | None = None
    end_at: datetime | None = None
    first_seq: int | None = None
    last_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number about a window, before anybody judges it.

    `value` None means that it could not be computed, and `reason` says why: unknown, never "no
    drift". `threshold` is that of the column's own drift verdict (the owner's or calibrated), in
    the unit of `value`; `drifted` is Evidently's verdict read back from its snapshot. `weight` is
    the column's share of the model's importances, 0..1. Names: `drift`, `missing_share`,
    `new_category_share`, `out_of_range_share`, `constant` (with a column), `drift_share`,
    `weighted_drift_share`, `prediction_drift`, `volume_ratio`, `label_coverage_share`, and
    `metric:NAME` on labels.
    """

    name: str
    cause: Cause
    value: float | None
    column: str | None = None
    method: str = ""
    threshold: float | None = None
    drifted: bool | None = None
    weight: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a monitor saw in one window. Identity: window, version, revision.

    `reason` is why the whole window is unknown, empty otherwise. `evidently` is the digest of the
    stored Evidently snapshot that verdicts were read from. `page` is a path below the pages folder.
    `labels` tells whether the truth of its rows is still the one that it was read with; empty where
    none is known. `digest` is that of the content without `seq` and `as_of`.
    """

    model: str
    version: int
    epoch: int
    window: Window
    revision: int
    rows: int
    labelled_rows: int
    measures: tuple[Measure, ...]
    reason: str = ""
    evidently: str | None = None
    page: str | None = None
    labels: str = ""
    digest: str = ""
    seq: int = 0
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the ladder made of the readings. Identity: digest of readings, policy and epoch.

    `rule` is the rung or guard in the spec's words (`monitoring.retire.share`), `held_back` the
    guards that made it milder than `wanted`, each in a sentence. `readings` are digests, newest
    last; `policy` is the digest of the policy that judged them.
    """

    id: str
    model: str
    version: int
    epoch: int
    action: Action
    wanted: Action
    cause: Cause
    rule: str
    reason: str
    held_back: tuple[str, ...]
    readings: tuple[str, ...]
    policy: str
    dry_run: bool = False
    seq: int = 0
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStep:
    """One step of a case that was carried out, with its facts (sizes, addresses, epochs)."""

    name: str
    at: datetime
    actor: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who answered a case, how and why."""

    by: str
    approved: bool
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An open decision that is being carried out. Identity: that of its decision.

    `approvals_wanted` is 0 (automatic), 1 or 2 (four eyes). At `deadline_at` the action
    `on_timeout` (`retire` or `keep`) is taken. `outcome` is a sentence once it is over; `record`
    the digest of the signed RetirementRecord.
    """

    id: str
    model: str
    version: int
    epoch: int
    action: Action
    cause: Cause
    reason: str
    state: CaseState
    opened_by: str
    opened_at: datetime
    approvals_wanted: int = 0
    approvals: tuple[Approval, ...] = ()
    deadline_at: datetime | None = None
    on_timeout: str = "keep"
    successor: int | None = None
    steps: tuple[CaseStep, ...] = ()
    outcome: str = ""
    record: str | None = None
    closed_at: datetime | None = None
    seq: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in (CaseState.CLOSED, CaseState.DECLINED)

    @property
    def occupies(self) -> str:
        """What has one open case at a time: the model, or a former champion that is put away.

        Housekeeping of a version that was replaced, or one that waits to take office, never holds
        up what the champion needs.
        """
        if self.action is Action.PROMOTE:
            return f"{self.model}/next"
        replaced = self.cause is Cause.SUPERSEDED
        return f"{self.model}/{self.version}" if replaced else self.model

    def done(self, step: str) -> CaseStep | None:
        """Return a step if it was carried out."""
        return next((one for one in self.steps if one.name == step), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Who stopped the automation of a model (or of all: model None), since when, and why."""

    model: str | None
    by: str
    reason: str
    since: datetime
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetirementRecord:
    """What became of a retired version; signed, and the last page of its life.

    `steps` are those of the case, `kept` says what happens to each kind of data (keep, delete,
    hold, and until when), `freed_bytes` what left the store and `memory_freed_bytes` what the
    prediction server gave back (None where none ran). `checklist` names what decommissioning asks
    for, each with the step that did it; `asked` says how often the version was asked in its last
    days, as far as log and servers know; `copies` are those written out for other servers, which a
    retirement does not reach, each with when, by whom and where to; `head` is the ledger's when the
    record was written.
    """

    case: str
    model: str
    version: int
    cause: Cause
    reason: str
    decided_by: str
    approvals: tuple[Approval, ...]
    successor: int | None
    successor_kind: str
    epoch_before: int
    epoch_after: int | None
    served_from: datetime | None
    served_until: datetime | None
    steps: tuple[CaseStep, ...]
    kept: dict[str, Any]
    freed_bytes: int
    memory_freed_bytes: int | None
    closed_at: datetime
    checklist: dict[str, str] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    copies: tuple[dict[str, str], ...] = ()
    head: str = ""
