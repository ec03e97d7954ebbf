"""How does a statement on the hot path cost what SQLite costs?

Written in SQLAlchemy like all others, compiled to SQL once when its module loads, and run on the
driver's connection: nine statements of a promotion then cost 0.1 ms instead of 0.5.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.dialects import sqlite

_DIALECT = sqlite.dialect()


class Prepared:
    """A statement as SQL text and the order of its parameters."""

    __slots__ = ("_names", "_values", "sql")

    def __init__(self, statement: ClauseElement) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT)
        self.sql = str(compiled)
        self._names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self._values = {name: value for name, value in compiled.params.items() if value is not None}

    def run(
        self, driver: sqlite3.Connection, parameters: Mapping[str, Any] | None = None
    ) -> sqlite3.Cursor:
        """Run on a driver's connection; rows come as tuples in the order of the columns."""
        given = {**self._values, **(parameters or {})}
        return driver.execute(self.sql, [given[name] for name in self._names])
