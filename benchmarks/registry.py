"""What do registering, promoting and asking cost, at 100, 10,000 and 100,000 versions?

Against MLflow on the same machine in the same run, installed here into a venv of its own, and
against the floor: one fsync. `--without-peer` leaves MLflow out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from tenure.records import canonical, digest_of, to_json
from tenure.registry import Ledger, open_ledger, tables
from tenure.registry.chain import GENESIS, Head, Line, next_line
from tenure.workspace import open_workspace
from tests.unit.registry import lives

PEER = Path(__file__).parent / "peers" / "mlflow"
SIZES = (100, 10_000, 100_000)
PEER_SIZES = (100, 10_000)
SEEDED = (tables.candidates, tables.evaluations, tables.versions, tables.audit)
AT = "2026-01-01T00:00:00.000000Z"
SAID = {"actor": "automation:bench", "reason": "It is better.", "evidence": "e" * 64}


def seed(root: Path, versions: int) -> Ledger:
    """Return a ledger whose one model has so many versions, record and state alike."""
    (root / "config").mkdir(parents=True)
    ledger = open_ledger(open_workspace(root, project=Path(__file__).parents[1]))
    rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in SEEDED}
    fit = lives.candidate_record("fraud", "template")
    template = canonical(to_json(fit)).decode()
    judged = lives.evaluation(fit)
    verdict = canonical(to_json(judged)).decode()
    rows[tables.evaluations].append({"digest": judged.digest, "record": verdict})
    head = Head(0, GENESIS)
    for number in range(1, versions + 1):
        identity = digest_of(["seeded", number])
        record = template.replace(fit.id, identity)
        told = told_after(head, "candidate_recorded", {"candidate": identity, "record": record})
        kept = {"id": identity, "model": "fraud", "record": record, "kept": 1}
        rows[tables.candidates].append({**kept, "seq": told.seq})
        values = {
            "model": "fraud",
            "number": number,
            "stage": "validated",
            "candidate": identity,
            "object": fit.object,
            "size": fit.size,
            "manifest": identity,
            "evaluation": judged.digest,
            "training_set": fit.training_set.digest,
        }
        after = told_after(Head(told.seq, told.digest), "version_registered", values)
        times = {"recorded_at": AT, "as_of": AT, "seq": after.seq, "reason": SAID["reason"]}
        rows[tables.versions].append({**values, **times, "served_epoch": None})
        rows[tables.audit] += [told._asdict(), after._asdict()]
        head = Head(after.seq, after.digest)
    with ledger.database.writing() as write:
        for table in SEEDED:
            write.connection.execute(insert(table), rows[table])
    ledger.database.anchor.bring_up(head)
    return ledger


def told_after(head: Head, kind: str, body: dict[str, Any]) -> Line:
    """Return the audit row of one seeded change."""
    times = {"recorded_at": AT, "as_of": AT}
    return next_line(head, kind=kind, model="fraud", body=body, **times, **SAID)


def in_turn(does: dict[str, Callable[[int], object]], times: int) -> dict[str, float]:
    """Return the median wall time of each call in milliseconds; they take turns.

    So whatever else this machine does meanwhile falls on all of them alike.
    """
    took: dict[str, list[float]] = {name: [] for name in does}
    for turn in range(times + 1):
        for name, do in does.items():
            begun = time.perf_counter()
            do(turn)
            took[name].append(time.perf_counter() - begun)
    return {name: statistics.median(each[1:]) * 1000 for name, each in took.items()}


def one_fsync(folder: Path) -> Callable[[int], None]:
    """Return what appends 4 KB and syncs them: the floor of any durable commit."""
    descriptor = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def sync(_: int) -> None:
        os.write(descriptor, b"x" * 4096)
        os.fsync(descriptor)

    return sync


def promoting(ledger: Ledger, versions: int) -> Callable[[int], object]:
    """Return what moves the champion's slot to another version, one epoch on each call."""
    office = ledger.slot("fraud")
    epoch = office.epoch if office else 0

    def promote(turn: int) -> object:
        nonlocal epoch
        epoch += 1
        number = 1 + (turn * 7919) % versions
        return ledger.promote("fraud", number, expected_epoch=epoch - 1, **SAID)

    return promote


def registering(ledger: Ledger) -> Callable[[int], object]:
    """Return what registers one more version, the ledger's part: number, row, audit, anchor."""
    fits = [lives.candidate_record("fraud", f"fresh {turn}") for turn in range(400)]
    for fit in fits:
        ledger.record_candidate(fit, actor=SAID["actor"])

    def register(turn: int) -> object:
        fit = fits[turn]
        judged = lives.evaluation(fit)
        return ledger.register_version(fit, judged, digest_of, actor=SAID["actor"])

    return register


def measure(folder: Path, times: int) -> dict[int, dict[str, float]]:
    """Return median milliseconds by size and operation; the sizes take turns."""
    ledgers = {}
    for size in SIZES:
        begun = time.perf_counter()
        ledgers[size] = seed(folder / f"{size}", size)
        print(f"seeded {size} versions in {time.perf_counter() - begun:.0f} s", flush=True)
    found: dict[int, dict[str, float]] = {size: {} for size in SIZES}
    sync = one_fsync(folder)

    def note(name: str, make: Callable[[Ledger, int], Callable[[int], object]]) -> None:
        does = {f"{size}": make(ledger, size) for size, ledger in ledgers.items()}
        took = in_turn({"floor": sync, **does}, times)
        for size in SIZES:
            found[size][name] = took[f"{size}"]
            found[size][f"one fsync beside {name}"] = took["floor"]

    for ledger in ledgers.values():
        ledger.database.anchored = False
    note("promote, not anchored", promoting)
    for ledger in ledgers.values():
        ledger.database.anchored = True
    note("promote", promoting)
    note("register", lambda ledger, _: registering(ledger))
    note("get the champion", lambda ledger, _: lambda _: ledger.slot("fraud"))
    note("list the newest 100", lambda ledger, _: lambda _: ledger.versions("fraud"))
    return found


def writers(folder: Path, count: int, turns: int) -> float:
    """Return promotions a second of several processes, each with a slot of its own model."""
    root = folder / "writers"
    (root / "config").mkdir(parents=True)
    workspace = open_workspace(root, project=Path(__file__).parents[1])
    for number in range(count):
        lives.bare_version(workspace, model=f"model-{number}")
    begun = time.perf_counter()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            ledger = open_ledger(workspace)
            for epoch in range(turns):
                ledger.promote(f"model-{number}", 1, expected_epoch=epoch, **SAID)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return count * turns / (time.perf_counter() - begun)


def peer(folder: Path, times: int) -> dict[str, Any]:
    """Install MLflow into a venv of its own, kept between runs, and let it do the same."""
    pinned = (PEER / "requirements.txt").read_text().strip()
    home = Path(tempfile.gettempdir()) / f"tenure-bench-{pinned.replace('==', '-')}"
    if not (home / "done").exists():
        print(f"installing {pinned} into {home} ...", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        wanted = ["-r", str(PEER / "requirements.txt")]
        subprocess.run([str(home / "bin/python"), *install, *wanted], check=True)
        (home / "done").touch()
    command = [str(home / "bin/python"), "-W", "ignore", str(PEER / "registry.py"), str(folder)]
    sizes = ",".join(map(str, PEER_SIZES))
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [*command, str(times), sizes], check=True, env=env, stderr=subprocess.DEVNULL, cwd=folder
    )
    return json.loads((folder / "mlflow.json").read_text())


def table(rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows in columns."""
    for name, *cells in rows:
        print(f"{name:28}" + "".join(f"{cell:>16}" for cell in cells))


def aim(name: str, value: float, wanted: str, bound: float) -> None:
    """Print one aim and whether it is met."""
    met = value >= bound if wanted == ">=" else value <= bound
    print(f"aim {name}: {value:.2f}, wanted {wanted} {bound:g}: {'met' if met else 'short'}")


def report(ours: dict[int, dict[str, float]], theirs: dict[str, Any] | None) -> None:
    """Print both sides, median milliseconds."""
    table([("ms, median", *(f"{size} versions" for size in ours))])
    for name in ours[SIZES[0]]:
        table([(f"tenure: {name}", *(f"{found[name]:.3f}" for found in ours.values()))])
    for name in theirs["sizes"]["100"] if theirs else ():
        cells = [theirs["sizes"].get(str(size), {}).get(name) for size in ours]
        table([(f"mlflow: {name}", *(f"{cell:.1f}" if cell else "-" for cell in cells))])


def main() -> None:
    """Measure, print both sides, and end with the aims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="at most 399")
    parser.add_argument("--peer-times", type=int, default=15)
    parser.add_argument("--without-peer", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenure bench ") as name:
        folder = Path(name)
        ours = measure(folder, options.times)
        theirs = None if options.without_peer else peer(folder, options.peer_times)
        rate = writers(folder, 8, 100)
    report(ours, theirs)
    print(f"8 writers: tenure {rate:.0f} promotions/s", end="")
    print(f", mlflow {theirs['writers']:.1f}" if theirs else "")
    middle = ours[10_000]
    if theirs:
        aim(
            "promote_times_faster_than_mlflow",
            theirs["sizes"]["10000"]["promote"] / middle["promote"],
            ">=",
            200,
        )
    aim(
        "promote_in_fsyncs",
        middle["promote, not anchored"] / middle["one fsync beside promote, not anchored"],
        "<=",
        5,
    )
    aim(
        "promote_anchored_in_fsyncs",
        middle["promote"] / middle["one fsync beside promote"],
        "<=",
        10,
    )
    for operation in ("promote", "get the champion", "list the newest 100", "register"):
        ratio = ours[100_000][operation] / ours[100][operation]
        aim(f"{operation.replace(' ', '_')}_at_100000_as_at_100", ratio, "<=", 1.5)


if __name__ == "__main__":
    main()
