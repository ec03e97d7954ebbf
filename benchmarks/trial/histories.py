"""Which real histories are replayed, where are they, and what is one week of them?"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.trial.corruptions import Corruption, Shifted, Stuck, Swapped

FOLDER = ("shared", "data")
"""Beside the checkout: the data sets are no part of the project."""

ROWS_A_WEEK = 48 * 7


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A data set that is played as if its weeks arrived one after another.

    Attributes:
        model: the name of the spec in `config/models/`.
        file: its name beside the checkout.
        what: it is, for somebody who does not have it.
        metric: what is judged; `higher_is_better` says which way.
        begin: Monday of its first week, as the simulated clock has it.
        warm_up: weeks that arrive before the first training.
        week_of: tells a row's week from its place and its values.
        tolerance: how far behind the best blind policy Tenure may stay: a share of its value if
            `relative`, else in the metric's unit.
        corruptions: what goes wrong with the feed when it is played a second time.
        changes_in_week: the week of a change that is known from outside, if there is one.
        leaking: the name of a spec that forgets to leave the parts of the target out.
    """

    model: str
    file: str
    what: str
    metric: str
    higher_is_better: bool
    begin: datetime
    warm_up: int
    week_of: Callable[[int, dict[str, str]], int]
    tolerance: float
    relative: bool
    corruptions: tuple[Corruption, ...]
    changes_in_week: int | None = None
    leaking: str | None = None

    def path(self, project: Path) -> Path:
        """Return where the data set lies, whether it is there or not."""
        return project.parent.joinpath(*FOLDER, self.file)

    def weeks(self, project: Path) -> list[list[list[str]]]:
        """Return the whole weeks: each a header row and rows of texts, as in the file."""
        with self.path(project).open(encoding="utf-8", newline="") as source:
            header, *rows = csv.reader(source)
        weeks: dict[int, list[list[str]]] = {}
        for place, row in enumerate(rows):
            week = self.week_of(place, dict(zip(header, row, strict=True)))
            weeks.setdefault(week, [header]).append(row)
        *whole, last = (weeks[week] for week in sorted(weeks))
        usual = max(map(len, whole))
        return [*whole, last] if len(last) == usual else whole

    def arrives_at(self, week: int) -> datetime:
        """Return when a week's file arrives: an hour after its last row."""
        return self.begin + timedelta(days=7 * (week + 1), hours=1)

    def corrupted_from(self, last: int | None, weeks: int) -> int:
        """Return the week from which the feed is corrupted: halfway, or the last one played."""
        half = weeks // 2
        return half if last is None else min(half, last)


def write_week(rows: list[list[str]], folder: Path, week: int) -> Path:
    """Let a week's file arrive: written under another name, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".week-{week:03d}"
    with fresh.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows(rows)
    return fresh.rename(folder / f"week-{week:03d}.csv")


def _by_place(place: int, _: dict[str, str]) -> int:
    return place // ROWS_A_WEEK


def _by_date(_: int, row: dict[str, str]) -> int:
    day, month, year = map(int, row["dateday"].split("-"))
    return (date(year, month, day) - date(2011, 1, 1)).days // 7


HISTORIES = (
    History(
        model="electricity",
        file="electricity.csv",
        what="New South Wales electricity market 1996 to 1998, half-hourly: will the price rise? "
        "45,312 rows (Harries 1999; on OpenML as 'electricity')",
        metric="accuracy",
        higher_is_better=True,
        begin=datetime(1996, 5, 7, tzinfo=UTC),
        warm_up=20,
        week_of=_by_place,
        tolerance=0.002,
        relative=False,
        corruptions=(
            Shifted(column="nswprice"),
            Stuck(column="nswdemand"),
            Swapped(column="nswprice", other="nswdemand"),
        ),
        changes_in_week=17_424 // ROWS_A_WEEK,
    ),
    History(
        model="bike-sharing",
        file="bike_sharing_hour.csv",
        what="Capital Bikeshare, Washington, 2011 and 2012, hourly: how many bicycles are rented? "
        "17,379 rows (Fanaee-T and Gama 2013, UCI, CC BY 4.0)",
        metric="mean_absolute_error",
        higher_is_better=False,
        begin=datetime(2011, 1, 1, tzinfo=UTC),
        warm_up=14,
        week_of=_by_date,
        tolerance=0.01,
        relative=True,
        corruptions=(
            Shifted(column="humidity"),
            Stuck(column="temp"),
            Swapped(column="humidity", other="windspeed"),
        ),
        leaking="bike-leak",
    ),
)
