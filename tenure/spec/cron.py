"""When does a cron line come due, and is it one?

Five fields, as every cron has them; what only some dialects know (`L`, `#`, `@daily`, seconds) is
refused, so that a line means the same here and in Prefect.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

FIELD = re.compile(
    r"^(\*|\d{1,2}|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat"
    r"|[-,/])+$",
    re.IGNORECASE,
)


def cron_fault(line: str) -> str | None:
    """Return what is wrong with a cron line, None if nothing is.

    >>> cron_fault("0 2 * * mon-fri") is None
    True
    >>> cron_fault("0 25 * * *")
    'a cron line with a bad hour'
    >>> cron_fault("0 0 31 2 *")
    'a cron line that never comes due'
    """
    from cronsim import CronSim, CronSimError

    fields = line.split()
    if len(fields) != 5:
        return f"{len(fields)} field(s)"
    if not all(FIELD.match(field) for field in fields):
        return "a cron line with signs that not every cron knows"
    try:
        next(CronSim(line, datetime.now(UTC)))
    except CronSimError as error:
        named = str(error).lower().removeprefix("bad ")
        return f"a cron line with a bad {named}"
    except StopIteration:
        return "a cron line that never comes due"
    return None
