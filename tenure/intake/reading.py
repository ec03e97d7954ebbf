"""What does a file hold, as columns of text or of the types that its format gives?

Nothing is guessed here: CSV gives texts, JSON lines and Parquet give their own types. A file that
is broken says where, by line; what stands in it is never repeated.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tenure.records import ViolationKind

if TYPE_CHECKING:
    from tenure.spec.model import DataSpec

_PIECE = 8 << 20
_MARKS_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Format(StrEnum):
    """How rows are spelled in a file."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


ENDINGS = {
    ".csv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The columns of a file, in its order; names may repeat.

    Attributes:
        names: as they stand in the file.
        arrays: one Arrow array a name, all of `rows` values.
        rows: how many.
        format: CSV's arrays are texts, whatever they mean.
    """

    names: tuple[str, ...]
    arrays: tuple[Any, ...]
    rows: int
    format: Format


class Broken(Exception):
    """A file cannot be read; it says of what kind the trouble is, and what, in one line."""

    def __init__(self, kind: ViolationKind, message: str) -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message


def format_of(name: str, data: DataSpec) -> Format:
    """Return the format of a file, by the spec or its ending.

    Raises:
        Broken: the ending says nothing.
    """
    if data.format != "auto":
        return Format(data.format)
    for ending, found in ENDINGS.items():
        if name.lower().endswith(ending):
            return found
    raise Broken(
        ViolationKind.UNREADABLE,
        f"The name ends in none of {', '.join(ENDINGS)}; write data.format: csv, jsonl or parquet.",
    )


def read(name: str, content: bytes, data: DataSpec, texts: frozenset[str]) -> Reading:
    """Read the bytes of a file.

    Args:
        name: of the file; its ending gives the format unless the spec does.
        content: all of its bytes.
        data: the spec's part about data.
        texts: columns that are read as texts where the format would guess (JSON's dates).

    Raises:
        Broken: it is empty, cannot be read, or has more rows than the spec allows.
    """
    found = format_of(name, data)
    if not content.strip(b" \t\r\n" + codecs.BOM_UTF8):
        raise Broken(ViolationKind.EMPTY, "The file is empty.")
    match found:
        case Format.CSV:
            from tenure.intake.csv_reader import read_csv

            _must_be_text(content)
            reading = read_csv(content, data.missing)
        case Format.JSONL:
            from tenure.intake.json_reader import read_jsonl

            _must_be_text(content)
            reading = read_jsonl(content, texts)
        case Format.PARQUET:
            from tenure.intake.parquet_reader import read_parquet

            reading = read_parquet(content, data.max_rows)
    if not reading.rows:
        raise Broken(ViolationKind.EMPTY, "The file has columns and no row.")
    if reading.rows > data.max_rows:
        raise too_many(reading.rows, data.max_rows)
    return reading


def too_many(rows: int, most: int) -> Broken:
    """Return the refusal of a batch that is too large."""
    return Broken(
        ViolationKind.VOLUME,
        f"The batch has {rows:,} rows or more; data.max_rows allows {most:,}. It was not read.",
    )


def line_at(content: bytes, position: int) -> int:
    """Return the number, from 1, of the line in which a byte stands."""
    return content.count(b"\n", 0, position) + 1


def _must_be_text(content: bytes) -> None:
    if content.startswith(_MARKS_16):
        raise Broken(ViolationKind.UNREADABLE, "The file is UTF-16; wanted UTF-8.")
    nul = content.find(b"\0")
    if nul >= 0:
        line = line_at(content, nul)
        raise Broken(ViolationKind.UNREADABLE, f"Line {line} holds a NUL byte; wanted UTF-8 text.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), _PIECE):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(content[start : start + _PIECE], start + _PIECE >= len(content))
        except UnicodeDecodeError as error:
            line = line_at(content, max(0, start - pending + error.start))
            raise Broken(
                ViolationKind.UNREADABLE, f"Line {line} holds bytes that are no UTF-8."
            ) from None
