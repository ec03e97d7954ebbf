"""Which columns stand in a file of JSON lines?

One object a line; its keys are the columns, and a key that a line lacks is missing there. Texts
that look like dates stay texts: only a spec makes dates of them.
"""

from __future__ import annotations

import re
from typing import Any

from tenure.intake.reading import Broken, Format, Reading
from tenure.records import ViolationKind

_CHANGED = re.compile(r"Column\(/?(.*)\) changed from (\w+) to (\w+) in row (\d+)")
_TWICE = re.compile(r"Column\(/?(.*)\) was specified twice in row (\d+)")
_ROW = re.compile(r"in row (\d+)")
_BLOCK = 64 << 20


def read_jsonl(content: bytes, texts: frozenset[str]) -> Reading:
    """Read JSON lines in JSON's own types.

    Args:
        content: its bytes, UTF-8.
        texts: columns that hold texts, whatever they look like.

    Raises:
        Broken: a line is no object, names a key twice, or a key holds values of several types.
    """
    table = _table(content, texts)
    guessed = {field.name for field in table.schema if _is_timestamp(field.type)} - texts
    if guessed:
        table = _table(content, texts | guessed)
    return Reading(
        names=tuple(table.column_names),
        arrays=tuple(table.columns),
        rows=table.num_rows,
        format=Format.JSONL,
    )


def _is_timestamp(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_timestamp(kind)


def _table(content: bytes, texts: frozenset[str] | set[str]) -> Any:
    import pyarrow as pa
    from pyarrow import json as arrow_json

    present = [name for name in sorted(texts) if _quoted(name) in content]
    try:
        return arrow_json.read_json(
            pa.BufferReader(content),
            read_options=arrow_json.ReadOptions(
                use_threads=False, block_size=min(max(len(content), 1), _BLOCK)
            ),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=pa.schema([(name, pa.string()) for name in present])
            ),
        )
    except pa.ArrowInvalid as error:
        raise _said(str(error)) from None


def _quoted(name: str) -> bytes:
    import orjson

    return orjson.dumps(name)


def _said(text: str) -> Broken:
    """Say what Arrow said in words that repeat no value."""
    if match := _TWICE.search(text):
        line = int(match[2]) + 1
        message = f"Row {line} names '{match[1]}' twice; wanted it once."
        return Broken(ViolationKind.SCHEMA, message)
    if match := _CHANGED.search(text):
        line = int(match[4]) + 1
        if not match[1]:
            return Broken(ViolationKind.UNREADABLE, f"Row {line} is no JSON object.")
        message = f"Column '{match[1]}' holds a {match[3]} in row {line}; wanted a {match[2]}."
        return Broken(ViolationKind.TYPE, message)
    match = _ROW.search(text)
    place = f"Row {int(match[1]) + 1}" if match else "The file"
    return Broken(ViolationKind.UNREADABLE, f"{place} is no line of JSON.")
