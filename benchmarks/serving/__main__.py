"""What does one prediction cost over HTTP, here and on the servers that people use?

Three models, one row at 1, 16 and 64 connections and 1,000 rows at 2, on every server in one run;
CPU of the server's whole process group a request, beside wall time. Each peer runs in a venv of its
own in each of its modes, and the better one counts, cell by cell. Then tails: each peer at 25, 50
and 75 % of its own peak. After each peer and model Tenure is measured under the same loads, as a
machine's speed changes within minutes; the rest of the time its processes are stopped.

    python -m benchmarks.serving [--seconds 4] [--peers mlserver,litserve] [--models linear]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving import models, report
from benchmarks.serving.peers import ALL, OURS, Peer, installed, request_of, running
from tenure.cli.parts import free_port

PROJECT = Path(__file__).parents[2]
LOADS = {"c=1": (1, 1), "c=16": (1, 16), "c=64": (1, 64), "1000 rows": (1000, 2)}
TAILS = (0.25, 0.5, 0.75)
EMPTY = "empty handler"
UNCOMPILED = "tenure, scikit-learn"
COMPILED = "tenure"


@dataclass
class Bench:
    """One run over all servers.

    Attributes:
        cells: by server and mode, model and load, what the generator and the clock said; of ours,
            once a peer beside which it was measured.
        tails: by peer, model and share of its peak: the rate, and p99 there and here.
        ours: our servers that run, by name: process and port.
    """

    folder: Path
    seconds: float
    served: list[models.Served]
    cells: report.Cells = field(default_factory=dict)
    tails: report.Tails = field(default_factory=dict)
    ours: dict[str, tuple[psutil.Process, int]] = field(default_factory=dict)

    def load(
        self,
        pid: int,
        port: int,
        request: bytes,
        connections: int,
        *,
        seconds: float | None = None,
        rate: float | None = None,
    ) -> dict[str, Any]:
        """Put one load on a server; say what came back and the CPU of its group a request."""
        file = self.folder / "request"
        file.write_bytes(request)
        said = {"port": port, "request": str(file), "connections": connections, "rate": rate}
        before = group_cpu_s(pid)
        wanted = json.dumps({**said, "seconds": seconds or self.seconds})
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.serving.load", wanted],
            check=True,
            capture_output=True,
            cwd=PROJECT,
        )
        found = json.loads(done.stdout)
        spent = group_cpu_s(pid) - before
        return {**found, "cpu_ms": 1e3 * spent / max(1, found["answered"])}

    def measure(
        self, name: str, peer: Peer, model: models.Served, pid: int, port: int, beside: str
    ) -> None:
        """Fill the cells of one model on one running server."""
        for load, (rows, connections) in LOADS.items():
            request = request_of(peer, model.name, model.rows.head(rows))
            self.load(pid, port, request, connections, seconds=self.seconds / 4)
            found = self.load(pid, port, request, connections)
            self.cells.setdefault((name, model.name, load), {})[beside] = found
            print(report.cell_line(name, model.name, load, found), flush=True)

    def measure_ours(self, model: models.Served, beside: str) -> None:
        """Measure our servers under all loads, and at the rates of a peer's tails."""
        for name, (process, port) in self.ours.items():
            process.resume()
            self.measure(name, OURS, model, process.pid, port, beside)
            process.suspend()
        process, port = self.ours[COMPILED]
        request = request_of(OURS, model.name, model.rows.head(1))
        process.resume()
        for share in TAILS:
            found = self.tails.get((beside, model.name, share))
            if found is not None:
                same = self.load(process.pid, port, request, 64, rate=found["rate"])
                found["ours_p99_ms"] = same["p99_ms"]
                print(report.tail_line(beside, model.name, share, found), flush=True)
        process.suspend()


def group_cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and of all under it."""
    top = psutil.Process(pid)
    total = 0.0
    for process in [top, *top.children(recursive=True)]:
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system + used.children_user + used.children_system
    return total


@contextmanager
def ours(bench: Bench) -> Iterator[None]:
    """Run our servers, stopped while nobody measures them.

    Slots, routing and prediction log are switched on, one process each; and the same HTTP server
    with a handler that does nothing.
    """
    with ExitStack() as stack:
        for name in (UNCOMPILED, COMPILED):
            root = bench.folder / name.replace(", ", "-")
            models.workspace_with(bench.served, root, compiled=name == COMPILED)
            command = [sys.executable, "-m", "tenure.serving", "--workspace", str(root), "--port"]
            _start(bench, stack, name, command, OURS.ready)
        _start(bench, stack, EMPTY, [sys.executable, "-m", "benchmarks.serving.empty"], "/")
        yield
        for process, _ in bench.ours.values():
            process.resume()


def _start(bench: Bench, stack: ExitStack, name: str, command: list[str], ready: str) -> None:
    port, log = free_port(0), bench.folder / f"{len(bench.ours)}.log"
    here = {"PYTHONPATH": str(PROJECT), "TENURE_PROJECT": str(PROJECT)}
    pid = stack.enter_context(running([*command, str(port)], ready, port, log, **here))
    bench.ours[name] = psutil.Process(pid), port
    bench.ours[name][0].suspend()


def one_peer(bench: Bench, peer: Peer, homes: Path, fitted: Path) -> None:
    """Measure one peer in all its modes, and its tails in the better one."""
    python = installed(peer.name, homes)
    for mode in peer.modes:
        name = f"{peer.name}, {mode}"
        for served in [bench.served] if peer.serves_all else [[each] for each in bench.served]:
            port = free_port(0)
            command = [str(python), "-W", "ignore", str(PROJECT / f"benchmarks/peers/{peer.name}")]
            command[-1] += "/serve.py"
            arguments = [str(fitted), str(port), mode, served[0].name]
            log = bench.folder / f"{peer.name}.log"
            try:
                with running([*command, *arguments], peer.ready, port, log) as pid:
                    for model in served:
                        bench.measure(name, peer, model, pid, port, peer.name)
                        tails(bench, peer, mode, model, pid, port)
                        if mode == peer.modes[-1]:
                            bench.measure_ours(model, peer.name)
            except RuntimeError as error:
                print(f"{name}: left out, {error}", flush=True)


def tails(bench: Bench, peer: Peer, mode: str, model: models.Served, pid: int, port: int) -> None:
    """Measure a peer's p99 at shares of its own peak, in the last of its modes."""
    if mode != peer.modes[-1]:
        return
    peak = bench.cells[f"{peer.name}, {mode}", model.name, "c=64"][peer.name]["per_second"]
    request = request_of(peer, model.name, model.rows.head(1))
    for share in TAILS:
        found = bench.load(pid, port, request, 64, rate=share * peak)
        said = {"rate": share * peak, "p99_ms": found["p99_ms"]}
        bench.tails[peer.name, model.name, share] = said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each load lasts (4)")
    parser.add_argument("--peers", default=",".join(each.name for each in ALL))
    parser.add_argument("--models", default="linear,forest,boosting")
    parser.add_argument("--homes", type=Path, default=PROJECT / "build" / "peers")
    wanted = parser.parse_args()
    peers = [each for each in ALL if each.name in wanted.peers.split(",")]
    with tempfile.TemporaryDirectory(prefix="tenure-bench-") as folder:
        served = models.make(tuple(wanted.models.split(",")))
        bench = Bench(Path(folder), wanted.seconds, served)
        models.keep_for_peers(served, bench.folder / "fitted")
        with ours(bench):
            for peer in peers:
                one_peer(bench, peer, wanted.homes, bench.folder / "fitted")
            for model in served if not peers else []:
                bench.measure_ours(model, "nobody")
    report.print_all(bench.cells, bench.tails)


if __name__ == "__main__":
    main()
