"""When does a cron line come due, and is it one?

Five fields, as every cron has them; what only some dialects know (`L`, `#`, `@daily`, seconds) is
refused, so that a line means the same here and in Prefect.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

MOST_COUNTED = 10_000
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
    'a cron line with a bad day-of-month'
    """
    from cronsim import CronSim, CronSimError

    fields = line.split()
    if len(fields) != 5:
        return f"{len(fields)} field(s)"
    if not all(FIELD.match(field) for field in fields):
        return "a cron line with signs that not every cron knows"
    try:
        CronSim(line, datetime.now(UTC))
    except CronSimError as error:
        named = str(error).lower().removeprefix("bad ")
        return f"a cron line with a bad {named}"
    return None


def times_a_year(line: str) -> int:
    """Return how often a cron line comes due in the year 2027, at most 10,000 times.

    >>> times_a_year("0 2 * * *"), times_a_year("0 2 * * mon")
    (365, 52)
    """
    from cronsim import CronSim

    end = datetime(2028, 1, 1, tzinfo=UTC)
    count = 0
    for at in CronSim(line, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)):
        if at >= end or count == MOST_COUNTED:
            break
        count += 1
    return count
