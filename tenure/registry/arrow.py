"""How are typed rows kept as bytes, and when do two batches hold the same?

A table is kept as Parquet (zstd, fixed row groups, no metadata), so one writer gives the same bytes
for the same rows. Its identity is the digest of canonical content, whatever file it came from:
names, types and values; NaN and a missing value are one, so are -0.0 and 0.0, and a category is the
text that it stands for.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported, so checkers do not know them.
from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenure.records import Column, canonical
from tenure.registry.store import open_store

if TYPE_CHECKING:
    import pyarrow as pa

    from tenure.workspace import Workspace

ROW_GROUP = 65_536
_ZSTD_LEVEL = 1


def arrow_type(kind: str) -> pa.DataType:
    """Return the Arrow type in which a column of a spec's type is kept."""
    import pyarrow as pa

    return {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "string": pa.string(),
        "category": pa.string(),
        "bool": pa.bool_(),
        "datetime": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
    }[kind]


def with_categories(table: pa.Table, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns with the categories that the table holds, sorted."""
    return tuple(
        replace(column, categories=_categories(table.column(column.name)))
        if column.type == "category"
        else replace(column, categories=())
        for column in columns
    )


def _categories(values: Any) -> tuple[str, ...]:
    return tuple(sorted(value for value in values.unique().to_pylist() if value is not None))


def content_digest(table: pa.Table, columns: Sequence[Column]) -> str:
    """Return the digest of names, types and values, in the order of rows and columns."""
    found = hashlib.sha256(
        canonical({"rows": table.num_rows, "columns": [[c.name, c.type] for c in columns]})
    )
    for column in columns:
        for part in _canonical_parts(table.column(column.name)):
            found.update(part)
    return found.hexdigest()


def _canonical_parts(chunks: Any) -> list[Any]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values = chunks.combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else values.type
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    there = np.packbits(values.is_valid().to_numpy(zero_copy_only=False))
    if pa.types.is_string(values.type):
        texts = values.cast(pa.large_string()).fill_null("")
        bounds = np.frombuffer(texts.buffers()[1], dtype="<i8")
        bounds = bounds[texts.offset : texts.offset + len(texts) + 1]
        data = texts.buffers()[2]
        body = memoryview(data)[int(bounds[0]) : int(bounds[-1])] if data is not None else b""
        return [there, np.ascontiguousarray(np.diff(bounds)), body]
    if pa.types.is_boolean(values.type):
        return [there, values.cast(pa.uint8()).fill_null(0).to_numpy()]
    if pa.types.is_floating(values.type):
        return [there, values.fill_null(0.0).to_numpy() + 0.0]
    if pa.types.is_date32(values.type):
        return [there, values.cast(pa.int32()).fill_null(0).to_numpy()]
    return [there, values.cast(pa.int64()).fill_null(0).to_numpy()]


def write_table(
    table: pa.Table, columns: Sequence[Column], workspace: Workspace
) -> tuple[str, int, str]:
    """Keep a table in the store; return object digest, size in bytes and content digest."""
    import pyarrow.parquet as pq

    target = io.BytesIO()
    texts = [column.name for column in columns if column.type in ("category", "string", "date")]
    pq.write_table(
        table.select([column.name for column in columns]).replace_schema_metadata(None),
        target,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        row_group_size=ROW_GROUP,
        # Numbers gain little from a dictionary, and trying one doubles the time of a write.
        use_dictionary=texts,  # type: ignore[arg-type]
        store_schema=False,
    )
    data = target.getbuffer()
    return open_store(workspace).put_bytes(bytes(data)), len(data), content_digest(table, columns)


def read_table(digest: str, workspace: Workspace, names: Sequence[str] | None = None) -> pa.Table:
    """Read a table from the store, its bytes verified; `names` picks columns.

    Raises:
        ObjectMissing, ObjectDamaged: its bytes are gone or changed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = open_store(workspace).get_bytes(digest)
    return pq.read_table(pa.BufferReader(data), columns=list(names) if names is not None else None)
