"""Which texts stand in a CSV file?

Every cell is read as text, so that 00123, NA and numbers at the edge of int64 stay what they are.
Arrow reads leniently where quotes are odd: it joins lines in silence. So a file with quotes is also
walked by Python's strict reader, which says in which line a quote was left open.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tenure.intake.reading import Broken, Format, Reading
from tenure.records import ViolationKind

_WALKED = 64 << 20
_LONGEST_CELL = 16 << 20


def read_csv(content: bytes, missing: Sequence[str]) -> Reading:
    """Read a CSV file (UTF-8, comma, double quotes, a header) as texts.

    Args:
        content: its bytes.
        missing: texts that mean a missing value, quoted or not.

    Raises:
        Broken: no header, a row with too few or too many cells, a quote that stays open.
    """
    names, header_lines = _header(content)
    arrays, rows = _arrow_columns(content, len(names), header_lines, missing)
    if b'"' in content:
        lines = content.count(b"\n") + (not content.endswith(b"\n"))
        if len(content) <= _WALKED or rows != lines - header_lines:
            _walk(content, len(names), rows)
    return Reading(names=names, arrays=arrays, rows=rows, format=Format.CSV)


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _reader(content: bytes) -> Any:
    return csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline=""), strict=True)


def _header(content: bytes) -> tuple[tuple[str, ...], int]:
    reader = _reader(content)
    try:
        with _long_cells():
            names = next((row for row in reader if row), [])
    except csv.Error:
        raise Broken(ViolationKind.UNREADABLE, "Line 1: a quote is not closed.") from None
    return tuple(names), reader.line_num


def _arrow_columns(
    content: bytes, width: int, header_lines: int, missing: Sequence[str]
) -> tuple[tuple[Any, ...], int]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    ragged = False

    def note(_row: Any) -> str:
        nonlocal ragged
        ragged = True
        return "skip"

    names = [str(place) for place in range(width)]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=header_lines),
            parse_options=arrow_csv.ParseOptions(
                newlines_in_values=b'"' in content, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=list(missing),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                check_utf8=False,  # the whole file was checked
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise Broken(ViolationKind.EMPTY, "The file has a header and no row.") from None
        _walk(content, width, -1)
        raise Broken(ViolationKind.UNREADABLE, "The file is no CSV that can be read.") from None
    if ragged:
        _walk(content, width, -1)
        raise Broken(ViolationKind.UNREADABLE, "A row has too few or too many cells.")
    return tuple(table.columns), table.num_rows


def _walk(content: bytes, width: int, rows: int) -> None:
    """Refuse a file with the line where it stops being CSV of `width` columns."""
    reader, begun, seen = _reader(content), 1, 0
    try:
        with _long_cells():
            for row in reader:
                if row and len(row) != width:
                    raise Broken(
                        ViolationKind.UNREADABLE,
                        f"Line {begun} has {len(row)} cells; the header has {width}.",
                    )
                seen += bool(row)
                begun = reader.line_num + 1
    except csv.Error:
        raise Broken(
            ViolationKind.UNREADABLE,
            f"Line {begun}: a quote is not closed, or text follows a closing one.",
        ) from None
    if rows >= 0 and seen - 1 != rows:
        raise Broken(
            ViolationKind.UNREADABLE, f"Two readers find {seen - 1} and {rows} rows: odd quotes."
        )
