"""What do the weeks of a replay add up to, on the last two thirds and over all?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.trial.histories import History
from benchmarks.trial.policies import BLIND, FIRST, TENURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A stretch of weeks in which one version served."""

    version: int
    span: str
    begin: int
    end: int


WEEKS_A_YEAR = 365.25 / 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One history, judged.

    Attributes:
        history: which.
        weeks: the judged ones, in order, each a record of the replay.
        cut: place in `weeks` where the last two thirds begin.
        all: every record, the warm-up too.
        corrupted: what became of each corruption of the feed.
    """

    history: History
    weeks: tuple[dict[str, Any], ...]
    cut: int
    all: tuple[dict[str, Any], ...]
    corrupted: tuple[dict[str, Any], ...] = ()

    def value(self, policy: str, begin: int, end: int | None = None) -> float:
        """Return a policy's mean over judged weeks, each week counting alike."""
        found = [week["metric"][policy] for week in self.weeks[begin:end]]
        return sum(found) / len(found)

    def blind(self, begin: int, end: int | None = None) -> tuple[str, float]:
        """Return the blind policy that turns out best over some weeks, and its mean."""
        names = [name for name in self.weeks[begin]["metric"] if name.startswith(BLIND)]
        values = {name: self.value(name, begin, end) for name in names}
        choose = max if self.history.higher_is_better else min
        best = choose(values, key=lambda name: values[name])
        return best, values[best]

    def promotions(self, begin: int, end: int | None = None) -> int:
        """Return how many trainings of these weeks changed the champion."""
        return sum(week["judged"]["promoted"] for week in self.weeks[begin:end] if "judged" in week)

    @property
    def shortfall(self) -> float:
        """How far Tenure is behind the best blind policy on the last two thirds.

        In the metric's unit, or as a share of the blind policy's value.
        """
        _, best = self.blind(self.cut)
        behind = best - self.value(TENURE, self.cut)
        behind = behind if self.history.higher_is_better else -behind
        return behind / best if self.history.relative else behind

    @property
    def promoted_share(self) -> float:
        """Tenure's promotions of the last two thirds, as a share of blind retraining's."""
        return self.promotions(self.cut) / len(self.weeks[self.cut :])

    def bands(self) -> list[Band]:
        """Return what served when, over the judged weeks."""
        bands: list[Band] = []
        for week in self.weeks:
            served = week["served"]
            if bands and bands[-1].version == served["version"]:
                begin = bands.pop().begin
            else:
                begin = week["week"]
            bands.append(Band(begin=begin, end=week["week"], **served))
        return bands

    def readings(self, what: str = "readings") -> int:
        """Return how many windows were read, or how many of them were `unknown`."""
        return sum(week["loop"][what] for week in self.all if "loop" in week)

    def decisions(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield week and decision wherever a rung fired, whatever came of it."""
        for week in self.all:
            for decision in week.get("loop", {}).get("decisions", []):
                yield week["week"], decision

    def cases(self, action: str, *, replaced: bool = False) -> list[dict[str, Any]]:
        """Return the cases of an action; those of versions that were only replaced apart."""
        weeks = (week.get("loop", {}).get("cases", []) for week in self.all)
        found = (case for week in weeks for case in week)
        return [each for each in found if (each["action"], each["replaced"]) == (action, replaced)]

    @property
    def retirements(self) -> list[dict[str, Any]]:
        """Champions that were taken out of office: of a plain history, each was a good one."""
        return [each for each in self.cases("retire") if each["state"] == "closed"]

    @property
    def watched(self) -> tuple[int, int]:
        """First and last week, that one left out, in which every alarm is a false one.

        Up to the change that is known from outside; the whole history where none is known.
        """
        begin = next((week["week"] for week in self.all if "loop" in week), 0)
        change = self.history.changes_in_week
        end = self.all[-1]["week"] + 1
        return begin, end if change is None else min(change, end)

    @property
    def false_alarms(self) -> list[dict[str, Any]]:
        """Return the decisions of windows in which nothing had changed that is known of."""
        begin, end = self.watched
        return [each for week, each in self.decisions() if begin <= week < end]

    @property
    def false_alarms_a_year(self) -> float:
        """Return how many windows a year fire in vain."""
        begin, end = self.watched
        return len(self.false_alarms) * WEEKS_A_YEAR / max(end - begin, 1)

    @property
    def delay(self) -> int | None:
        """Return how many weeks after the known change something fires, 0 within its own week."""
        change = self.history.changes_in_week
        if change is None:
            return None
        return next((week - change for week, _ in self.decisions() if week >= change), None)

    def total(self, what: str) -> float:
        """Return a running total of the replay (fits, fit_cpu_s, cpu_s, quarantined) at its end."""
        return self.all[-1][what]


def result_of(history: History, records: Sequence[dict[str, Any]]) -> Result:
    """Judge a replay: every week after the warm-up, its first third apart."""
    played = tuple(each for each in records if "week" in each)
    return Result(
        history=history,
        weeks=(weeks := tuple(each for each in played if each["metric"])),
        cut=len(weeks) // 3,
        all=played,
        corrupted=tuple(each for each in records if "corrupted" in each),
    )


POLICIES = (FIRST, TENURE)
