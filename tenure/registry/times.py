"""How do texts become times, and when did each row of a batch happen?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenure.records import Column
    from tenure.spec.model import DataSpec

_OFFSET = r"(?:[Zz]|[+-]\d{2}:?\d{2})$"


def zone_of(data: DataSpec) -> str:
    """Return the zone of times that carry none."""
    return data.time.timezone if data.time else "UTC"


def format_for(name: str, data: DataSpec) -> str | None:
    """Return the spec's time format if it is about this column."""
    return data.time.format if data.time and data.time.columns[0] == name else None


def parse_dates(texts: Any, pattern: str | None) -> Any:
    """Return texts (an Arrow array) as date32; what is no date, or more than one, is missing."""
    import pyarrow as pa

    return _parsed(texts, pattern, "UTC", whole_days=True).cast(pa.date32())


def parse_datetimes(texts: Any, pattern: str | None, zone: str) -> Any:
    """Return texts as timestamps in UTC; what is no time is missing.

    Args:
        texts: an Arrow array of strings.
        pattern: a strptime format; ISO 8601 if None.
        zone: of times that carry no offset.
    """
    return _parsed(texts, pattern, zone, whole_days=False)


def _parsed(texts: Any, pattern: str | None, zone: str, *, whole_days: bool) -> Any:
    import pandas as pd
    import pyarrow as pa

    coded = texts.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    distinct = pd.Series(coded.dictionary.to_pylist(), dtype="str")
    times = _of_distinct(distinct, pattern, zone)
    if whole_days:
        times = times.where(times == times.dt.floor("D"))
    made = pa.Array.from_pandas(times, type=pa.timestamp("us", tz="UTC"), safe=False)
    return made.take(coded.indices)


def _of_distinct(texts: Any, pattern: str | None, zone: str) -> Any:
    import pandas as pd

    if pattern:
        aware = pd.Series(data="%z" in pattern or "%Z" in pattern, index=texts.index)
    else:
        aware = texts.str.contains("T| ", regex=True) & texts.str.contains(_OFFSET, regex=True)
    wanted = pattern or "ISO8601"
    with_zone = pd.to_datetime(texts.where(aware), format=wanted, errors="coerce", utc=True)
    plain = pd.to_datetime(texts.where(~aware), format=wanted, errors="coerce")
    return with_zone.fillna(to_utc(plain, zone)).astype("datetime64[us, UTC]")


def to_utc(plain: Any, zone: str) -> Any:
    """Return naive times (a Series) of a zone in UTC.

    An hour that comes twice is its first coming; one that a clock skipped is the next that exists.
    """
    import numpy as np

    is_first = np.ones(len(plain), dtype=bool)
    placed = plain.dt.tz_localize(zone, ambiguous=is_first, nonexistent="shift_forward")
    return placed.dt.tz_convert("UTC")


def row_times(table: Any, columns: Sequence[Column], data: DataSpec) -> Any:
    """Return when each row happened: a Series of UTC times, missing where it cannot be told.

    A further column is the hour of the day (0..23), a third one the minute.
    """
    import pandas as pd
    import pyarrow as pa

    assert data.time is not None
    first, *others = data.time.columns
    kinds = {column.name: column.type for column in columns}
    values = table.column(first)
    if kinds[first] in ("string", "category"):
        values = parse_datetimes(values, data.time.format, data.time.timezone)
    if kinds[first] == "datetime" or not others:
        times = values.cast(pa.timestamp("us", tz="UTC")).to_pandas()
        is_day = kinds[first] == "date"
        return to_utc(times.dt.tz_localize(None), data.time.timezone) if is_day else times
    days = values.cast(pa.timestamp("us")).to_pandas()
    if kinds[first] != "date":
        days = pd.Series(days).dt.tz_localize("UTC").dt.tz_convert(data.time.timezone)
        days = days.dt.tz_localize(None)
    for name, most, unit in zip(others, (23, 59), ("h", "m"), strict=False):
        part = table.column(name).cast(pa.float64(), safe=False).to_pandas()
        days = days + pd.to_timedelta(part.where(part.between(0, most)), unit=unit)  # type: ignore[arg-type]
    return to_utc(days, data.time.timezone)


def bounds(times: Any) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last of some times, None where there is none."""
    known = times.dropna()
    if not len(known):
        return None, None
    first, last = known.min().to_pydatetime(), known.max().to_pydatetime()
    return first.astimezone(UTC), last.astimezone(UTC)
