"""What arrived, what became of it, and which columns must arrive?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from tenure.errors import BatchIsSettled, BatchNotFound, SnapshotNotFound
from tenure.records import (
    Batch,
    BatchState,
    Column,
    Snapshot,
    canonical,
    digest_of,
    from_json,
    to_json,
)
from tenure.registry.chain import read_stamp
from tenure.registry.database import Database, Writing
from tenure.registry.halts import check_halt
from tenure.registry.tables import batches, contracts, snapshots

_BATCH = select(batches).where(
    batches.c.model == bindparam("model"), batches.c.digest == bindparam("digest")
)
_ARRIVED = insert(batches)
_SETTLED = (
    update(batches)
    .where(batches.c.model == bindparam("of_model"), batches.c.digest == bindparam("of_digest"))
    .values({name: bindparam(name) for name in ("state", "snapshot", "report", "reason")})
    .values(kept_object=bindparam("kept_object"))
)
_SNAPSHOT = select(snapshots).where(
    snapshots.c.model == bindparam("model"), snapshots.c.digest == bindparam("digest")
)
_SNAPSHOTS = (
    select(snapshots)
    .where(snapshots.c.model == bindparam("model"), snapshots.c.seq > bindparam("after_seq"))
    .order_by(snapshots.c.seq)
)
_CONTRACT = select(contracts.c.columns).where(contracts.c.model == bindparam("model"))


def _as_batch(row: Row[Any]) -> Batch:
    values = row._asdict()
    values["state"] = BatchState(values["state"])
    values["arrived_at"] = read_stamp(values["arrived_at"])
    return Batch(**values)


_SNAPSHOT_GONE = delete(snapshots).where(
    snapshots.c.model == bindparam("of_model"), snapshots.c.digest == bindparam("of_digest")
)
_OF_OBJECT = (
    select(snapshots.c.digest)
    .where(func.json_extract(snapshots.c.record, "$.object") == bindparam("object"))
    .limit(1)
)


def _as_snapshot(row: Row[Any]) -> Snapshot:
    return from_json(Snapshot, {**orjson.loads(row.record), "seq": row.seq})


class BatchBook:
    """The part of the ledger about batches, snapshots and the arrival contract."""

    database: Database

    def arrive(
        self, model: str, *, digest: str, name: str, location: str, size: int, actor: str
    ) -> Batch:
        """Put a batch on record; bytes that arrived before are the batch that they were."""
        known = self.batch(model, digest)
        if known is not None:
            return known
        with self.database.writing() as write:
            row = write.connection.execute(_BATCH, {"model": model, "digest": digest}).first()
            if row is not None:
                return _as_batch(row)
            values = {
                "model": model,
                "digest": digest,
                "name": name,
                "location": location,
                "size": size,
                "state": BatchState.ARRIVED,
                "seq": write.next_seq,
                "arrived_at": write.as_of,
            }
            write.connection.execute(_ARRIVED, values)
            write.append(
                "batch_arrived",
                model=model,
                actor=actor,
                reason="Its bytes were not seen before.",
                evidence=digest,
                body={"batch": digest, "name": name, "location": location, "size": size},
                announce=True,
            )
        return Batch(**{**values, "arrived_at": read_stamp(write.as_of)})

    def accept_batch(
        self,
        snapshot: Snapshot,
        *,
        actor: str,
        reason: str,
        pin: tuple[Column, ...] | None = None,
    ) -> Snapshot:
        """Accept an arrived batch as a snapshot, which gets its place in the order.

        A batch whose content equals an earlier snapshot's brings nothing new: it is accepted as
        that snapshot. `pin` becomes the model's arrival contract if it has none.

        Raises:
            BatchNotFound: no such batch arrived.
            BatchIsSettled: it is in quarantine, or accepted as another snapshot.
        """
        model = snapshot.model
        with self.database.writing() as write:
            batch = self._find(write, model, snapshot.batch)
            known = _known_snapshot(write.connection, model, snapshot.digest)
            if batch.state is BatchState.ACCEPTED and batch.snapshot == snapshot.digest and known:
                return known
            _must_be(batch, BatchState.ARRIVED)
            body: dict[str, Any] = {
                "batch": batch.digest,
                "snapshot": snapshot.digest,
                "report": snapshot.report,
                "rows": snapshot.rows,
            }
            if known is None:
                known, body["record"] = _keep_snapshot(write, snapshot)
            if pin and write.connection.execute(_CONTRACT, {"model": model}).first() is None:
                body["contract"] = _pin(write, model, pin)
            changed = {"snapshot": snapshot.digest, "report": snapshot.report, "reason": reason}
            _settle(write, batch, BatchState.ACCEPTED, kept_object=None, **changed)
            write.append(
                "batch_accepted",
                model=model,
                actor=actor,
                reason=reason,
                evidence=snapshot.report,
                body=body,
                announce=True,
            )
        return known

    def quarantine_batch(
        self,
        model: str,
        digest: str,
        *,
        report: str,
        kept_object: str | None,
        reason: str,
        actor: str,
    ) -> Batch:
        """Put an arrived batch into quarantine, once, with its bytes and the report beside it.

        Raises:
            BatchNotFound: no such batch arrived.
            BatchIsSettled: it was accepted.
        """
        with self.database.writing() as write:
            batch = self._find(write, model, digest)
            if batch.state is BatchState.QUARANTINED:
                return batch
            _must_be(batch, BatchState.ARRIVED)
            changed = {"report": report, "reason": reason, "kept_object": kept_object}
            _settle(write, batch, BatchState.QUARANTINED, snapshot=None, **changed)
            write.append(
                "batch_quarantined",
                model=model,
                actor=actor,
                reason=reason,
                evidence=report,
                body={"batch": digest, "report": report, "kept_object": kept_object},
                announce=True,
            )
            return self._find(write, model, digest)

    def readmit_batch(self, model: str, digest: str, *, actor: str, reason: str) -> Batch:
        """Let a quarantined batch be judged again; its kept bytes stay where they are.

        Raises:
            BatchNotFound: no such batch arrived.
            BatchIsSettled: it was accepted.
        """
        with self.database.writing() as write:
            batch = self._find(write, model, digest)
            if batch.state is BatchState.ARRIVED:
                return batch
            _must_be(batch, BatchState.QUARANTINED)
            kept = {"report": batch.report, "reason": reason, "kept_object": batch.kept_object}
            _settle(write, batch, BatchState.ARRIVED, snapshot=None, **kept)
            write.append(
                "batch_readmitted",
                model=model,
                actor=actor,
                reason=reason,
                evidence=batch.report or batch.digest,
                body={"batch": digest},
            )
            return self._find(write, model, digest)

    def drop_batch_bytes(
        self, model: str, digest: str, *, actor: str, reason: str, evidence: str
    ) -> Batch:
        """Let go of a quarantined batch's bytes, whose retention is over; its report stays.

        Raises:
            BatchNotFound: no such batch arrived.
            BatchIsSettled: it is not in quarantine.
            Halted: automation of the model is halted.
        """
        with self.database.writing() as write:
            batch = self._find(write, model, digest)
            _must_be(batch, BatchState.QUARANTINED)
            if batch.kept_object is None:
                return batch
            check_halt(write.connection, model, actor)
            kept = {"report": batch.report, "reason": batch.reason, "snapshot": None}
            _settle(write, batch, BatchState.QUARANTINED, kept_object=None, **kept)
            write.append(
                "batch_bytes_dropped",
                model=model,
                actor=actor,
                reason=reason,
                evidence=evidence,
                body={"batch": digest, "object": batch.kept_object},
            )
            return self._find(write, model, digest)

    def drop_snapshot(
        self, model: str, digest: str, *, actor: str, reason: str, evidence: str
    ) -> bool:
        """Let go of a snapshot whose retention is over; its audit row is what is left of it.

        Its rows leave the store with the last snapshot, of whatever model, that has them.

        Returns:
            Whether nothing names its object any more.

        Raises:
            SnapshotNotFound: it is gone already, or never was.
            Halted: automation of the model is halted.
        """
        with self.database.writing() as write:
            known = _known_snapshot(write.connection, model, digest)
            if known is None:
                raise SnapshotNotFound(model=model, snapshot=digest[:12])
            check_halt(write.connection, model, actor)
            write.connection.execute(_SNAPSHOT_GONE, {"of_model": model, "of_digest": digest})
            facts = {"snapshot": digest, "batch": known.batch, "object": known.object}
            write.append(
                "snapshot_dropped",
                model=model,
                actor=actor,
                reason=reason,
                evidence=evidence,
                body={**facts, "rows": known.rows, "size": known.size},
            )
            others = write.connection.execute(_OF_OBJECT, {"object": known.object})
            return others.first() is None

    def _find(self, write: Writing, model: str, digest: str) -> Batch:
        row = write.connection.execute(_BATCH, {"model": model, "digest": digest}).first()
        if row is None:
            raise BatchNotFound(model=model, batch=digest)
        return _as_batch(row)

    def batch(self, model: str, digest: str) -> Batch | None:
        """Return one batch, or None if its bytes never arrived."""
        with self.database.reading() as connection:
            row = connection.execute(_BATCH, {"model": model, "digest": digest}).first()
        return _as_batch(row) if row else None

    def batches(
        self,
        model: str | None = None,
        *,
        state: BatchState | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[Batch]:
        """Return batches, newest arrival first; `before` is the `seq` where the last page ended."""
        wanted = select(batches).order_by(batches.c.seq.desc()).limit(limit)
        if model is not None:
            wanted = wanted.where(batches.c.model == model)
        if state is not None:
            wanted = wanted.where(batches.c.state == state)
        if before is not None:
            wanted = wanted.where(batches.c.seq < before)
        with self.database.reading() as connection:
            return [_as_batch(row) for row in connection.execute(wanted)]

    def contract(self, model: str) -> tuple[Column, ...] | None:
        """Return the columns that a batch must bring, or None before the first good batch."""
        with self.database.reading() as connection:
            row = connection.execute(_CONTRACT, {"model": model}).first()
        return tuple(from_json(Column, one) for one in orjson.loads(row.columns)) if row else None

    def snapshots(self, model: str, *, after_seq: int = 0) -> list[Snapshot]:
        """Return accepted batches in the order of their acceptance."""
        with self.database.reading() as connection:
            rows = connection.execute(_SNAPSHOTS, {"model": model, "after_seq": after_seq}).all()
        return [_as_snapshot(row) for row in rows]

    def snapshot(self, model: str, digest: str) -> Snapshot | None:
        """Return one snapshot by its digest."""
        with self.database.reading() as connection:
            return _known_snapshot(connection, model, digest)


def _known_snapshot(connection: Connection, model: str, digest: str) -> Snapshot | None:
    row = connection.execute(_SNAPSHOT, {"model": model, "digest": digest}).first()
    return _as_snapshot(row) if row else None


def _keep_snapshot(write: Writing, snapshot: Snapshot) -> tuple[Snapshot, str]:
    kept = replace(snapshot, seq=write.next_seq)
    record = to_json(kept)
    row = {"model": kept.model, "digest": kept.digest, "seq": kept.seq}
    write.connection.execute(insert(snapshots), {**row, "record": canonical(record).decode()})
    return kept, digest_of(record)


def _pin(write: Writing, model: str, columns: Sequence[Column]) -> str:
    pinned = [to_json(column) for column in columns]
    row = {"model": model, "columns": canonical(pinned).decode()}
    write.connection.execute(insert(contracts), row)
    return digest_of(pinned)


def _must_be(batch: Batch, wanted: BatchState) -> None:
    if batch.state is not wanted:
        raise BatchIsSettled(
            model=batch.model, batch=batch.digest, state=batch.state.value, wanted=wanted.value
        )


def _settle(
    write: Writing,
    batch: Batch,
    state: BatchState,
    *,
    snapshot: str | None,
    report: str | None,
    reason: str | None,
    kept_object: str | None,
) -> None:
    write.connection.execute(
        _SETTLED,
        {
            "of_model": batch.model,
            "of_digest": batch.digest,
            "state": state,
            "snapshot": snapshot,
            "report": report,
            "reason": reason,
            "kept_object": kept_object,
        },
    )
