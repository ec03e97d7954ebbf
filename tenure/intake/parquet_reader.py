"""Which columns stand in a Parquet file?"""

from __future__ import annotations

from tenure.intake.reading import Broken, Format, Reading, too_many
from tenure.records import ViolationKind

MOST_UNPACKED = 16 << 30


def read_parquet(content: bytes, max_rows: int) -> Reading:
    """Read a Parquet file in its own types; how much it unpacks to is looked at first.

    Raises:
        Broken: it is no Parquet file, is damaged, or unpacks to too much.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        facts = file.metadata
        if facts.num_rows > max_rows:
            raise too_many(facts.num_rows, max_rows)
        groups = range(facts.num_row_groups)
        if sum(facts.row_group(group).total_byte_size for group in groups) > MOST_UNPACKED:
            raise Broken(ViolationKind.VOLUME, "The file unpacks to more than 16 GiB.")
        table = file.read(use_pandas_metadata=False)
    except (pa.ArrowException, OSError, ValueError):
        raise Broken(
            ViolationKind.UNREADABLE, "The file is no Parquet file, or it is damaged."
        ) from None
    return Reading(
        names=tuple(table.column_names),
        arrays=tuple(table.columns),
        rows=table.num_rows,
        format=Format.PARQUET,
    )
