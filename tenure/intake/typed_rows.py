"""How are the rows of one file read in types that are known: for scoring, and labels?

Files are read as at intake, strictly; a text in a CSV is then read as its column's type, never
guessed. Columns that nobody asked for are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tenure.errors import BadFile, BadRows
from tenure.intake.reading import Broken, Format, read
from tenure.records import Column
from tenure.spec.model import DataSpec

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_TEXTS = frozenset({"string", "category", "datetime", "date"})


def read_rows(name: str, content: bytes, columns: Sequence[Column], data: DataSpec) -> pd.DataFrame:
    """Return a file's rows with the columns asked for, ready for `cast`.

    Args:
        name: of the file; its ending gives the format unless the spec does.
        content: the file's bytes.
        columns: what is wanted, with types.
        data: the spec's part about data.

    Raises:
        BadFile: it cannot be read; says where, and repeats nothing that stands in it.
        BadRows: a column is not there, or holds something else.
    """
    import pandas as pd

    table = read_columns(name, content, columns, data)
    return pd.DataFrame({each: table.column(each).to_pandas() for each in table.column_names})


def read_columns(name: str, content: bytes, columns: Sequence[Column], data: DataSpec) -> pa.Table:
    """Return what `read_rows` does as an Arrow table, in the types of the file."""
    import pyarrow as pa

    texts = frozenset(column.name for column in columns if column.type in _TEXTS)
    try:
        found = read(name, content, data, texts)
    except Broken as broken:
        raise BadFile(name=name, detail=broken.message) from None
    made = {}
    for column in columns:
        places = [place for place, each in enumerate(found.names) if each == column.name]
        if len(places) != 1:
            got = "the name twice" if places else "nothing"
            raise BadRows(column=column.name, got=got, wanted="a column of the file")
        values = found.arrays[places[0]]
        made[column.name] = _typed(values, column) if found.format is Format.CSV else values
    return pa.table(made)


def _typed(texts: Any, column: Column) -> Any:
    import pyarrow as pa

    known = {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
    try:
        return texts.cast(known.get(column.type, pa.string()))
    except pa.ArrowInvalid:
        raise BadRows(column=column.name, got="a text", wanted=column.type) from None
