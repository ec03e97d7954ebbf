# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported, so checkers do not know them.
"""How are personal columns treated, before anything of them is stored?

One function does it for batches, one for the rows of a request, with the same result: what a model
was fitted on is what it is asked about and what a log may hold.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenure.records import Column
from tenure.spec.keyring import secret_key
from tenure.spec.model import Coarsen, DataSpec

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tenure.workspace import Workspace

MASK = "***"
_TOKEN_BYTES = 15
TIMES = ("date", "datetime")
NUMBERS = ("int64", "float64")


def unfit_treatments(columns: Sequence[Column], data: DataSpec) -> dict[str, str]:
    """Return the treatments that do not fit, by column, each with what is wrong in words.

    A treatment of a column that is not there is one of them: it protects nothing.
    """
    kinds = {column.name: column.type for column in columns}
    wrong = {}
    for name, how in data.treat.items():
        if name not in kinds:
            wrong[name] = "there is no such column"
        elif isinstance(how, Coarsen):
            wanted = TIMES if isinstance(how.coarsen, str) else NUMBERS
            if kinds[name] not in wanted:
                wrong[name] = f"{how.coarsen} is for {' or '.join(wanted)}, not {kinds[name]}"
    return wrong


def stored_columns(columns: Sequence[Column], data: DataSpec) -> tuple[Column, ...]:
    """Return what is stored of the columns that arrive.

    >>> arrive = (Column(name="mail", type="string"), Column(name="age", type="int64"))
    >>> data = DataSpec(source="in", target="y", treat={"mail": "drop", "age": {"coarsen": 10}})
    >>> [(column.name, column.type) for column in stored_columns(arrive, data)]
    [('age', 'int64')]
    """
    stored = []
    for column in columns:
        match data.treat.get(column.name):
            case "drop":
                continue
            case "mask" | "pseudonymise":
                stored.append(replace(column, type="string", categories=()))
            case Coarsen(coarsen=float(width)) if not width.is_integer():
                stored.append(replace(column, type="float64"))
            case _:
                stored.append(column)
    return tuple(stored)


def treat_table(table: pa.Table, data: DataSpec, workspace: Workspace) -> pa.Table:
    """Return a table whose declared columns are treated; the types are `stored_columns`'."""
    key = _key(data, workspace)
    for name, how in data.treat.items():
        if name not in table.column_names:
            continue
        place = table.column_names.index(name)
        if how == "drop":
            table = table.remove_column(place)
        else:
            table = table.set_column(place, name, _treated(table.column(place), how, key))
    return table


def treat_frame(frame: pd.DataFrame, data: DataSpec, workspace: Workspace) -> pd.DataFrame:
    """Return the rows of a request with their declared columns treated, ready for `cast`.

    Times may still be ISO 8601 texts; values that do not fit their treatment become missing, so
    nothing untreated ever passes.
    """
    import pyarrow as pa

    key = _key(data, workspace)
    treated = frame.drop(columns=[n for n in frame.columns if data.treat.get(n) == "drop"])
    for name, how in data.treat.items():
        if name in treated.columns:
            values = _arrow_values(treated[name], how)
            made = _treated(pa.chunked_array([values]), how, key).to_pandas()
            treated = treated.assign(**{name: made.set_axis(treated.index)})
    return treated


def treat_row(row: Mapping[str, Any], data: DataSpec, workspace: Workspace) -> dict[str, Any]:
    """Return one record of a request, treated as `treat_frame` does it."""
    import pandas as pd

    frame = treat_frame(pd.DataFrame([dict(row)]), data, workspace)
    return dict(frame.iloc[0].items())


def _key(data: DataSpec, workspace: Workspace) -> bytes:
    wanted = "pseudonymise" in data.treat.values()
    return secret_key("pseudonym", workspace) if wanted else b""


def _arrow_values(values: Any, how: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    if isinstance(how, Coarsen) and isinstance(how.coarsen, str):
        times = pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True)
        return pa.Array.from_pandas(times.astype("datetime64[us, UTC]"))
    if isinstance(how, Coarsen):
        whole = pd.api.types.is_integer_dtype(values.dtype)
        return pa.Array.from_pandas(values if whole else pd.to_numeric(values, errors="coerce"))
    return pa.array([_text(value) for value in values], type=pa.string())


def _text(value: Any) -> str | None:
    import pandas as pd

    return None if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


def _treated(values: Any, how: Any, key: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    match how:
        case "mask":
            return pc.if_else(values.is_valid(), pa.scalar(MASK), pa.scalar(None, pa.string()))
        case "pseudonymise":
            return _pseudonyms(values, key)
        case Coarsen(coarsen=("month" | "year") as unit):
            return _first_of(values, unit)
        case Coarsen(coarsen=float(width)):
            return _banded(values, width)
        case _:
            raise AssertionError(how)


def _pseudonyms(values: Any, key: bytes) -> Any:
    import pyarrow as pa

    coded = values.cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    tokens = pa.array([pseudonym(text, key) for text in coded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([tokens.take(coded.indices)])


def pseudonym(text: str, key: bytes) -> str:
    """Return the token that stands for a text: HMAC-SHA256 under the workspace's key, 120 bits.

    The same text gives the same token in every batch, request and model of a workspace, so rows
    can be joined and grouped by it.
    """
    digest = hmac.digest(key, text.encode(), "sha256")[:_TOKEN_BYTES]
    return "p" + base64.b32encode(digest).decode().lower()


def _first_of(values: Any, unit: str) -> Any:
    import pyarrow.compute as pc

    return pc.floor_temporal(values, unit=unit).cast(values.type)


def _banded(values: Any, width: float) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(values.type) and width.is_integer():
        step = pa.scalar(int(width), pa.int64())
        whole = values.cast(pa.int64())
        left = pc.subtract(whole, pc.multiply(pc.divide(whole, step), step))
        return pc.subtract(whole, pc.if_else(pc.less(left, 0), pc.add(left, step), left))
    bands = pc.floor(pc.divide(values.cast(pa.float64(), safe=False), pa.scalar(width)))
    return pc.multiply(bands, pa.scalar(width))
