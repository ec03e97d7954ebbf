"""What do the weeks of a replay add up to, on the last two thirds and over all?"""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One history, judged.

    Attributes:
        history: which.
        weeks: the judged ones, in order, each a record of the replay.
        cut: place in `weeks` where the last two thirds begin.
        all: every record, the warm-up too.
    """

    history: History
    weeks: tuple[dict[str, Any], ...]
    cut: int
    all: tuple[dict[str, Any], ...]

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

    def total(self, what: str) -> float:
        """Return a running total of the replay (fits, fit_cpu_s, cpu_s, quarantined) at its end."""
        return self.all[-1][what]


def result_of(history: History, records: Sequence[dict[str, Any]]) -> Result:
    """Judge a replay: every week after the warm-up, its first third apart."""
    weeks = tuple(each for each in records if each["metric"])
    return Result(history=history, weeks=weeks, cut=len(weeks) // 3, all=tuple(records))


POLICIES = (FIRST, TENURE)
