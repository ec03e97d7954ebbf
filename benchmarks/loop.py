"""`make bench-loop`: what does the loop cost, with a thousand models and from end to end?

`decide` and the fleet's page with a year of weekly windows each; then the two chains on a real
`tenure up`: a file that arrives until the champion answers with the new version, and a decision
until the slot is on its fallback, parted into what Prefect takes for as many empty runs, imports,
the bare work, and the rest.

    python -m benchmarks.loop [--models 1000] [--times 5] [--without-chains]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import loop_chains, loop_fleet
from benchmarks.loop_chains import Chain
from benchmarks.loop_fleet import COLUMNS, WEEKS, Fleet

DECIDE_MS, PAGE_S, REST_S = 1.0, 1.0, 1.0
RUNS = {
    "file_to_champion": 3,
    "file_to_champion_monitored": 3,
    "decision_to_slot": 1,
    "decision_to_answer": 1,
}
"""How many Prefect runs each chain may take, in the order in which they are measured."""


def main() -> int:
    """Measure, print the tables and the aim lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=loop_fleet.MODELS)
    parser.add_argument("--times", type=int, default=5, help="files that arrive, empty chains")
    parser.add_argument("--without-chains", action="store_true")
    given = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="tenure-bench-"))
    try:
        fleet = loop_fleet.measure(folder / "fleet", given.models)
        _show_fleet(fleet, console)
        if not given.without_chains:
            _show_chains(loop_chains.measure(folder, given.times, console.print), console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _show_fleet(fleet: Fleet, console: Console) -> None:
    console.print(f"{fleet.models:,} models, {WEEKS} weekly windows each, {COLUMNS} columns")
    console.print(f"decide, the slowest model         {fleet.decide_ms:8.2f} CPU ms")
    console.print(f"the same, asked of the ledger too {fleet.judged_ms:8.2f} CPU ms")
    console.print(f"the page of all models            {fleet.page_s:8.2f} s")
    grown = fleet.bytes_a_model / 1000
    console.print(f"the ledger grows by               {grown:8.0f} kB a model and year")
    console.print(_aim("loop_decide_ms", fleet.decide_ms, DECIDE_MS))
    console.print(_aim("loop_fleet_page_s", fleet.page_s, PAGE_S))


def _show_chains(chains: Sequence[Chain], console: Console) -> None:
    shown = Table("wall s", *(each.name for each in chains))
    shown.add_row("whole", *(f"{each.whole_s:.2f}" for each in chains))
    shown.add_row("until runs were looked for", *(f"{each.waited_s:.2f}" for each in chains))
    shown.add_row("an empty chain of as many runs", *(f"{each.empty_s:.2f}" for each in chains))
    shown.add_row("imports beyond it", *(f"{each.imports_s:.2f}" for each in chains))
    for part in dict.fromkeys(part for each in chains for part in each.work_s):
        found = (each.work_s.get(part) for each in chains)
        shown.add_row(part, *("" if took is None else f"{took:.2f}" for took in found))
    shown.add_row("the rest", *(f"{each.rest_s:.2f}" for each in chains))
    shown.add_row("runs", *(str(each.runs) for each in chains))
    console.print(shown)
    for (name, runs), chain in zip(RUNS.items(), chains, strict=True):
        console.print(_aim(f"loop_{name}_runs", chain.runs, runs))
        console.print(_aim(f"loop_{name}_rest_s", chain.rest_s, REST_S))
    heavy = [name for chain in chains for name in chain.heavy]
    console.print(_aim("loop_retire_imports_evidently_or_gx", len(heavy), 0))


def _aim(name: str, value: float, wanted: float) -> str:
    met = "met" if value <= wanted else "short"
    return f"aim {name}: {value:.2f}, wanted <= {wanted:g}: {met}"


if __name__ == "__main__":
    raise SystemExit(main())
