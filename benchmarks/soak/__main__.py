"""What is lost in ten minutes of mixed load, swaps, killed workers and a full disk?

python -m benchmarks.soak [--seconds 600] [--clients 12] [--workers 2]
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.serving.peers import running
from benchmarks.soak import ageing, chaos, clients, counting, stage
from tenure.cli.parts import free_port
from tenure.registry import close_ledger

PROJECT = Path(__file__).parents[2]


class Soak:
    """One soak: the server, its clients and what befalls it."""

    def __init__(self, folder: Path, seconds: float, many: int, workers: int) -> None:
        self.seconds, self.many, self.workers = seconds, many, workers
        self.workspace, self.asked = stage.furnish(folder / "workspace")
        self.log = folder / "serving.log"
        self.counts, self.chaos = clients.Counts(), chaos.Chaos()
        self.memory = ageing.Memory()

    def run(self) -> None:
        """Play it, then stop the server as an operator does."""
        port = free_port(0)
        command = [sys.executable, "-m", "tenure.serving", "--workers", str(self.workers)]
        command += ["--workspace", str(self.workspace.root), "--port", str(port)]
        here = {"PYTHONPATH": str(PROJECT), "TENURE_PROJECT": str(PROJECT)}
        with running(command, "/health/ready", port, self.log, **here) as pid:
            asyncio.run(self._play(pid, port))
            psutil.Process(pid).send_signal(signal.SIGTERM)
            psutil.wait_procs([psutil.Process(pid)], timeout=60)

    async def _play(self, pid: int, port: int) -> None:
        until = time.monotonic() + self.seconds
        asking = [
            clients.ask_on(port, self.asked, self.counts, until, seed) for seed in range(self.many)
        ]
        await asyncio.gather(
            *asking,
            chaos.swap_on(self.workspace, self.asked, self.chaos, until),
            chaos.kill_on(pid, self.workspace, self.chaos, until),
            chaos.fill_on(pid, self.chaos, until),
            self._watch(pid, until),
        )

    async def _watch(self, pid: int, until: float) -> None:
        told_at = time.monotonic()
        while time.monotonic() < until:
            await asyncio.sleep(1.0)
            moves = sum(map(len, self.chaos.moves.values()))
            self.memory.look(chaos.serving_workers(pid), moves)
            if time.monotonic() - told_at > 30:
                told_at = time.monotonic()
                left = max(0.0, until - told_at)
                print(f"{self.counts.kinds['answered']:,} answered, {left:.0f} s to go", flush=True)


def report(soak: Soak) -> int:
    """Print the counts and a line an aim; return 1 where one is missed."""
    counts, chaos_ = soak.counts, soak.chaos
    names = [each.model for each in soak.asked]
    lost = counting.lost(soak.workspace, names, counts, chaos_)
    moves = sum(map(len, chaos_.moves.values()))
    print(f"swaps {moves}, kills {len(chaos_.kills)}, full disks {len(chaos_.full)}")
    for kind, count in sorted(counts.kinds.items()):
        print(f"  {kind}: {count:,}")
    followed, apart = counting.followed_s(chaos_), counting.apart_s(counts)
    print(f"  from a move to its acknowledgement by all processes: {_spread(followed)}")
    print(f"  processes apart, as clients see it: {_spread(apart)}")
    print(f"  in the log: {lost.logged:,}; not there, as is promised: ", end="")
    print(f"{len(lost.before_kills)} before kills, {lost.while_full} at kills on a full disk")
    print(f"  the former answered before their kill: {_spread(list(lost.before_kills))}")
    print(f"  memory of the worker that saw most swaps: {soak.memory.words()}")
    for line in [*counts.wrong[:10], *map(str, lost.unexplained[:10])]:
        print(f"  {line}")
    return _aims(soak, lost, moves, max(apart, default=0.0))


def _aims(soak: Soak, lost: counting.Lost, moves: int, apart_s: float) -> int:
    counts, wanted_moves = soak.counts, int(soak.seconds / 6)
    kinds = counts.kinds.items()
    misnamed = len(counting.misnamed(soak.workspace, counts))
    met = [
        _aim("swaps", moves, ">=", wanted_moves),
        _aim("failed_answers", sum(n for kind, n in kinds if kind.startswith("FAILED")), "<=", 0),
        _aim(
            "wrong_answers",
            sum(n for kind, n in kinds if kind.startswith("WRONG")) + misnamed,
            "<=",
            0,
        ),
        _aim("answers_of_an_ended_epoch", counting.too_old(counts, soak.chaos), "<=", 0),
        _aim("swaps_not_acknowledged", counting.unacknowledged(soak.chaos), "<=", 0),
        _aim("seconds_apart", apart_s, "<=", 1.0),
        _aim("predictions_lost_beyond_the_bound", len(lost.unexplained), "<=", 0),
        _aim("predictions_lost_but_the_last", lost.not_last, "<=", 0),
        _aim("predictions_logged_twice", lost.twice, "<=", 0),
        _aim("memory_growth", soak.memory.growth(), "<=", 1.1),
    ]
    return int(not all(met))


def _aim(name: str, value: float, side: str, wanted: float) -> bool:
    met = value >= wanted if side == ">=" else value <= wanted
    print(f"aim {name}: {value:.4g}, wanted {side} {wanted:g}: {'met' if met else 'short'}")
    return met


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    half, most = seconds[len(seconds) // 2], seconds[-1]
    return f"{half:.3f} s in the middle, {most:.3f} s at most ({len(seconds)})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (600)")
    parser.add_argument("--clients", type=int, default=12, help="connections at once (12)")
    parser.add_argument("--workers", type=int, default=2, help="serving processes (2)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenure-soak-") as folder:
        soak = Soak(Path(folder), wanted.seconds, wanted.clients, wanted.workers)
        try:
            soak.run()
            return report(soak)
        finally:
            close_ledger(soak.workspace)


if __name__ == "__main__":
    raise SystemExit(main())
