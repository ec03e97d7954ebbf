"""How does a result look on a terminal, in a pipe, and as JSON?

A terminal gets rich tables and colour (NO_COLOR is heeded); a pipe gets plain text whose columns
are aligned and never cut; `--json` gets one JSON value. Control characters never reach a terminal.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

import orjson

from tenure.errors import TenureError

CONTROL = {code: "�" for code in (*range(32), 127, *range(128, 160)) if code not in (9, 10)}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `style` is rich's and only colours it."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column heads."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    title: str = ""


Block = Line | Table


def cell(value: Any) -> str:
    """Return a value as a cell of a table shows it.

    >>> cell(None), cell(True), cell(1234567), cell(0.25)
    ('-', 'yes', '1,234,567', '0.25')
    """
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.6g}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S %Z")
        case _:
            return str(value).translate(CONTROL).replace("\n", " ")


def size(count: int) -> str:
    """Return a number of bytes with a unit.

    >>> size(999), size(2_500_000)
    ('999 B', '2.5 MB')
    """
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def write_blocks(blocks: Iterable[Block], stream: TextIO | None = None) -> None:
    """Write lines and tables to a stream, standard output by default."""
    out: TextIO = stream or sys.stdout
    if out.isatty() or os.environ.get("FORCE_COLOR"):
        _write_rich(blocks, out)
        return
    for block in blocks:
        for line in _plain(block):
            out.write(line.rstrip() + "\n")


def write_json(value: Any, stream: TextIO | None = None) -> None:
    """Write one JSON value: indented on a terminal, on one line in a pipe."""
    out: TextIO = stream or sys.stdout
    option = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    if out.isatty():
        option |= orjson.OPT_INDENT_2
    out.write(orjson.dumps(value, default=_as_json, option=option).decode() + "\n")


def write_error(error: TenureError, as_json: bool) -> None:
    """Write an error to standard error: its text, or `{code, message, facts, remedy}`."""
    if as_json:
        write_json(error.as_dict(), sys.stderr)
    else:
        write_blocks([Line(str(error), "red")], sys.stderr)


def reader_left() -> int:
    """Return the exit code for a pipe that nobody reads any more, and keep quiet from then on."""
    # What Python still holds must go nowhere, or it complains when the process ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _as_json(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump else str(value)


def _plain(block: Block) -> Iterable[str]:
    if isinstance(block, Line):
        yield from block.text.translate(CONTROL).split("\n")
        return
    if block.title:
        yield block.title
    rows = [block.columns, *([cell(value) for value in row] for row in block.rows)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(block.columns))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))


def _write_rich(blocks: Iterable[Block], stream: TextIO) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    for block in blocks:
        if isinstance(block, Line):
            console.print(Text(block.text.translate(CONTROL), style=block.style))
            continue
        table = RichTable(
            *block.columns,
            title=block.title or None,
            title_justify="left",
            box=box.SIMPLE_HEAD,
            header_style="bold",
        )
        for row in block.rows:
            table.add_row(*(Text(cell(value), overflow="fold") for value in row))
        console.print(table)
