"""How fit is a version, from its registration to its tombstone?

A version that a slot points at is never retired: it is replaced first. What was retired serves
again only after it was restored, which is a stage change of its own with its evidence.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, func, select, update

from tenure.errors import NotAllowedStage, StillInOffice, VersionNotFound
from tenure.records import Stage, Version
from tenure.registry.chain import read_stamp
from tenure.registry.database import Database, check_entry
from tenure.registry.halts import check_halt
from tenure.registry.tables import audit, slots, versions
from tenure.registry.versions import as_version, newest_number, record_columns

LAWFUL = {
    Stage.VALIDATED: {Stage.DEPRECATED, Stage.RETIRED},
    Stage.DEPRECATED: {Stage.VALIDATED, Stage.RETIRED},
    Stage.RETIRED: {Stage.ARCHIVED, Stage.VALIDATED},
    Stage.ARCHIVED: {Stage.PURGED, Stage.VALIDATED},
    Stage.REJECTED: {Stage.PURGED},
    Stage.REGISTERED: {Stage.VALIDATED, Stage.REJECTED},
    Stage.PURGED: set(),
}
"""Which stage may follow which; `validated` after `retired` or `archived` is a restore."""

_ONE = select(*record_columns()).where(
    versions.c.model == bindparam("model"), versions.c.number == bindparam("number")
)
_HELD = select(slots.c.slot).where(
    slots.c.model == bindparam("model"), slots.c.version == bindparam("number")
)
_RESTORED = (
    select(func.max(audit.c.as_of))
    .where(audit.c.model == bindparam("model"), audit.c.kind == "stage_changed")
    .where(func.json_extract(audit.c.body, "$.version") == bindparam("number"))
    .where(func.json_extract(audit.c.body, "$.to") == Stage.VALIDATED.value)
)
_SET = (
    update(versions)
    .where(versions.c.model == bindparam("of_model"), versions.c.number == bindparam("of_number"))
    .values(stage=bindparam("to_stage"))
)


class StageBook:
    """The part of the ledger about how fit versions are."""

    database: Database

    def change_stage(
        self, model: str, number: int, to: Stage, *, actor: str, reason: str, evidence: str
    ) -> Version:
        """Move a version to another stage; one that is there already stays.

        Raises:
            VersionNotFound: the model has none of this number.
            NotAllowedStage: the stage does not follow the one that it has.
            StillInOffice: a slot points at it.
            Halted: automation of the model is halted.
        """
        check_entry(model, actor, reason, evidence)
        place = {"model": model, "number": number}
        with self.database.writing() as write:
            row = write.connection.execute(_ONE, place).first()
            if row is None:
                newest = newest_number(write.connection, model) or "none"
                raise VersionNotFound(model=model, version=number, newest=newest)
            version = as_version(row)
            if version.stage is to:
                return version
            check_halt(write.connection, model, actor)
            if to not in LAWFUL[version.stage]:
                raise NotAllowedStage(
                    model=model, version=number, stage=version.stage.value, wanted=to.value
                )
            slot = write.connection.execute(_HELD, place).scalar()
            if slot is not None and to is not Stage.VALIDATED:
                raise StillInOffice(model=model, version=number, slot=slot)
            values = {"of_model": model, "of_number": number, "to_stage": to.value}
            write.connection.execute(_SET, values)
            write.append(
                "stage_changed",
                model=model,
                actor=actor,
                reason=reason,
                evidence=evidence,
                body={"version": number, "from": version.stage.value, "to": to.value},
                announce=True,
            )
            return as_version(write.connection.execute(_ONE, place).one())

    def restored_at(self, model: str, number: int) -> datetime | None:
        """Return when a version was last made fit to serve again, None if it never was."""
        place = {"model": model, "number": number}
        with self.database.reading() as connection:
            found = connection.execute(_RESTORED, place).scalar()
        return read_stamp(found) if found else None
