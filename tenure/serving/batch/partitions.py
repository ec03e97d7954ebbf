"""Which rows does a partition hold, and in which pieces can it be cut?

Of a Parquet file only the columns asked for are read, piece by piece, a piece being some of its row
groups; a text's rows are only known once it was read from its start, so it is one piece. The chunks
of a piece depend on nothing but the file: so do the output's row groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from tenure.errors import BadFile, BadRows
from tenure.intake.parquet_reader import MOST_UNPACKED
from tenure.intake.reading import Broken, Format, format_of, too_many
from tenure.intake.typed_rows import read_columns
from tenure.records import Column, ViolationKind
from tenure.serving.batch.orders import Terms

if TYPE_CHECKING:
    import pyarrow as pa


class Partition(Protocol):
    """The rows of one file.

    Attributes:
        pieces: how many rows each piece holds.
    """

    pieces: tuple[int, ...]

    def chunks(self, number: int) -> Iterator[pa.Table]:
        """Yield the rows of one piece, a table of the columns asked for at a time."""
        ...


def open_partition(name: str, file: BinaryIO, columns: Sequence[Column], terms: Terms) -> Partition:
    """Return the rows of an open file.

    Args:
        name: of the file; its ending gives the format unless the spec does.
        file: its bytes, readable anywhere; stays open as long as chunks are read.
        columns: what is wanted, with types.
        terms: of the run: how the file is read, and how large chunks and pieces are.

    Raises:
        BadFile: it cannot be read; says where, and repeats nothing that stands in it.
        BadRows: a column is not there, or holds something else.
    """
    try:
        if format_of(name, terms.data) is Format.PARQUET:
            return _Parquet(name, file, columns, terms)
    except Broken as broken:
        raise BadFile(name=name, detail=broken.message) from None
    return _Text(read_columns(name, file.read(), columns, terms.data), terms.chunk_rows)


class _Text:
    def __init__(self, table: pa.Table, chunk_rows: int) -> None:
        self.pieces = (table.num_rows,)
        self._table, self._chunk_rows = table, chunk_rows

    def chunks(self, number: int) -> Iterator[pa.Table]:
        assert number == 0
        for start in range(0, self._table.num_rows, self._chunk_rows):
            yield self._table.slice(start, self._chunk_rows)


class _Parquet:
    def __init__(self, name: str, file: BinaryIO, columns: Sequence[Column], terms: Terms) -> None:
        self._name, self._chunk_rows = name, terms.chunk_rows
        with _damage_named(name):
            self._file = _opened(file, columns)
            facts = self._file.metadata
        if facts.num_rows > terms.data.max_rows:
            raise too_many(facts.num_rows, terms.data.max_rows)
        if not facts.num_rows:
            raise Broken(ViolationKind.EMPTY, "The file has columns and no row.")
        names = self._file.schema_arrow.names
        for column in columns:
            if (count := names.count(column.name)) != 1:
                got = "the name twice" if count else "nothing"
                raise BadRows(column=column.name, got=got, wanted="a column of the file")
        self._names = [column.name for column in columns]
        self._groups = list(_groups_of_pieces(facts, terms.piece_rows))
        self.pieces = tuple(
            sum(facts.row_group(group).num_rows for group in groups) for groups in self._groups
        )

    def chunks(self, number: int) -> Iterator[pa.Table]:
        import pyarrow as pa

        waiting: list[pa.Table] = []
        for table in self._tables(self._groups[number]):
            waiting.append(table)
            if sum(each.num_rows for each in waiting) >= self._chunk_rows:
                yield pa.concat_tables(waiting)
                waiting = []
        if waiting:
            yield pa.concat_tables(waiting)

    def _tables(self, groups: Sequence[int]) -> Iterator[pa.Table]:
        import pyarrow as pa

        for group in groups:
            # A row group at a time: dictionaries of two of them do not fit into one batch.
            batches = self._file.iter_batches(
                self._chunk_rows, row_groups=[group], columns=self._names, use_threads=False
            )
            while True:
                with _damage_named(self._name):
                    batch = next(batches, None)
                if batch is None:
                    break
                yield pa.Table.from_batches([batch]).select(self._names)


@contextmanager
def _damage_named(name: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        if (
            isinstance(error, OSError) and error.errno is not None
        ):  # the disk's trouble, not Arrow's
            raise
        detail = "The file is no Parquet file, or it is damaged."
        raise BadFile(name=name, detail=detail) from None


def _opened(file: BinaryIO, columns: Sequence[Column]) -> Any:
    from pyarrow import parquet

    found = parquet.ParquetFile(file)
    names = found.schema_arrow.names
    labels = [each.name for each in columns if each.type == "category" and each.name in names]
    # Labels come as codes, which is how an estimator's frame holds them: three times as fast.
    return parquet.ParquetFile(file, metadata=found.metadata, read_dictionary=labels)


def _groups_of_pieces(facts: Any, least: int) -> Iterator[tuple[int, ...]]:
    groups, rows = [], 0
    for number in range(facts.num_row_groups):
        group = facts.row_group(number)
        if group.total_byte_size > MOST_UNPACKED:
            raise Broken(ViolationKind.VOLUME, "A row group unpacks to more than 16 GiB.")
        if not group.num_rows:
            continue
        groups.append(number)
        rows += group.num_rows
        if rows >= least:
            yield tuple(groups)
            groups, rows = [], 0
    if groups:
        yield tuple(groups)
