"""How do Arrow columns become the frame that an estimator takes, without a Python object a value?

The result is `cast`'s, column by column; a column whose type in the file is not its own, such as
times that come as texts, goes through `cast` itself, which refuses what does not fit.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported, so checkers do not know them.
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tenure.errors import BadRows
from tenure.records import Column
from tenure.registry.frames import cast

if TYPE_CHECKING:
    import pyarrow as pa


def frame_of(table: pa.Table, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the columns asked for, ordered and typed as a model was fitted.

    Raises:
        BadRows: a column holds something else; never says a row's value.
    """
    made = {column.name: _values(table.column(column.name), column) for column in columns}
    return pd.DataFrame(made, index=pd.RangeIndex(table.num_rows), copy=False)


def plain(table: pa.Table) -> pa.Table:
    """Return a table without dictionaries, as a file would be read that has none."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            values = table.column(place).cast(field.type.value_type)
            table = table.set_column(place, field.name, values)
    return table


def _values(values: pa.ChunkedArray, column: Column) -> Any:
    import pyarrow as pa

    kind, whole = values.type, not values.null_count
    match column.type:
        case "float64" if pa.types.is_float32(kind) or pa.types.is_float64(kind):
            return _floats(values, column)
        case "float64" | "int64" if pa.types.is_signed_integer(kind) and whole:
            return values.to_numpy().astype(column.type, copy=False)
        case "bool" if pa.types.is_boolean(kind) and whole:
            return values.to_numpy()
        case "category" if _holds_texts(kind):
            return _labels(values, column)
        case "string" if _holds_texts(kind) and not pa.types.is_dictionary(kind):
            return values.to_pandas().astype("str")
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
    alone = pd.DataFrame({column.name: values.to_pandas()})
    return cast(alone, (column,))[column.name]


def _floats(values: pa.ChunkedArray, column: Column) -> np.ndarray:
    numbers = values.to_numpy().astype("float64", copy=False)
    if np.isinf(numbers).any():
        raise BadRows(column=column.name, got="an infinite number", wanted=column.type)
    return numbers


def _holds_texts(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _labels(values: pa.ChunkedArray, column: Column) -> pd.Categorical:
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pa.array(column.categories, pa.string())
    if pa.types.is_dictionary(values.type):
        coded: Any = values.unify_dictionaries().combine_chunks()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.chunk(0)
        own = pc.index_in(coded.dictionary.cast(pa.string()), value_set=known)
        found = own.fill_null(-1).take(coded.indices)
    else:
        found = pc.index_in(values.cast(pa.string()), value_set=known)
    codes = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    labels = pd.Index(column.categories, dtype="str")
    return pd.Categorical.from_codes(codes, categories=labels)  # type: ignore[arg-type]
