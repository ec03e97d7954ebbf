"""Which versions does a model have, and how fit is each?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, func, insert, select

from tenure.errors import BadAuditEntry, CandidateNotFound, VersionNotFound
from tenure.records import (
    Candidate,
    Evaluation,
    GateVerdict,
    Slot,
    Stage,
    Version,
    canonical,
    digest_of,
    from_json,
    to_json,
)
from tenure.registry.candidates import read_candidate
from tenure.registry.chain import read_stamp
from tenure.registry.database import Database, Writing
from tenure.registry.halts import check_halt
from tenure.registry.leases import Lease, check_lease
from tenure.registry.tables import batches, candidates, evaluations, slots, versions

FIT_VERDICTS = frozenset({GateVerdict.FIRST, GateVerdict.WINS, GateVerdict.FALLBACK})
"""With these a version is validated; with any other it is rejected."""

_COLUMNS = [column for column in versions.c if column.name != "served_epoch"]
_ONE = select(*_COLUMNS).where(
    versions.c.model == bindparam("model"), versions.c.number == bindparam("number")
)
_OF_CANDIDATE = select(*_COLUMNS).where(versions.c.candidate == bindparam("candidate"))
_NEWEST_NUMBER = select(func.max(versions.c.number)).where(versions.c.model == bindparam("model"))
_PAGE = (
    select(*_COLUMNS)
    .where(versions.c.model == bindparam("model"), versions.c.number < bindparam("before"))
    .order_by(versions.c.number.desc())
    .limit(bindparam("limit"))
)
_IS_FIT = func.json_extract(evaluations.c.record, "$.verdict") != GateVerdict.FALLBACK.value
_NEWEST_FIT = (
    select(*_COLUMNS)
    .join(evaluations, evaluations.c.digest == versions.c.evaluation)
    .where(versions.c.model == bindparam("model"), _IS_FIT)
    .order_by(versions.c.number.desc())
    .limit(1)
)
_STANDBY = (
    select(*_COLUMNS)
    .join(evaluations, evaluations.c.digest == versions.c.evaluation)
    .where(
        _IS_FIT,
        versions.c.model == bindparam("model"),
        versions.c.stage == Stage.VALIDATED.value,
        versions.c.served_epoch.is_not(None),
        versions.c.number
        != func.coalesce(
            select(slots.c.version)
            .where(slots.c.model == bindparam("model"), slots.c.slot == Slot.CHAMPION.value)
            .scalar_subquery(),
            0,
        ),
    )
    .order_by(versions.c.served_epoch.desc())
    .limit(bindparam("limit"))
)
_FALLBACKS = (
    select(*_COLUMNS)
    .join(evaluations, evaluations.c.digest == versions.c.evaluation)
    .where(versions.c.model == bindparam("model"), versions.c.stage == Stage.VALIDATED.value)
    .where(~_IS_FIT)
    .order_by(versions.c.number.desc())
)
_EVALUATION = select(evaluations.c.record).where(evaluations.c.digest == bindparam("digest"))
_MODELS = (
    select(batches.c.model)
    .union(select(candidates.c.model), select(versions.c.model))
    .order_by("model")
)


def record_columns() -> list[Any]:
    """Return the columns that `as_version` reads."""
    return list(_COLUMNS)


def as_version(row: Row[Any]) -> Version:
    """Return a stored row as the record that others read."""
    values = row._asdict()
    values["stage"] = Stage(values["stage"])
    for name in ("recorded_at", "as_of"):
        values[name] = read_stamp(values[name])
    return Version(**values)


def newest_number(connection: Connection, model: str) -> int:
    """Return the highest number that was given, 0 before the first."""
    return connection.execute(_NEWEST_NUMBER, {"model": model}).scalar() or 0


class VersionBook:
    """The part of the ledger about versions and what the gate said of them."""

    database: Database

    def register_version(
        self,
        candidate: Candidate,
        evaluation: Evaluation,
        seal: Callable[[int], str],
        *,
        actor: str,
        lease: Lease | None = None,
    ) -> Version:
        """Give a judged candidate its number; a candidate that has one keeps it.

        `seal` is given the number, puts the signed manifest into the store and returns its digest.

        Raises:
            CandidateNotFound: the candidate is not on record.
            LeaseLost: the lease has ended or passed to another.
            Halted: automation of the model is halted, and the actor is no person.
        """
        if evaluation.candidate != candidate.id:
            raise BadAuditEntry(
                field="evidence",
                got=f"the evaluation of candidate {evaluation.candidate}",
                wanted=f"that of {candidate.id}",
            )
        with self.database.writing() as write:
            check_lease(write.connection, lease)
            known = write.connection.execute(_OF_CANDIDATE, {"candidate": candidate.id}).first()
            if known is not None:
                return as_version(known)
            check_halt(write.connection, candidate.model, actor)
            if read_candidate(write.connection, candidate.id) is None:
                raise CandidateNotFound(candidate=candidate.id)
            number = newest_number(write.connection, candidate.model) + 1
            _give_number(write, candidate, evaluation, number, seal(number), actor)
            found = write.connection.execute(_ONE, {"model": candidate.model, "number": number})
            return as_version(found.one())

    def version(self, model: str, number: int) -> Version:
        """Return one version.

        Raises:
            VersionNotFound: the model has none of this number.
        """
        with self.database.reading() as connection:
            row = connection.execute(_ONE, {"model": model, "number": number}).first()
            if row is None:
                newest = newest_number(connection, model) or "none"
                raise VersionNotFound(model=model, version=number, newest=newest)
        return as_version(row)

    def versions(self, model: str, *, limit: int = 100, before: int | None = None) -> list[Version]:
        """Return versions, newest first; `before` is the number where the last page ended."""
        page = {"model": model, "before": before or 1 << 62, "limit": limit}
        with self.database.reading() as connection:
            return [as_version(row) for row in connection.execute(_PAGE, page)]

    def version_of_candidate(self, id: str) -> Version | None:  # noqa: A002
        """Return the version that a candidate became, or None."""
        with self.database.reading() as connection:
            row = connection.execute(_OF_CANDIDATE, {"candidate": id}).first()
        return as_version(row) if row else None

    def evaluation(self, model: str, number: int) -> Evaluation:
        """Return what the gate knew and said of a version.

        Raises:
            VersionNotFound: the model has none of this number.
        """
        digest = self.version(model, number).evaluation
        with self.database.reading() as connection:
            row = connection.execute(_EVALUATION, {"digest": digest}).one()
        return from_json(Evaluation, orjson.loads(row.record))

    def newest_fit(self, model: str) -> Version | None:
        """Return the newest version that was trained; a fallback stands in and is no such fit."""
        with self.database.reading() as connection:
            row = connection.execute(_NEWEST_FIT, {"model": model}).first()
        return as_version(row) if row else None

    def standby(self, model: str, *, limit: int = 100) -> list[Version]:
        """Return former champions that are still fit to serve, newest tenure first.

        A fallback that stood in for a while is none.
        """
        with self.database.reading() as connection:
            rows = connection.execute(_STANDBY, {"model": model, "limit": limit}).all()
        return [as_version(row) for row in rows]

    def fallbacks(self, model: str) -> list[Version]:
        """Return the versions that only stand in and are fit to, newest first."""
        with self.database.reading() as connection:
            return [as_version(row) for row in connection.execute(_FALLBACKS, {"model": model})]

    def models(self) -> list[str]:
        """Return the names of all models that the ledger knows, sorted."""
        with self.database.reading() as connection:
            return [row.model for row in connection.execute(_MODELS)]


def _give_number(
    write: Writing,
    candidate: Candidate,
    evaluation: Evaluation,
    number: int,
    manifest: str,
    actor: str,
) -> None:
    judged = to_json(evaluation)
    fit = evaluation.verdict in FIT_VERDICTS
    values = {
        "model": candidate.model,
        "number": number,
        "stage": (Stage.VALIDATED if fit else Stage.REJECTED).value,
        "candidate": candidate.id,
        "object": candidate.object,
        "size": candidate.size,
        "manifest": manifest,
        "evaluation": evaluation.digest,
        "training_set": candidate.training_set.digest,
    }
    write.connection.execute(
        insert(evaluations).prefix_with("OR IGNORE"),
        {"digest": evaluation.digest, "record": canonical(judged).decode()},
    )
    times = {"recorded_at": write.recorded_at, "as_of": write.as_of}
    row = {**values, "reason": evaluation.reason, "seq": write.next_seq, **times}
    write.connection.execute(insert(versions), row)
    write.append(
        "version_registered",
        model=candidate.model,
        actor=actor,
        reason=evaluation.reason,
        evidence=evaluation.digest,
        body={**values, "verdict": evaluation.verdict, "judged": digest_of(judged)},
        announce=True,
    )
