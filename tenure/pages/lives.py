"""What does the ledger know of a model's life?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tenure.monitoring.policy import Policy
from tenure.pages.happened import Stop, read_remarks, read_stops
from tenure.pages.watched import Seen, policy_if_any, read_seen
from tenure.records import (
    Assignment,
    AuditRow,
    Batch,
    Case,
    Evaluation,
    MetricValue,
    Rollout,
    Version,
)
from tenure.registry import Ledger
from tenure.workspace import Workspace

SHOWN_VERSIONS = 200
SHOWN_BATCHES = 400
SHOWN_CASES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A model as its page shows it.

    Versions and batches newest first; tenures, windows, cases, stops, remarks, rollouts oldest
    first.
    """

    model: str
    champion: Assignment | None
    versions: Sequence[tuple[Version, Evaluation]]
    tenures: Sequence[Assignment]
    batches: Sequence[Batch]
    now: datetime
    seen: Sequence[Seen] = ()
    cases: Sequence[Case] = ()
    policy: Policy | None = None
    stops: Sequence[Stop] = ()
    remarks: Sequence[AuditRow] = ()
    rollouts: Sequence[Rollout] = ()

    @property
    def open_case(self) -> Case | None:
        """The case that waits or is being carried out."""
        return next((case for case in self.cases if not case.is_over), None)

    @property
    def stop(self) -> Stop | None:
        """The halt that holds now."""
        return next((stop for stop in self.stops if stop.until is None), None)


def read_life(model: str, ledger: Ledger, workspace: Workspace) -> Life:
    """Return what the ledger knows of a model, the newest of it where there is much."""
    policy = policy_if_any(model, workspace)
    return Life(
        model=model,
        champion=ledger.slot(model),
        versions=[
            (version, ledger.evaluation(model, version.number))
            for version in ledger.versions(model, limit=SHOWN_VERSIONS)
        ],
        tenures=ledger.tenures(model),
        batches=ledger.batches(model, limit=SHOWN_BATCHES),
        now=workspace.clock.now(),
        policy=policy,
        seen=read_seen(model, ledger, policy),
        cases=ledger.cases(model, limit=SHOWN_CASES),
        stops=read_stops(model, ledger),
        remarks=read_remarks(model, ledger),
        rollouts=ledger.rollouts(model),
    )


def stretches(
    tenures: Sequence[Assignment], now: datetime
) -> list[tuple[Assignment, datetime | None]]:
    """Return each tenure with its end, None for the one that lasts; newest first."""
    ends: list[datetime | None] = [later.since for _, later in pairwise(tenures)]
    held = zip(tenures, [*ends, None], strict=True) if tenures else []
    return list(held)[::-1]


def primary_of(evaluation: Evaluation) -> MetricValue | None:
    """Return the metric that decides."""
    return next((m for m in evaluation.metrics if m.name == evaluation.primary), None)
