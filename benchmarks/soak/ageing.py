"""Does a worker grow while versions come and go?

The memory of each process is read once a second, beside how many slots had moved by then. One that
lived through many moves tells: what it held when it was warm is compared with what it holds at the
end of its life.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

import psutil

from benchmarks.soak.chaos import resident_bytes

WARM_S = 30
"""Readings, one a second, before a process is called warm; as many are compared at either end."""


@dataclass
class Memory:
    """By process: how many moves there had been, and its resident bytes."""

    read: dict[tuple[int, float], list[tuple[int, int]]] = field(default_factory=dict)

    def look(self, workers: list[psutil.Process], moves: int) -> None:
        """Read the memory of processes."""
        for worker in workers:
            size = resident_bytes(worker)
            if size:
                key = worker.pid, worker.create_time()
                self.read.setdefault(key, []).append((moves, size))

    def growth(self) -> float:
        """Return the last size of the process that saw most moves, as a multiple of its first."""
        _, first, last = self._longest()
        return last / first

    def words(self) -> str:
        """Say it in a sentence."""
        moves, first, last = self._longest()
        return f"{first / 2**20:.0f} MiB warm, {last / 2**20:.0f} MiB {moves} swaps later"

    def _longest(self) -> tuple[int, float, float]:
        series = max(self.read.values(), key=lambda each: each[-1][0] - each[0][0])
        some = min(WARM_S, max(1, len(series) // 3))
        first, last = series[some : 2 * some] or series, series[-some:]
        return (
            last[-1][0] - first[0][0],
            median(size for _, size in first),
            median(size for _, size in last),
        )
