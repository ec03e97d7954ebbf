"""How are the rows of one file read for scoring, in the types of a version's columns?

A file is read once into memory, and what is hashed is what is parsed. A number in a CSV is read as
its column's type, never guessed; columns that nobody asked for are not looked at.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from tenure.errors import BadRows
from tenure.records import Column

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_FORMATS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def format_of(name: str) -> str | None:
    """Return a file's format by its ending, None if it is none that can be read.

    >>> format_of("a.CSV"), format_of("a.txt")
    ('csv', None)
    """
    return _FORMATS.get("." + name.lower().rpartition(".")[2])


def read_rows(
    content: bytes, kind: str, columns: Sequence[Column], missing: Sequence[str]
) -> pd.DataFrame:
    """Return a file's rows with the columns asked for, in their types.

    Args:
        content: the file's bytes.
        kind: csv, parquet or jsonl.
        columns: what is wanted, with types.
        missing: texts in a CSV that mean a missing value.

    Raises:
        BadRows: a column is not there, or holds something else; no value is quoted.
    """
    import pyarrow as pa

    try:
        match kind:
            case "csv":
                return _csv(content, columns, missing).to_pandas()
            case "jsonl":
                return _json_lines(content, columns).to_pandas()
            case _:
                return _parquet(content, columns).to_pandas()
    except pa.ArrowInvalid as error:
        raise _explained(error, columns, kind) from None


def _csv(content: bytes, columns: Sequence[Column], missing: Sequence[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    names = [column.name for column in columns]
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=names,
        null_values=list(missing),
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    try:
        texts = csv.read_csv(io.BytesIO(content), convert_options=options)
    except KeyError:  # Arrow names only the first of them, in a sentence
        header = csv.open_csv(io.BytesIO(content)).schema.names
        raise _absent(next(name for name in names if name not in header)) from None
    return pa.table({column.name: _typed(texts.column(column.name), column) for column in columns})


def _typed(texts: Any, column: Column) -> Any:
    import pyarrow as pa

    try:
        return texts.cast(_arrow_type(column))
    except pa.ArrowInvalid:
        raise BadRows(column=column.name, got="a text", wanted=column.type) from None


def _json_lines(content: bytes, columns: Sequence[Column]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import json

    for column in columns:
        if orjson.dumps(column.name) not in content:
            raise _absent(column.name)
    schema = pa.schema([(column.name, _arrow_type(column)) for column in columns])
    options = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    return json.read_json(io.BytesIO(content), parse_options=options)


def _parquet(content: bytes, columns: Sequence[Column]) -> pa.Table:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(io.BytesIO(content))
    for column in columns:
        if column.name not in file.schema_arrow.names:
            raise _absent(column.name)
    return file.read(columns=[column.name for column in columns])


def _arrow_type(column: Column) -> Any:
    import pyarrow as pa

    known = {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
    return known.get(column.type, pa.string())


def _absent(name: str) -> BadRows:
    return BadRows(column=name, got="nothing", wanted="a column of the file")


def _explained(error: Exception, columns: Sequence[Column], kind: str) -> BadRows:
    # Arrow's text quotes the value that it met; only the column that it names is passed on.
    named = [column for column in columns if f"Column(/{column.name})" in str(error)]
    if named:
        got = "values of another type"
        return BadRows(column=named[0].name, got=got, wanted=named[0].type)
    first = columns[0].name if columns else "(any)"
    return BadRows(column=first, got=f"a file that is no whole {kind}", wanted="rows")
