"""How is one order carried out, in whichever process or machine it has come to?

The version is loaded here, with every check, from the workspace's store by model and number. What
fails is said in words that hold no row's value, and never stops who asked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tenure.errors import TenureError
from tenure.records import Column
from tenure.registry import open_ledger
from tenure.serving.batch import outputs
from tenure.serving.batch.answering import Bulk, load_bulk
from tenure.serving.batch.computing import answered, key_columns
from tenure.serving.batch.folders import Folder
from tenure.serving.batch.orders import (
    AnyOrder,
    Bad,
    Cut,
    Finished,
    Hindered,
    JoinOrder,
    Known,
    Order,
    PieceOrder,
    Reply,
    Unfit,
    Waiting,
)
from tenure.serving.batch.outputs import Scored
from tenure.serving.batch.partitions import Partition, open_partition

if TYPE_CHECKING:
    import pyarrow as pa

_loaded: dict[tuple[str, str, int], Bulk] = {}
# A version computes for one thread at a time; a cluster's worker may have several.
_in_use = threading.RLock()


class _Unloadable(Exception):
    """The version cannot be loaded."""

    def __init__(self, error: TenureError) -> None:
        super().__init__(error)
        self.error = error


class _Changed(Exception):
    """The partition was written to after its digest was taken."""


def perform(order: AnyOrder) -> Reply:
    """Carry out one order; whatever goes wrong with it is in the reply."""
    try:
        with _in_use:
            match order:
                case Order():
                    return _whole(order)
                case PieceOrder():
                    return _piece(order)
                case JoinOrder():
                    return _join(order)
    except _Unloadable as refused:
        return Unfit(error=refused.error)
    except (_Changed, FileNotFoundError):
        return Waiting()
    except OSError as error:
        return Hindered(reason=f"{error.strerror or type(error).__name__}.")
    except TenureError as error:
        return Hindered(reason=str(error)) if error.is_transient else Bad(reason=str(error))
    except Exception as error:  # noqa: BLE001 - an estimator raises what it likes, and may quote a row
        return Bad(reason=f"{type(error).__name__}.")


def _whole(order: Order) -> Reply:
    source, destination = _folders(order)
    mark = source.settled(order.name)
    if mark is None:
        return Waiting()
    digest = source.digest(order.name)
    if outputs.has_scored(destination, order.name, digest):
        return Known()
    version = _loaded_version(order)
    with source.open(order.name) as file:
        partition = open_partition(order.name, file, _columns(order, version), order.terms)
        cut = Cut(digest=digest, mark=mark, rows=partition.pieces)
        if order.may_cut and len(cut.rows) > 1:
            return cut
        record = _record(order, cut)
        chunks = _answers(order, cut, partition, version, range(len(cut.rows)))
        is_first = outputs.keep(destination, record, chunks)
    return Finished(rows=record.rows) if is_first else Known()


def _piece(asked: PieceOrder) -> Reply:
    order, cut = asked.order, asked.cut
    source, destination = _folders(order)
    record = _record(order, cut)
    if not outputs.has_piece(destination, record, asked.number):
        version = _loaded_version(order)
        with source.open(order.name) as file:
            partition = open_partition(order.name, file, _columns(order, version), order.terms)
            if partition.pieces != cut.rows:
                raise _Changed
            chunks = _answers(order, cut, partition, version, (asked.number,))
            outputs.keep_piece(destination, record, asked.number, chunks)
    return Finished(rows=cut.rows[asked.number])


def _join(asked: JoinOrder) -> Reply:
    order, cut = asked.order, asked.cut
    source, destination = _folders(order)
    record = _record(order, cut)
    if outputs.has_scored(destination, order.name, cut.digest):
        is_first = False
    else:
        chunks = outputs.pieces(destination, record, len(cut.rows))
        is_first = outputs.keep(destination, record, _until_changed(chunks, source, order, cut))
    outputs.forget_pieces(destination, record)
    return Finished(rows=record.rows) if is_first else Known()


def _answers(
    order: Order, cut: Cut, partition: Partition, version: Bulk, numbers: Sequence[int]
) -> Iterator[pa.Table]:
    record, data = _record(order, cut), order.terms.data

    def answers() -> Iterator[pa.Table]:
        for number in numbers:
            start = sum(cut.rows[:number])
            yield from answered(partition.chunks(number), start, version, data, record)

    source, _ = _folders(order)
    return _until_changed(answers(), source, order, cut)


def _until_changed(
    chunks: Iterator[pa.Table], source: Folder, order: Order, cut: Cut
) -> Iterator[pa.Table]:
    """Yield all chunks, then refuse what was made of a file that is another one by now."""
    yield from chunks
    if source.mark(order.name) != cut.mark:
        raise _Changed


def _folders(order: Order) -> tuple[Folder, Folder]:
    return Folder(order.terms.source), Folder(order.terms.destination)


def _columns(order: Order, version: Bulk) -> tuple[Column, ...]:
    runtime = version.runtime
    return (*runtime.asked, *key_columns(order.terms.data, runtime))


def _record(order: Order, cut: Cut) -> Scored:
    return Scored(
        model=order.terms.model,
        input=order.name,
        digest=cut.digest,
        rows=sum(cut.rows),
        version=order.version,
        epoch=order.epoch,
        actor=order.terms.actor,
    )


def _loaded_version(order: Order) -> Bulk:
    terms = order.terms
    wanted = (str(terms.workspace.root), terms.model, order.version)
    if wanted not in _loaded:
        try:
            record = open_ledger(terms.workspace).version(terms.model, order.version)
            found = load_bulk(record, terms.workspace)
        except TenureError as error:
            raise _Unloadable(error) from error
        _loaded.clear()
        _loaded[wanted] = found
    return _loaded[wanted]
