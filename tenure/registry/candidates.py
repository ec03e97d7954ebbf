"""Which fits are on record, and which of them are still kept to be judged?"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from sqlalchemy import Connection, bindparam, insert, select, update

from tenure.errors import CandidateInUse, CandidateNotFound
from tenure.records import Candidate, Stage, canonical, digest_of, from_json, to_json
from tenure.registry.database import Database
from tenure.registry.tables import candidates, versions

_ONE = select(candidates).where(candidates.c.id == bindparam("id"))
_OF_MODEL = (
    select(candidates.c.record)
    .where(candidates.c.model == bindparam("model"))
    .order_by(candidates.c.seq)
)
_WENT = select(versions.c.candidate).where(
    versions.c.model == bindparam("model"),
    versions.c.stage.in_([Stage.ARCHIVED.value, Stage.PURGED.value]),
)
_KEPT = _OF_MODEL.where(candidates.c.kept == 1, candidates.c.id.not_in(_WENT))
_RELEASE = update(candidates).where(candidates.c.id == bindparam("of_id")).values(kept=0)
_VERSION_OF = select(versions.c.model, versions.c.number).where(
    versions.c.candidate == bindparam("candidate")
)


def read_candidate(connection: Connection, candidate: str) -> Candidate | None:
    """Return a candidate by its id from an open connection."""
    row = connection.execute(_ONE, {"id": candidate}).first()
    return from_json(Candidate, orjson.loads(row.record)) if row else None


class CandidateBook:
    """The part of the ledger about fits without a number."""

    database: Database

    def record_candidate(self, candidate: Candidate, *, actor: str) -> Candidate:
        """Put a fit on record; a candidate of this id that is on record is returned as it is."""
        with self.database.writing() as write:
            known = read_candidate(write.connection, candidate.id)
            if known is not None:
                return known
            record = to_json(candidate)
            write.connection.execute(
                insert(candidates),
                {
                    "id": candidate.id,
                    "model": candidate.model,
                    "seq": write.next_seq,
                    "kept": 1,
                    "record": canonical(record).decode(),
                },
            )
            write.append(
                "candidate_recorded",
                model=candidate.model,
                actor=actor,
                reason=f"Fitted on {candidate.training_set.rows} rows.",
                evidence=candidate.training_set.digest,
                body={
                    "candidate": candidate.id,
                    "object": candidate.object,
                    "record": digest_of(record),
                },
            )
        return candidate

    def release_candidates(self, ids: Iterable[str], *, actor: str, reason: str) -> None:
        """Let go of fits that need not be judged any more, so that their bytes may be collected.

        Raises:
            CandidateNotFound: one of the ids is unknown; nothing was changed.
            CandidateInUse: one of them is a version; nothing was changed.
        """
        wanted = sorted(set(ids))
        with self.database.writing() as write:
            released: dict[str, str] = {}
            for one in wanted:
                row = write.connection.execute(_ONE, {"id": one}).first()
                if row is None:
                    raise CandidateNotFound(candidate=one)
                used = write.connection.execute(_VERSION_OF, {"candidate": one}).first()
                if used is not None:
                    raise CandidateInUse(candidate=one, model=used.model, version=used.number)
                if row.kept:
                    released[one] = row.model
                    write.connection.execute(_RELEASE, {"of_id": one})
            if not released:
                return
            models = set(released.values())
            write.append(
                "candidates_released",
                model=models.pop() if len(models) == 1 else None,
                actor=actor,
                reason=reason,
                evidence=digest_of(sorted(released)),
                body={"candidates": sorted(released)},
            )

    def candidate(self, id: str) -> Candidate | None:  # noqa: A002
        """Return a candidate by its id."""
        with self.database.reading() as connection:
            return read_candidate(connection, id)

    def candidates(self, model: str, *, kept: bool = True) -> list[Candidate]:
        """Return a model's candidates, oldest first.

        With `kept`, those whose bytes are in the store: neither released nor gone to the archive.
        """
        with self.database.reading() as connection:
            rows = connection.execute(_KEPT if kept else _OF_MODEL, {"model": model}).all()
        return [from_json(Candidate, orjson.loads(row.record)) for row in rows]
