"""What does a server write about itself, and can a client's words forge a line of it?

A line an event, in text or in JSON, never with a value out of a row. What is not printable is
escaped, so that a name with a line break in it stays one line.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any

import orjson

ACCESS = "tenure.access"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class TextLines(logging.Formatter):
    """Lines for people; a traceback follows its line, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text."""
        first, *rest = (
            super().format(record).split("\n") if record.exc_info else [super().format(record)]
        )
        return "\n    ".join([escaped(first), *map(escaped, rest)])


class JsonLines(logging.Formatter):
    """Lines for programs: one JSON object each."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON."""
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        said |= getattr(record, "facts", {})
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(said, default=str).decode()


def escaped(text: str) -> str:
    r"""Return a text that is one line, whatever was in it.

    >>> escaped("a\r\nb")
    'a\\r\\nb'
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def write_journal(log_format: str) -> None:
    """Let everything that this process logs go to standard error, in one of the formats."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def write_access(
    method: str, path: str, status: int, seconds: float, facts: dict[str, Any]
) -> None:
    """Write a request's line; no query, no header and no body is in it."""
    facts = {"method": method, "path": path[:200], "status": status, **facts}
    logging.getLogger(ACCESS).info(
        "%s %s %s %.1f ms",
        method,
        path[:200],
        status,
        seconds * 1000,
        extra={"facts": facts | {"ms": round(seconds * 1000, 3)}},
    )
