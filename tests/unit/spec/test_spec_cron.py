from __future__ import annotations

import pytest

from tenure.spec.cron import cron_fault, times_a_year

LINES = [
    "0 2 * * *",
    "*/15 * * * *",
    "0 9-17/2 * * mon-fri",
    "0 0 1 jan,jul *",
    "0 0 1 * fri",
    "5/20 * * * *",
    "0 0 29 2 *",
    "0 0 * * 7",
    "59 23 31 12 0",
]
FAULTS = {
    "": "0 field(s)",
    "@daily": "1 field(s)",
    "0 0 2 * * *": "6 field(s)",
    "60 * * * *": "bad minute",
    "0 24 * * *": "bad hour",
    "0 0 0 * *": "bad day-of-month",
    "0 0 31 2 *": "bad day-of-month",
    "0 0 * 13 *": "bad month",
    "0 0 * * 8": "bad day-of-week",
    "0 0 L * *": "not every cron",
    "0 0 * * 5#2": "not every cron",
    "H * * * *": "not every cron",
    "mon 0 * * *": "bad minute",
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_taken_is_taken_by_prefect(line: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule

    assert cron_fault(line) is None
    assert CronSchedule(cron=line).cron == line


@pytest.mark.parametrize("line", FAULTS)
def test_a_line_that_is_none_says_what_is_wrong(line: str) -> None:
    assert FAULTS[line] in (cron_fault(line) or "")


def test_a_year_is_counted() -> None:
    assert times_a_year("0 0 1 * *") == 12
    assert times_a_year("0 0 29 2 *") == 0
    assert times_a_year("* * * * *") == 10_000
