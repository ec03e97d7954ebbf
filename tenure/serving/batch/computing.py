"""What does a version answer on a chunk of a partition, as a chunk of its output?"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported, so checkers do not know them.
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.records import Column
from tenure.serving.batch.answering import Bulk
from tenure.serving.batch.frames import frame_of, plain
from tenure.serving.batch.outputs import Scored
from tenure.serving.runtime import Runtime
from tenure.spec.model import DataSpec
from tenure.spec.treatment import treat_frame

if TYPE_CHECKING:
    import pyarrow as pa


def key_columns(data: DataSpec, runtime: Runtime) -> tuple[Column, ...]:
    """Return the key's columns that the version does not take, which are carried over."""
    asked = {column.name for column in runtime.asked}
    return tuple(
        Column(name=name, type=data.columns.get(name, "string"))
        for name in data.key
        if name not in asked
    )


def answered(
    chunks: Iterable[pa.Table], start: int, version: Bulk, data: DataSpec, record: Scored
) -> Iterator[pa.Table]:
    """Yield the answers to chunks of rows, each as large as its chunk.

    Args:
        chunks: columns asked for and keys, as they arrive.
        start: the number of the first row in its partition.
        version: computes on one thread, so that bits do not depend on the machine's.
        data: the spec's part about data, for the keys.
        record: of the output.

    Raises:
        BadRows: a column cannot be what the version was trained on.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        for chunk in chunks:
            yield _answer(chunk, start, version, data, record)
            start += chunk.num_rows


def _answer(rows: pa.Table, start: int, version: Bulk, data: DataSpec, record: Scored) -> pa.Table:
    import pyarrow as pa

    count = rows.num_rows
    numbers = pa.array(np.arange(start, start + count))
    columns: dict[str, Any] = {"prediction_id": _ids(record, numbers), "row": numbers}
    columns |= _kept(rows, data, version.runtime)
    columns |= _predicted(rows, version)
    columns["version"] = pa.array(np.full(count, record.version))
    columns["epoch"] = pa.array(np.full(count, record.epoch))
    return pa.table(columns)


def _ids(record: Scored, numbers: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    prefix = pa.scalar(f"{record.digest[:12]}-")
    return pc.binary_join_element_wise(prefix, numbers.cast(pa.string()), "")


def _kept(rows: pa.Table, data: DataSpec, runtime: Runtime) -> dict[str, Any]:
    import pyarrow as pa

    keys = plain(rows.select([column.name for column in key_columns(data, runtime)]))
    if not set(data.treat).intersection(keys.column_names):
        return {name: keys.column(name) for name in keys.column_names}
    treated = treat_frame(keys.to_pandas(), data, runtime.workspace)
    return {name: pa.Array.from_pandas(treated[name]) for name in treated.columns}


def _predicted(rows: pa.Table, version: Bulk) -> dict[str, Any]:
    import pyarrow as pa

    runtime = version.runtime
    treat = runtime.rules.data.treat if runtime.rules.data is not None else {}
    if any(column.name in treat for column in runtime.asked):
        arriving = plain(rows.select([column.name for column in runtime.asked]))
        frame = runtime.treated(arriving.to_pandas())
    else:
        frame = frame_of(rows, runtime.features)
    found = version.predict(frame)
    kind = pa.float64() if not runtime.classes else None
    columns: dict[str, Any] = {"prediction": _array(found.values, kind)}
    if found.probabilities is not None:
        shares = np.asarray(found.probabilities, dtype="float64")
        for place, label in enumerate(runtime.classes):
            columns[f"probability.{label}"] = _array(shares[:, place], pa.float64())
    return columns


def _array(values: Any, kind: Any) -> pa.Array:
    import pyarrow as pa

    if not isinstance(values, np.ndarray):
        return pa.array(values, kind)
    # What is not finite is missing, as in an answer of the server.
    absent = ~np.isfinite(values) if values.dtype.kind == "f" else None
    return pa.array(values, kind, mask=absent)
