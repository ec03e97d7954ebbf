"""How does the ledger's database stay sound with many processes at it, any of which may die?

SQLite in WAL mode, every commit synced. A write takes the write lock at its start (a read that
turns writer could not wait), appends its audit row in the same transaction, commits, and then
brings the anchor up, and the witness outside if there is one. One connection a thread, never one
across a fork.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, create_engine, event, insert, select, text
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.pool import NullPool

from tenure.errors import (
    BadAuditEntry,
    LedgerBusy,
    LedgerCut,
    LedgerDamaged,
    LedgerMissing,
    LedgerUnwritable,
    TenureError,
    WitnessDisagrees,
    WitnessUnreachable,
)
from tenure.registry import tables
from tenure.registry.anchor import Anchor
from tenure.registry.chain import GENESIS, Head, Line, next_line, stamp
from tenure.registry.prepared import Prepared
from tenure.registry.witness import Witness
from tenure.workspace import Clock

log = logging.getLogger(__name__)

PATIENCE_S = 20.0
"""How long a write waits for other writers before it gives up with nothing changed."""

_ACTOR = re.compile(r"(person|claimed|automation|schedule|system):\S(.*\S)?", re.DOTALL)
_MODEL = re.compile(r"[a-z][a-z0-9-]{0,47}")
_BEGIN, _COMMIT = Prepared(text("BEGIN IMMEDIATE")), Prepared(text("COMMIT"))
_NEWEST = Prepared(
    select(tables.audit.c.seq, tables.audit.c.digest).order_by(tables.audit.c.seq.desc()).limit(1)
)
_ROW = Prepared(select(tables.audit.c.digest).where(tables.audit.c.seq == bindparam("seq")))
_APPEND = Prepared(insert(tables.audit).values({name: bindparam(name) for name in Line._fields}))
_ANNOUNCE = Prepared(insert(tables.outbox).values(seq=bindparam("seq")))

_abandoned: list[Any] = []  # a parent's connections: a forked child must not even close them


def read_head(connection: Connection) -> Head:
    """Return the newest audit row's number and digest."""
    row = _NEWEST.run(driver_of(connection)).fetchone()
    return Head(*row) if row else Head(0, GENESIS)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection inside SQLAlchemy's, for prepared statements."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    return driver  # type: ignore[return-value]


class Writing:
    """One open write transaction: an audit row, which the changes beside it carry out.

    There is a second row where one change cannot be without another: a champion's slot that moves
    ends the rollout beside it.
    """

    def __init__(self, connection: Connection, head: Head, clock: Clock) -> None:
        self.connection = connection
        self.driver = driver_of(connection)
        self.head = head
        self.recorded_at = stamp(datetime.now(UTC))
        self.as_of = stamp(clock.now())

    @property
    def next_seq(self) -> int:
        """The number that the next audit row of this transaction gets."""
        return self.head.seq + 1

    def append(
        self,
        kind: str,
        *,
        model: str | None,
        actor: str,
        reason: str,
        evidence: str,
        body: dict[str, Any],
        announce: bool = False,
    ) -> Line:
        """Write the audit row, and a line in the outbox if its event is to be sent.

        Raises:
            BadAuditEntry: actor, reason or evidence is empty, or the actor or model no name.
        """
        check_entry(model, actor, reason, evidence)
        line = next_line(
            self.head,
            recorded_at=self.recorded_at,
            as_of=self.as_of,
            kind=kind,
            model=model,
            actor=actor,
            reason=reason,
            evidence=evidence,
            body=body,
        )
        _APPEND.run(self.driver, line._asdict())
        if announce:
            _ANNOUNCE.run(self.driver, {"seq": line.seq})
        self.head = Head(line.seq, line.digest)
        return line


def check_entry(model: str | None, actor: str, reason: str, evidence: str) -> None:
    """Refuse an audit entry that does not say who, why and by what."""
    if not _ACTOR.fullmatch(actor):
        raise BadAuditEntry(
            field="actor",
            got=repr(actor),
            wanted="person:NAME | claimed:NAME | automation:RULE | schedule:NAME | system:PART",
        )
    for field, said in (("reason", reason), ("evidence", evidence)):
        if not said.strip():
            raise BadAuditEntry(field=field, got="empty", wanted="a text")
    if model is not None and not _MODEL.fullmatch(model):
        raise BadAuditEntry(field="model", got=ascii(model[:60]), wanted="^[a-z][a-z0-9-]{0,47}$")


class Database:
    """The ledger's file, its connections and its anchor.

    Args:
        file: the SQLite file, which exists.
        anchor: the file that follows the head.
        clock: gives `as_of`.
        patience_s: how long a write waits for others.
        anchored: False leaves the anchor alone; for measurements only.
        witness: follows the head outside the workspace, or None.
    """

    def __init__(
        self,
        file: Path,
        anchor: Path,
        clock: Clock,
        patience_s: float = PATIENCE_S,
        anchored: bool = True,
        witness: Witness | None = None,
    ) -> None:
        self.file = file
        self.anchor = Anchor(anchor)
        self.clock = clock
        self.patience_s = patience_s
        self.anchored = anchored
        self.witness = witness
        self._local = threading.local()
        self._connections: list[tuple[threading.Thread, Connection]] = []
        self._guard = threading.Lock()
        self._owner = os.getpid()
        self._engine = self._make_engine()

    def _make_engine(self) -> Engine:
        engine = create_engine(
            f"sqlite:///{self.file}",
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": min(5.0, self.patience_s), "check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def _settle(connection: sqlite3.Connection, _: object) -> None:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")

        return engine

    def _forget_parent(self) -> None:
        _abandoned.append((self._engine, self._connections, self._local))
        self._local = threading.local()
        self._connections = []
        self._guard = threading.Lock()
        self._engine = self._make_engine()
        self.anchor = Anchor(self.anchor.file)
        self.witness = self.witness and self.witness.after_fork()
        self._owner = os.getpid()

    def connection(self) -> Connection:
        """Return this thread's connection.

        Raises:
            LedgerMissing, LedgerDamaged: the file is gone or no database.
        """
        if self._owner != os.getpid():
            self._forget_parent()
        try:
            inode = os.stat(self.file).st_ino
        except FileNotFoundError:
            raise LedgerMissing(where=str(self.file)) from None
        mine = getattr(self._local, "mine", None)
        if mine is None or mine[0] != inode:
            mine = (inode, self._connect())
            self._local.mine = mine
        return mine[1]

    def _connect(self) -> Connection:
        try:
            fresh = self._engine.connect()
        except DBAPIError as error:
            raise self.translated(error) from None
        with self._guard:
            alive = []
            for thread, connection in self._connections:
                if thread.is_alive() and thread is not threading.current_thread():
                    alive.append((thread, connection))
                else:
                    connection.close()
            self._connections = [*alive, (threading.current_thread(), fresh)]
        return fresh

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to read with; each statement sees one committed state."""
        connection = self.connection()
        try:
            yield connection
        except (DatabaseError, sqlite3.Error) as error:
            raise self.translated(error) from None

    @contextmanager
    def steady(self) -> Iterator[Connection]:
        """Give a connection whose statements all see the same committed state."""
        with self.reading() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Open a write transaction; commits at the end, takes all back if anything is raised.

        Raises:
            LedgerBusy, LedgerMissing, LedgerDamaged, LedgerUnwritable, LedgerCut,
            WitnessDisagrees: nothing was changed.
        """
        connection = self.connection()
        self._ask_witness(connection)
        self._take_lock(connection)
        try:
            before = read_head(connection)
            if self.anchored:
                self._follow(connection, before)
            write = Writing(connection, before, self.clock)
            yield write
            _COMMIT.run(write.driver)
        except BaseException as error:
            self._take_back(connection)
            if isinstance(error, (DatabaseError, sqlite3.Error, OSError)):
                raise self.translated(error) from None
            raise
        if self.anchored and write.head != before:
            try:
                self.anchor.bring_up(write.head)
            except OSError as error:  # it is committed: the next writer brings the anchor up
                log.warning("The anchor at %s was not written: %s", self.anchor.file, error)
            self._tell_witness(write.head)

    def _ask_witness(self, connection: Connection) -> None:
        # Before the lock, since it may be far away. It is asked before the ledger is read: what it
        # saw was committed, so a ledger that lacks it was cut or put back.
        witness = self.witness
        if witness is None or not self.anchored or witness.is_quiet:
            return
        try:
            if witness.known is not None and witness.known == read_head(connection):
                return
            known = witness.read()
        except WitnessUnreachable as error:
            log.warning("%s", error)
            return
        except (DatabaseError, sqlite3.Error) as error:
            raise self.translated(error) from None
        head = read_head(connection)
        if known is not None and self._lacks(connection, known, head):
            raise WitnessDisagrees(
                where=witness.where, saw=str(known), ledger=str(self.file), ends_at=head.seq
            )
        if head.seq > (known.seq if known else 0):
            self._tell_witness(head)

    def _tell_witness(self, head: Head) -> None:
        if self.witness is None or self.witness.is_quiet:
            return
        try:
            self.witness.bring_up(head)
        except WitnessUnreachable as error:  # it is committed: a later writer catches up
            log.warning("%s", error)

    def _lacks(self, connection: Connection, known: Head, head: Head) -> bool:
        row = _ROW.run(driver_of(connection), {"seq": known.seq}).fetchone()
        return known.seq > head.seq or (known.seq > 0 and (row is None or row[0] != known.digest))

    def _follow(self, connection: Connection, head: Head) -> None:
        # A ledger that lacks what was anchored was cut or put back: writing on would hide it.
        known = self.anchor.read()
        if known == head:
            return
        if self._lacks(connection, known, head):
            raise LedgerCut(where=str(self.file), ends_at=head.seq, anchored=known.seq)
        self.anchor.bring_up(head)

    def _take_lock(self, connection: Connection) -> None:
        give_up_at = time.monotonic() + self.patience_s
        while True:
            try:
                _BEGIN.run(driver_of(connection))
                return
            except (DatabaseError, sqlite3.Error) as error:
                translated = self.translated(error)
                if not isinstance(translated, LedgerBusy) or time.monotonic() >= give_up_at:
                    raise translated from None

    def _take_back(self, connection: Connection) -> None:
        driver = driver_of(connection)
        if driver.in_transaction:
            driver.execute("ROLLBACK")

    def translated(self, error: Exception) -> TenureError:
        """Return what a driver's error means for the ledger."""
        where, original = str(self.file), getattr(error, "orig", None) or error
        name = getattr(original, "sqlite_errorname", "") or type(original).__name__
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return LedgerBusy(where=where, waited_s=self.patience_s)
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or "no such table" in str(original):
            return LedgerDamaged(where=where, detail=f"{original}")
        return LedgerUnwritable(where=where, detail=f"{original} ({name})")

    def close(self) -> None:
        """Close every connection of this process."""
        with self._guard:
            if self._owner == os.getpid():
                for _, connection in self._connections:
                    connection.close()
            self._connections = []
            self._local = threading.local()
        self.anchor.close()
