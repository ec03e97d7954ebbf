# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported, so checkers do not know them.
"""Do the values of a column fit its type, and which type fits values that nobody described?

A fit is exact: nothing is rounded, cut off or guessed. What does not fit is counted, never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenure.intake.reading import Format
from tenure.registry.times import format_for, parse_dates, parse_datetimes, zone_of

if TYPE_CHECKING:
    from tenure.spec.model import DataSpec

WHOLE = r"^-?(0|[1-9]\d*)$"
NUMBER = r"^-?(0|[1-9]\d*)?(\.\d*)?([eE][+-]?\d+)?$"
HAS_DIGIT = r"\d"
TRUTH = r"^(?i)(true|false)$"
MOST_CATEGORIES = 100
_HEAD = 256


@dataclass(frozen=True, slots=True)
class Unfit:
    """Values that are not of the type that was wanted: what they are, and in how many rows."""

    got: str
    rows: int


def fit(name: str, values: Any, kind: str, form: Format, data: DataSpec) -> Any:
    """Return values in the Arrow type of a column's type, or what is unfit about them.

    Args:
        name: of the column; the spec's time format may be about it.
        values: an Arrow chunked array as its format gave it.
        kind: the type that is wanted.
        form: the format.
        data: the spec's part about data.
    """
    import pyarrow as pa

    values = _plain(values)
    if pa.types.is_null(values.type):
        values = values.cast(pa.string())
    if pa.types.is_string(values.type):
        if form is Format.CSV or kind in ("string", "category", "date", "datetime"):
            return _fit_text(name, values, kind, form, data)
        if values.null_count == len(values):
            return _fit_text(name, values, kind, Format.CSV, data)
    return _fit_typed(values, kind, data)


def _plain(values: Any) -> Any:
    """Return values without dictionaries and the many spellings of a string type."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    return values


def _fit_text(name: str, texts: Any, kind: str, form: Format, data: DataSpec) -> Any:
    match kind:
        case "string" | "category":
            return texts
        case "int64":
            return _whole(texts)
        case "float64":
            return _floating(texts)
        case "bool":
            return _truth(texts)
        case "date":
            made = parse_dates(texts, format_for(name, data))
            return _all_or(made, texts, _time_words(name, "date", data))
        case _:
            if form is Format.PARQUET and texts.null_count < len(texts):
                return Unfit("text", len(texts) - texts.null_count)
            made = parse_datetimes(texts, format_for(name, data), zone_of(data))
            return _all_or(made, texts, _time_words(name, "time", data))


def _time_words(name: str, what: str, data: DataSpec) -> str:
    pattern = format_for(name, data)
    return f"text that is no {what} " + ("in data.time.format" if pattern else "in ISO 8601")


def _all_or(made: Any, texts: Any, got: str) -> Any:
    lost = made.null_count - texts.null_count
    return Unfit(got, lost) if lost else made


def _trimmed(texts: Any) -> Any:
    import pyarrow.compute as pc

    return pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), r"^\+(\d)", r"\1")


def _rows_that(texts: Any, pattern: str, *, match: bool = True) -> int:
    import pyarrow.compute as pc

    hits = pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0
    return hits if match else len(texts) - texts.null_count - hits


def _all_match(texts: Any, pattern: str) -> bool:
    # Most columns show in their first rows what they are not.
    head = texts.slice(0, _HEAD)
    return not (_rows_that(head, pattern, match=False) or _rows_that(texts, pattern, match=False))


def _whole(texts: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        made = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        texts = _trimmed(texts)
        others = _rows_that(texts, r"^-?\d+$", match=False)
        if others:
            return Unfit("text that is no whole number", others)
        try:
            made = texts.cast(pa.int64())
        except pa.ArrowInvalid:
            return Unfit("whole numbers beyond int64", _rows_that(texts, r"^-?0*[1-9]\d{18,}$"))
    if pc.any(pc.match_substring(texts, "x", ignore_case=True)).as_py():
        return Unfit("text that is no whole number", _rows_that(texts, "(?i)x"))
    return made


def _floating(texts: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        made = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        texts = _trimmed(texts)
        try:
            made = texts.cast(pa.float64())
        except pa.ArrowInvalid:
            others = _rows_that(texts, r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$", match=False)
            return Unfit("text that is no number", others)
    if pc.any(pc.is_nan(made)).as_py():
        rows = pc.sum(pc.is_nan(made)).as_py()
        return Unfit("text for 'not a number' that data.missing does not list", rows)
    return made


def _truth(texts: Any) -> Any:
    import pyarrow as pa

    try:
        return _trimmed(texts).cast(pa.bool_())
    except pa.ArrowInvalid:
        return Unfit("text that is not true or false", _rows_that(texts, TRUTH, match=False))


def _fit_typed(values: Any, kind: str, data: DataSpec) -> Any:
    import pyarrow as pa

    rows = len(values) - values.null_count
    found = values.type
    whole, floating = pa.types.is_integer(found), pa.types.is_floating(found)
    try:
        match kind:
            case "int64" if whole:
                return values.cast(pa.int64())
            case "float64" if whole or floating:
                return _no_nan(values.cast(pa.float64()))
            case "bool" if pa.types.is_boolean(found):
                return values
            case "datetime" if pa.types.is_timestamp(found):
                return _in_utc(values, zone_of(data))
            case "date" if pa.types.is_date(found) or _is_plain_timestamp(found):
                return values.cast(pa.date32())
    except pa.ArrowInvalid:
        return Unfit(f"{found} values that {kind} cannot hold exactly", rows)
    return Unfit(_words(found), rows)


def _is_plain_timestamp(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_timestamp(kind) and kind.tz is None


def _no_nan(values: Any) -> Any:
    import pyarrow.compute as pc

    return pc.if_else(pc.is_nan(values), None, values)


def _in_utc(values: Any, zone: str) -> Any:
    import pyarrow as pa

    from tenure.registry.times import to_utc

    if values.type.tz is None:
        placed = to_utc(values.cast(pa.timestamp("us"), safe=False).to_pandas(), zone)
        return pa.chunked_array([pa.Array.from_pandas(placed)]).cast(pa.timestamp("us", tz="UTC"))
    return values.cast(pa.timestamp("us", tz="UTC"), safe=False)


def _words(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_nested(kind):
        return "lists or objects"
    return "text" if pa.types.is_string(kind) else str(kind)


def infer(name: str, values: Any, form: Format, data: DataSpec, *, may_be_category: bool) -> Any:
    """Return the type that fits values that nobody described, or what no type fits.

    Conservative: a text with a leading zero, a sign or a blank makes its column text; dates are
    found only in the column that the spec names as time; text with few distinct values is a
    category, other text a string.
    """
    import pyarrow as pa

    values = _plain(values)
    found = values.type
    if pa.types.is_null(found) or values.null_count == len(values):
        return "string" if pa.types.is_null(found) or pa.types.is_string(found) else _kept(values)
    if pa.types.is_string(found):
        return _infer_text(name, values, form, data, may_be_category)
    return _kept(values, json=form is Format.JSONL)


def _kept(values: Any, *, json: bool = False) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = values.type
    if pa.types.is_integer(found):
        return "int64"
    if pa.types.is_floating(found):
        rows = _beyond_int64(values) if json else 0
        return Unfit("whole numbers beyond int64", rows) if rows else "float64"
    if pa.types.is_boolean(found):
        return "bool"
    if pa.types.is_timestamp(found):
        return "datetime"
    if pa.types.is_date(found):
        return "date"
    return Unfit(_words(found), len(values) - (pc.count(values, mode="only_null").as_py() or 0))


def _beyond_int64(values: Any) -> int:
    """Count whole numbers that JSON's reader could hold only as floats."""
    import pyarrow.compute as pc

    present = values.drop_null()
    if not pc.all(pc.equal(present, pc.floor(present))).as_py():
        return 0
    return pc.sum(pc.greater_equal(pc.abs(present), float(2**63))).as_py() or 0


def _infer_text(name: str, texts: Any, form: Format, data: DataSpec, may_be_category: bool) -> Any:
    import pyarrow.compute as pc

    present = texts.drop_null()
    if data.time and name == data.time.columns[0]:
        pattern = data.time.format
        if parse_dates(present, pattern).null_count == 0:
            return "date"
        if parse_datetimes(present, pattern, zone_of(data)).null_count == 0:
            return "datetime"
    if form is Format.CSV:
        if _all_match(present, WHOLE):
            made = _whole(present)
            return made if isinstance(made, Unfit) else "int64"
        if _all_match(present, NUMBER) and _all_match(present, HAS_DIGIT):
            return "float64"
        if _all_match(present, TRUTH):
            return "bool"
    distinct = pc.count_distinct(present).as_py()
    few = distinct <= MOST_CATEGORIES and 2 * distinct <= len(present)
    return "category" if few and may_be_category else "string"
