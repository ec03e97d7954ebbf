"""How do all models stand, asked with one query for each kind of thing?

What the page of the fleet shows of a thousand models, without a question for each of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import bindparam, func, select

from tenure.records import Action, Decision, from_json
from tenure.registry.chain import read_stamp, stamp
from tenure.registry.database import Database
from tenure.registry.tables import batches, decisions, readings, versions

_NEWEST = select(func.max(decisions.c.seq)).group_by(decisions.c.model).scalar_subquery()
_LATEST = select(decisions.c.record, decisions.c.seq, decisions.c.as_of).where(
    decisions.c.seq.in_(_NEWEST)
)
_COURSE = (
    select(decisions.c.model, decisions.c.as_of, decisions.c.action)
    .where(decisions.c.as_of >= bindparam("since"))
    .order_by(decisions.c.model, decisions.c.seq)
)
_UNKNOWN = select(readings.c.digest).where(
    readings.c.digest.in_(bindparam("digests", expanding=True)),
    func.json_extract(readings.c.record, "$.reason") != "",
)
_BATCHES = select(
    batches.c.model, batches.c.state, func.count(), func.max(batches.c.arrived_at)
).group_by(batches.c.model, batches.c.state)
_VERSIONS = select(versions.c.model, func.max(versions.c.number)).group_by(versions.c.model)
"""A version's number is never reused, so the greatest is how many there were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCount:
    """How many batches of a model are in a state, and when the newest of them came."""

    count: int
    newest_at: datetime


class FleetBook:
    """The part of the ledger that is asked about all models at once."""

    database: Database

    def latest_decisions(self) -> dict[str, Decision]:
        """Return each model's newest decision."""
        with self.database.reading() as connection:
            rows = connection.execute(_LATEST).all()
        found = (from_json(Decision, orjson.loads(row.record)) for row in rows)
        return {decision.model: decision for decision in found}

    def decided_since(self, since: datetime) -> dict[str, list[tuple[datetime, Action]]]:
        """Return when which action was decided for each model, oldest first."""
        course: dict[str, list[tuple[datetime, Action]]] = defaultdict(list)
        actions = {action.value: action for action in Action}
        with self.database.reading() as connection:
            for model, as_of, action in connection.execute(_COURSE, {"since": stamp(since)}):
                course[model].append((read_stamp(as_of), actions[action]))
        return dict(course)

    def unknown_among(self, digests: Sequence[str]) -> set[str]:
        """Return which of these readings are of windows that could not be judged as a whole."""
        unknown: set[str] = set()
        with self.database.reading() as connection:
            for start in range(0, len(digests), 500):
                asked = {"digests": list(digests[start : start + 500])}
                unknown.update(connection.execute(_UNKNOWN, asked).scalars())
        return unknown

    def batch_counts(self) -> dict[str, dict[str, BatchCount]]:
        """Return how many batches of each model are in which state."""
        counts: dict[str, dict[str, BatchCount]] = defaultdict(dict)
        with self.database.reading() as connection:
            for model, state, count, newest in connection.execute(_BATCHES):
                counts[model][state] = BatchCount(count=count, newest_at=read_stamp(newest))
        return dict(counts)

    def version_counts(self) -> dict[str, int]:
        """Return how many versions each model has had."""
        with self.database.reading() as connection:
            rows = connection.execute(_VERSIONS).all()
        return {row[0]: row[1] for row in rows}
