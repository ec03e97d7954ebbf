"""Who may work on something alone, until when, and how is a late writer kept out?

A lease ends by itself. Each grant carries a higher token; a change that shows a lease is refused
inside its own transaction once the lease has ended or a higher token was given (fencing). Leases
are a courtesy between workers, no history: they leave no audit row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select, update

from tenure.errors import LeaseLost
from tenure.registry.chain import read_stamp, stamp
from tenure.registry.database import Database
from tenure.registry.tables import leases

_ONE = select(leases).where(leases.c.name == bindparam("of_name"))
_CHANGE = (
    update(leases)
    .where(leases.c.name == bindparam("of_name"))
    .values(token=bindparam("token"), holder=bindparam("holder"), ends_at=bindparam("ends_at"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on `name` alone until `ends_at` (real time)."""

    name: str
    holder: str
    token: int
    ends_at: datetime


def check_lease(connection: Connection, lease: Lease | None) -> None:
    """Refuse a writer whose lease has ended; inside the transaction of what it writes."""
    if lease is None:
        return
    row = connection.execute(_ONE, {"of_name": lease.name}).first()
    now = stamp(datetime.now(UTC))
    if row is None or row.token != lease.token or row.holder is None or row.ends_at <= now:
        raise LeaseLost(lease=lease.name, holder=lease.holder, token=lease.token)


class LeaseBook:
    """The part of the ledger about leases."""

    database: Database

    def acquire_lease(self, name: str, *, holder: str, ttl_s: float) -> Lease | None:
        """Take a lease for `ttl_s` seconds, or return None while another holds it."""
        with self.database.writing() as write:
            row = write.connection.execute(_ONE, {"of_name": name}).first()
            now = datetime.now(UTC)
            if row is not None and row.holder is not None and row.ends_at > stamp(now):
                return None
            ends_at = stamp(now + timedelta(seconds=ttl_s))
            token = row.token + 1 if row else 1
            if row is None:
                write.connection.execute(
                    insert(leases),
                    {"name": name, "token": token, "holder": holder, "ends_at": ends_at},
                )
            else:
                changed = {"token": token, "holder": holder, "ends_at": ends_at}
                write.connection.execute(_CHANGE, {"of_name": name, **changed})
        return Lease(name=name, holder=holder, token=token, ends_at=read_stamp(ends_at))

    def renew_lease(self, lease: Lease, *, ttl_s: float) -> Lease:
        """Prolong a lease that still holds.

        Raises:
            LeaseLost: it has ended.
        """
        with self.database.writing() as write:
            check_lease(write.connection, lease)
            ends_at = stamp(datetime.now(UTC) + timedelta(seconds=ttl_s))
            changed = {"token": lease.token, "holder": lease.holder, "ends_at": ends_at}
            write.connection.execute(_CHANGE, {"of_name": lease.name, **changed})
        return Lease(
            name=lease.name, holder=lease.holder, token=lease.token, ends_at=read_stamp(ends_at)
        )

    def lease(self, name: str) -> Lease | None:
        """Return the lease on a name that somebody holds now, or None."""
        with self.database.reading() as connection:
            row = connection.execute(_ONE, {"of_name": name}).first()
        if row is None or row.holder is None or row.ends_at <= stamp(datetime.now(UTC)):
            return None
        ends_at = read_stamp(row.ends_at)
        return Lease(name=name, holder=row.holder, token=row.token, ends_at=ends_at)

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back, or end that of a holder who is known to be over.

        One that was lost needs no giving back. Who works on all the same is kept out by the token.
        """
        with self.database.writing() as write:
            row = write.connection.execute(_ONE, {"of_name": lease.name}).first()
            if row is None or row.token != lease.token:
                return
            changed = {"token": lease.token, "holder": None, "ends_at": row.ends_at}
            write.connection.execute(_CHANGE, {"of_name": lease.name, **changed})
