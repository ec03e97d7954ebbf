"""How do all models stand, asked with one query for each kind of thing?

What the page of the fleet shows of a thousand models, without a question for each of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from sqlalchemy import bindparam, func, select

from tenure.records import Decision, GateVerdict, Slot, from_json
from tenure.registry.chain import read_stamp, stamp
from tenure.registry.database import Database, driver_of
from tenure.registry.prepared import Prepared
from tenure.registry.tables import batches, decisions, evaluations, slots, versions

_NEWEST = select(func.max(decisions.c.seq)).group_by(decisions.c.model).scalar_subquery()
_LATEST = select(decisions.c.record, decisions.c.seq, decisions.c.as_of).where(
    decisions.c.seq.in_(_NEWEST)
)
_COURSE = Prepared(
    select(
        decisions.c.model,
        decisions.c.as_of,
        decisions.c.action,
        func.json_extract(decisions.c.record, "$.rule"),
    )
    .where(decisions.c.as_of >= bindparam("since"))
    .order_by(decisions.c.model, decisions.c.seq)
)
_BATCHES = select(
    batches.c.model, batches.c.state, func.count(), func.max(batches.c.arrived_at)
).group_by(batches.c.model, batches.c.state)
_VERSIONS = select(versions.c.model, func.max(versions.c.number)).group_by(versions.c.model)
"""A version's number is never reused, so the greatest is how many there were."""


_STAND_INS = (
    select(slots.c.model)
    .join(versions, (versions.c.model == slots.c.model) & (versions.c.number == slots.c.version))
    .join(evaluations, evaluations.c.digest == versions.c.evaluation)
    .where(slots.c.slot == Slot.CHAMPION.value)
    .where(func.json_extract(evaluations.c.record, "$.verdict") == GateVerdict.FALLBACK.value)
)


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
        found = (
            replace(
                from_json(Decision, orjson.loads(row.record)),
                seq=row.seq,
                as_of=read_stamp(row.as_of),
            )
            for row in rows
        )
        return {decision.model: decision for decision in found}

    def decided_since(self, since: datetime) -> dict[str, list[tuple[str, str, str]]]:
        """Return what was decided for each model, oldest first: time, action and rule as texts."""
        course: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        with self.database.reading() as connection:
            rows = _COURSE.run(driver_of(connection), {"since": stamp(since)})
            for model, at, action, rule in rows.fetchall():
                course[model].append((at, action, rule))
        return dict(course)

    def stood_in_for(self) -> set[str]:
        """Return the models whose champion is a fallback."""
        with self.database.reading() as connection:
            return set(connection.execute(_STAND_INS).scalars())

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
