"""How do snapshots become the frame that an estimator takes, with the same types each time?

A frame's types are those of its columns' records: int64, float64, str, bool, category (texts),
datetime64[us, UTC], datetime64[s] for dates. Where a whole number or a truth value is missing, the
column is float64 with NaN, which scikit-learn takes. Handles travel between stages, frames do not.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported, so checkers do not know them.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenure.errors import BadRows, SnapshotNotFound
from tenure.records import Column, Snapshot
from tenure.registry.arrow import arrow_type, read_table, with_categories, write_table
from tenure.registry.opening import open_ledger

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tenure.workspace import Workspace

EXACT_FLOAT = 2**53
_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal", "empty"}
_WIDER = {
    frozenset({"int64", "float64"}): "float64",
    frozenset({"category", "string"}): "string",
    frozenset({"date", "datetime"}): "datetime",
}


def write_frame(
    frame: pd.DataFrame, columns: Sequence[Column], workspace: Workspace
) -> tuple[str, int, str]:
    """Keep a frame in the store as deterministic Parquet.

    Returns:
        The object's digest, its size in bytes, and the digest of its canonical content.

    Raises:
        BadRows: a column is missing or of another type.
    """
    known = tuple(
        replace(column, categories=tuple(sorted(frame[column.name].dropna().astype(str).unique())))
        if column.type == "category" and column.name in frame
        else column
        for column in columns
    )
    return write_table(to_table(cast(frame, known), known), known, workspace)


def to_table(frame: pd.DataFrame, columns: Sequence[Column]) -> pa.Table:
    """Return a frame whose types fit its columns (`cast`) as an Arrow table."""
    import pyarrow as pa

    arrays = []
    for column in columns:
        values: Any = frame[column.name]
        if column.type == "category":
            values = values.astype(object)
        elif column.type == "bool" and values.dtype == "float64":
            values = values.astype("boolean")
        arrays.append(pa.Array.from_pandas(values, type=arrow_type(column.type), safe=True))
    return pa.table(arrays, names=[column.name for column in columns])


def to_frame(table: pa.Table, columns: Sequence[Column]) -> pd.DataFrame:
    """Return an Arrow table as a frame with the columns' types and a RangeIndex."""
    import pandas as pd

    return pd.DataFrame(
        {column.name: _series(table.column(column.name), column) for column in columns}
    )


def _series(values: Any, column: Column) -> Any:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    match column.type:
        case "category":
            known = pa.array(column.categories, type=pa.string())
            codes = pc.index_in(values, value_set=known).fill_null(-1).to_numpy()
            labels = pd.Index(column.categories, dtype="str")
            return pd.Categorical.from_codes(codes.astype(np.int32), categories=labels)
        case "bool" if values.null_count:
            return values.cast(pa.uint8()).cast(pa.float64()).to_numpy()
        case "string":
            return values.to_pandas().astype("str")
        case "date":
            return values.to_pandas(date_as_object=False).astype("datetime64[s]")
        case _:
            return values.to_pandas()


def read_frames(
    model: str,
    digests: Sequence[str],
    workspace: Workspace,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read snapshots into one frame, in the order given.

    Types are the newest snapshot's; where older ones differ, the wider type is taken. A category
    column has the categories of all snapshots read; a column that an older snapshot lacks is
    missing there.

    Args:
        model: its name.
        digests: of snapshots.
        workspace: where they are.
        columns: names to read, in this order; all of the newest snapshot's if None.

    Raises:
        SnapshotNotFound: the model has no such snapshot.
        BadRows: a column that is wanted is in no snapshot, or its types cannot be joined.
        ObjectMissing, ObjectDamaged: a snapshot's bytes are gone or changed.
    """
    import pandas as pd
    import pyarrow as pa

    snapshots = [_found(model, digest, workspace) for digest in digests]
    if not snapshots:
        return pd.DataFrame(columns=list(columns or ()))
    wanted = _joined_columns(snapshots, columns)
    tables = []
    for snapshot in snapshots:
        there = {column.name for column in snapshot.columns}
        names = [column.name for column in wanted if column.name in there]
        table = read_table(snapshot.object, workspace, names)
        tables.append(_fitted(table, wanted))
    return to_frame(pa.concat_tables(tables), wanted)


def _found(model: str, digest: str, workspace: Workspace) -> Snapshot:
    snapshot = open_ledger(workspace).snapshot(model, digest)
    if snapshot is None:
        raise SnapshotNotFound(model=model, snapshot=digest)
    return snapshot


def _joined_columns(
    snapshots: Sequence[Snapshot], names: Sequence[str] | None
) -> tuple[Column, ...]:
    newest = max(snapshots, key=lambda snapshot: snapshot.seq)
    joined = {column.name: column for column in newest.columns}
    for snapshot in snapshots:
        for column in snapshot.columns:
            joined[column.name] = _wider(joined.get(column.name, column), column)
    order = list(names) if names is not None else [column.name for column in newest.columns]
    for name in order:
        if name not in joined:
            raise BadRows(column=name, got="nothing", wanted="a column of a snapshot")
    return tuple(joined[name] for name in order)


def _wider(one: Column, other: Column) -> Column:
    if one.type != other.type:
        kind = _WIDER.get(frozenset({one.type, other.type}))
        if kind is None:
            raise BadRows(
                column=one.name, got=f"{other.type} in an older snapshot", wanted=one.type
            )
        return replace(one, type=kind, categories=())
    if one.type == "category" and one.categories != other.categories:
        return replace(one, categories=tuple(sorted({*one.categories, *other.categories})))
    return one


def _fitted(table: pa.Table, columns: Sequence[Column]) -> pa.Table:
    import pyarrow as pa

    there = set(table.column_names)
    return pa.table(
        {
            column.name: table.column(column.name).cast(arrow_type(column.type))
            if column.name in there
            else pa.nulls(table.num_rows, arrow_type(column.type))
            for column in columns
        }
    )


def cast(frame: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Order and type a frame's columns exactly as a model was fitted; other columns are left out.

    Nothing is guessed: a text is no number, a number is no text, a truth value is neither. A
    category that the column does not know becomes missing. Times may be ISO 8601 texts.

    Raises:
        BadRows: names the column, what it got and what was wanted; never a row's value.
    """
    import pandas as pd

    for column in columns:
        if column.name not in frame.columns:
            raise BadRows(column=column.name, got="nothing", wanted=column.type)
    made = {column.name: _cast_one(frame[column.name], column) for column in columns}
    return pd.DataFrame(made, index=pd.RangeIndex(len(frame)))


def _cast_one(values: Any, column: Column) -> Any:
    import pandas as pd

    if isinstance(values, pd.DataFrame):
        raise BadRows(column=column.name, got="the name twice", wanted="it once")
    values = values.reset_index(drop=True)
    match column.type:
        case "int64":
            return _whole(_numbers(values, column), column)
        case "float64":
            return _numbers(values, column).astype("float64")
        case "bool":
            return _truth(values, column)
        case "string":
            return _texts(values, column)
        case "category":
            return _labels(values, column)
        case _:
            return _times(values, column)


def _labels(values: Any, column: Column) -> Any:
    import pandas as pd

    known = pd.Index(column.categories, dtype="str")
    if isinstance(values.dtype, pd.CategoricalDtype) and values.cat.categories.equals(known):
        return values.array
    return pd.Categorical.from_codes(
        known.get_indexer(_texts(values, column)),  # type: ignore[arg-type]
        categories=known,
    )


def _kind(values: Any) -> str:
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        return _kind(values.cat.categories)
    return pd.api.types.infer_dtype(values, skipna=True)


def _refused(values: Any, column: Column) -> BadRows:
    return BadRows(column=column.name, got=_kind(values), wanted=column.type)


def _numbers(values: Any, column: Column) -> Any:
    import numpy as np
    import pandas as pd

    if values.dtype == "bool" or not (
        pd.api.types.is_numeric_dtype(values.dtype)
        or (values.dtype == object and _kind(values) in _NUMBERS)
    ):
        if not len(values) or values.isna().all():
            return pd.Series(np.nan, index=values.index, dtype="float64")
        raise _refused(values, column)
    if values.dtype != object and values.dtype.kind in "iu" and not values.isna().any():
        return values
    try:
        numbers = values.astype("float64")
    except (OverflowError, TypeError, ValueError):
        raise _refused(values, column) from None
    if np.isinf(numbers.to_numpy()).any():
        raise BadRows(column=column.name, got="an infinite number", wanted=column.type)
    return numbers


def _whole(numbers: Any, column: Column) -> Any:
    import numpy as np

    if numbers.dtype.kind in "iu":
        if numbers.dtype.kind == "u" and len(numbers) and numbers.max() >= 2**63:
            raise BadRows(column=column.name, got="a number above int64", wanted="int64")
        return numbers.astype("int64")
    present = numbers.dropna().to_numpy()
    if (present != np.floor(present)).any():
        raise BadRows(column=column.name, got="a fraction", wanted="int64")
    if (np.abs(present) > EXACT_FLOAT).any():
        raise BadRows(column=column.name, got="a number above 2**53 as float", wanted="int64")
    return numbers if len(present) < len(numbers) else numbers.astype("int64")


def _truth(values: Any, column: Column) -> Any:
    if values.dtype == "bool":
        return values
    empty = not len(values) or values.isna().all()
    as_numbers = values.dtype == "float64" and values.dropna().isin((0.0, 1.0)).all()
    if not (empty or as_numbers or _kind(values) == "boolean"):
        raise _refused(values, column)
    return values.astype("float64") if values.isna().any() else values.astype("bool")


def _texts(values: Any, column: Column) -> Any:
    if not (_kind(values) in ("string", "empty") or values.isna().all()):
        raise _refused(values, column)
    return values.astype(object).astype("str")


def _times(values: Any, column: Column) -> Any:
    import pandas as pd

    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        if _kind(values) not in ("string", "empty", "datetime", "date", "datetime64"):
            raise _refused(values, column)
        try:
            values = pd.to_datetime(values.astype(object), format="ISO8601", utc=True)
        except (ValueError, TypeError, OverflowError):
            raise BadRows(column=column.name, got="no ISO 8601 time", wanted=column.type) from None
    if values.dt.tz is None:
        values = values.dt.tz_localize("UTC")
    values = values.dt.tz_convert("UTC")
    if column.type == "date":
        return values.dt.tz_localize(None).dt.floor("D").astype("datetime64[s]")
    return values.astype("datetime64[us, UTC]")


__all__ = [
    "cast",
    "read_frames",
    "to_frame",
    "to_table",
    "with_categories",
    "write_frame",
]
