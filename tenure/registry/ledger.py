"""Where does everything that was decided stand, and who said so?"""

from __future__ import annotations

from tenure.registry.batches import BatchBook
from tenure.registry.candidates import CandidateBook
from tenure.registry.cases import CaseBook
from tenure.registry.database import Database
from tenure.registry.failures import FailureBook
from tenure.registry.fleet import FleetBook
from tenure.registry.halts import HaltBook
from tenure.registry.leases import LeaseBook
from tenure.registry.notices import NoticeBook
from tenure.registry.readings import ReadingBook
from tenure.registry.record import RecordBook
from tenure.registry.rollouts import RolloutBook
from tenure.registry.slots import SlotBook
from tenure.registry.stages import StageBook
from tenure.registry.versions import VersionBook


class Ledger(
    BatchBook,
    CandidateBook,
    VersionBook,
    StageBook,
    SlotBook,
    ReadingBook,
    CaseBook,
    RolloutBook,
    FailureBook,
    HaltBook,
    NoticeBook,
    FleetBook,
    LeaseBook,
    RecordBook,
):
    """A workspace's ledger: each write is one transaction with its audit row.

    Every write raises BadAuditEntry for an empty actor, reason or evidence, and LedgerBusy,
    LedgerMissing, LedgerDamaged or LedgerUnwritable where the database cannot be used; nothing was
    changed then. `open_ledger` makes one.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
