"""What is one partition's output, and how is it written, joined and recognised?

A Parquet file, named by the input and the digest of its bytes. It carries its record in its
metadata, so it alone says that its input was scored; the manifest beside it says the same to people
and is made again if it is missing. The same rows by the same version make the same bytes, however
the work was parted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from tenure.serving.batch.folders import WORK, Folder

if TYPE_CHECKING:
    import pyarrow as pa

_RECORD = b"tenure"
# Columns of few values; the others hold nothing twice, where a dictionary only costs time.
_REPEATED = ("prediction", "version", "epoch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The record of one scored partition: which bytes, how many rows, by which version."""

    model: str
    input: str
    digest: str
    rows: int
    version: int
    epoch: int
    actor: str

    @property
    def output(self) -> str:
        """The name of the file that holds the predictions."""
        return output_name(self.input, self.digest)

    @property
    def work(self) -> str:
        """The folder in which pieces wait for their joining; another version's is another."""
        return f"{WORK}/{_stem(self.input, self.digest)}-v{self.version}-e{self.epoch}"


def _stem(name: str, digest: str) -> str:
    return f"{name.rpartition('.')[0] or name}-{digest[:12]}"


def output_name(name: str, digest: str) -> str:
    """Return the name of the output for a partition of this name and these bytes."""
    return f"{_stem(name, digest)}.parquet"


def has_scored(destination: Folder, name: str, digest: str) -> bool:
    """Say whether these bytes were scored; makes their manifest again if it is missing."""
    import pyarrow.parquet as pq

    output = output_name(name, digest)
    if not destination.has(output):
        return False
    if not destination.has(_manifest_name(output)):
        with destination.open(output) as file:
            metadata = pq.read_schema(file).metadata or {}
        _put_manifest(destination, output, orjson.loads(metadata[_RECORD]))
    return True


def keep(destination: Folder, record: Scored, chunks: Iterable[pa.Table]) -> bool:
    """Write one output, whole or not at all, and its manifest; False if it is there already.

    Raises:
        ValueError: the chunks hold another number of rows than the record.
        OSError: it cannot be written.
    """
    text = orjson.dumps(asdict(record), option=orjson.OPT_SORT_KEYS)
    destination.make()
    with destination.fresh() as (file, fresh):
        rows = _write(chunks, text, file)
        if rows != record.rows:
            raise ValueError(f"{rows} rows, not {record.rows}")
        is_first = destination.place(file, fresh, record.output)
    if is_first:
        _put_manifest(destination, record.output, asdict(record))
    return is_first


def _manifest_name(output: str) -> str:
    return f"_manifests/{output}.json"


def _put_manifest(destination: Folder, output: str, record: dict[str, Any]) -> None:
    # The time is the output's own, so a manifest that was lost comes back as it was.
    at = destination.modified_at(output)
    said = {**record, "at": at and datetime.fromtimestamp(int(at), UTC).isoformat()}
    text = orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    destination.put(_manifest_name(output), text)


def _write(chunks: Iterable[pa.Table], record: bytes, target: Any) -> int:
    import pyarrow.parquet as pq

    writer, rows = None, 0
    try:
        for chunk in chunks:
            if writer is None:
                schema = chunk.schema.with_metadata({_RECORD: record})
                repeated: Any = [name for name in _REPEATED if name in schema.names]
                writer = pq.ParquetWriter(
                    target, schema, compression="zstd", compression_level=1, use_dictionary=repeated
                )
            writer.write_table(chunk.cast(writer.schema), row_group_size=chunk.num_rows)
            rows += chunk.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rows


def _piece_name(record: Scored, number: int) -> str:
    return f"{record.work}/{number:06d}.arrow"


def has_piece(destination: Folder, record: Scored, number: int) -> bool:
    """Say whether a piece was scored, by this run or by one that was killed."""
    return destination.has(_piece_name(record, number))


def keep_piece(
    destination: Folder, record: Scored, number: int, chunks: Iterable[pa.Table]
) -> None:
    """Write the answers of one piece, whole or not at all, for the joining."""
    import pyarrow as pa

    tables = list(chunks)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table.cast(tables[0].schema).combine_chunks())
    destination.put(_piece_name(record, number), memoryview(sink.getvalue()))


def pieces(destination: Folder, record: Scored, count: int) -> Iterator[pa.Table]:
    """Yield the chunks of all pieces in their order."""
    import pyarrow as pa

    for number in range(count):
        with destination.open(_piece_name(record, number)) as file:
            reader = pa.ipc.open_file(file)
            for place in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(place)])


def forget_pieces(destination: Folder, record: Scored) -> None:
    """Remove the pieces of an output that is there."""
    destination.remove(record.work)
