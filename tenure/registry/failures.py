"""Which versions that a slot names could a prediction server not load?"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select

from tenure.records import Slot
from tenure.registry.database import Database
from tenure.registry.tables import audit

FAILED = "serving_failed"

_SAID = (
    select(audit.c.seq)
    .where(audit.c.model == bindparam("model"), audit.c.kind == FAILED)
    .where(func.json_extract(audit.c.body, "$.slot") == bindparam("slot"))
    .where(func.json_extract(audit.c.body, "$.version") == bindparam("version"))
    .where(func.json_extract(audit.c.body, "$.epoch") == bindparam("epoch"))
    .limit(1)
)


class FailureBook:
    """The part of the ledger about what servers could not load."""

    database: Database

    def note_serving_failed(
        self, model: str, slot: Slot, version: int, epoch: int, *, actor: str, reason: str
    ) -> bool:
        """Put on record that a server could not load what a slot names; once a version and epoch.

        Returns:
            Whether it was not on record before.
        """
        asked = {"model": model, "slot": slot.value, "version": version, "epoch": epoch}
        with self.database.writing() as write:
            if write.connection.execute(_SAID, asked).first() is not None:
                return False
            body = {"slot": slot.value, "version": version, "epoch": epoch}
            said: Any = {"model": model, "actor": actor, "reason": reason}
            write.append(FAILED, **said, evidence="a server's status", body=body)
        return True
