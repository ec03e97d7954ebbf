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
from benchmarks.soak import chaos, clients, counting, stage
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
        self.memory: list[int] = []

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
            chaos.kill_on(pid, self.chaos, until),
            chaos.fill_on(pid, self.chaos, until),
            self._watch(pid, until),
        )

    async def _watch(self, pid: int, until: float) -> None:
        told_at = time.monotonic()
        while time.monotonic() < until:
            await asyncio.sleep(1.0)
            sizes = [chaos.resident_bytes(each) for each in chaos.serving_workers(pid)]
            self.memory.append(max(sizes, default=0))
            if time.monotonic() - told_at > 30:
                told_at = time.monotonic()
                left = max(0.0, until - told_at)
                print(f"{self.counts.kinds['answered']:,} answered, {left:.0f} s to go", flush=True)


def report(soak: Soak) -> int:
    """Print the counts and a line an aim; return 1 where something was lost."""
    names = [each.model for each in soak.asked]
    lost = counting.lost(soak.workspace, names, soak.counts, soak.chaos)
    swaps = sum(map(len, soak.chaos.swaps.values()))
    print(f"swaps {swaps}, kills {len(soak.chaos.kills)}, full disks {len(soak.chaos.full)}")
    for kind, count in sorted(soak.counts.kinds.items()):
        print(f"  {kind}: {count:,}")
    print(f"  in the log: {lost.logged:,}; not there, within what is promised: ", end="")
    print(f"{lost.before_kills} before kills, {lost.while_full} while nothing could be written")
    early, late = soak.memory[5:15], soak.memory[-10:]
    print(f"  memory of a worker: {max(early) >> 20} MiB at first, {max(late) >> 20} MiB at last")
    for line in soak.counts.wrong[:10]:
        print(f"  {line}")
    failed = sum(n for kind, n in soak.counts.kinds.items() if kind.startswith("FAILED"))
    wrong = sum(n for kind, n in soak.counts.kinds.items() if kind.startswith("WRONG"))
    aims = {
        "failed_answers": failed,
        "wrong_answers": wrong,
        "answers_of_an_old_epoch": counting.too_old(soak.counts, soak.chaos),
        "predictions_lost_beyond_the_bound": lost.unexplained,
        "predictions_logged_twice": lost.twice,
    }
    for name, value in aims.items():
        print(f"aim {name}: {value}, wanted <= 0: {'short' if value else 'met'}")
    growth = max(late) / max(early)
    print(f"aim memory_growth: {growth:.2f}, wanted <= 1.3: {'met' if growth <= 1.3 else 'short'}")
    return int(any(aims.values()))


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
