"""How is a run told, and which aims does it meet?"""

from __future__ import annotations

from typing import Any

Cell = dict[str, dict[str, Any]]
"""By the peer beside which it was measured, what generator and clock said."""
Cells = dict[tuple[str, str, str], Cell]
Tails = dict[tuple[str, str, float], dict[str, Any]]

OURS = ("tenure", "tenure, scikit-learn", "empty handler")
_UNCHANGED = {("linear", "c=64"): 4, ("forest", "c=64"): 4, ("boosting", "c=64"): 4}
_COMPILED = {
    ("linear", "c=1"): 50,
    ("linear", "c=64"): 20,
    ("forest", "c=64"): 10,
    ("boosting", "c=64"): 10,
    ("linear", "1000 rows"): 4,
}


def cell_line(name: str, model: str, load: str, found: dict[str, Any]) -> str:
    """Return one cell in a line, as it is measured."""
    failed = f", {found['failed']} FAILED: {found['sample'][:200]}" if found["failed"] else ""
    p99 = "-" if found["p99_ms"] is None else f"{found['p99_ms']:.1f}"
    return (
        f"{name:24} {model:9} {load:10} {found['cpu_ms']:8.3f} CPU ms a request "
        f"{found['per_second']:9.0f}/s  p99 {p99} ms{failed}"
    )


def tail_line(peer: str, model: str, share: float, found: dict[str, Any]) -> str:
    """Return one tail in a line."""
    return (
        f"{peer:24} {model:9} {share:4.0%} of its peak ({found['rate']:.0f}/s): "
        f"p99 {found['p99_ms']:.1f} ms, tenure {found['ours_p99_ms']:.1f} ms"
    )


def print_all(cells: Cells, tails: Tails) -> None:
    """Print the table of CPU ms a request, and a line an aim."""
    columns = list(dict.fromkeys((model, load) for _, model, load in cells))
    names = sorted(dict.fromkeys(name for name, _, _ in cells), key=lambda name: name in OURS)
    print("\nCPU ms a request (whole process group; of ours the mean over all peers' minutes)")
    print(f"{'':24}" + "".join(f"{model[:6] + ' ' + load:>18}" for model, load in columns))
    for name in names:
        said = [_mean(cells.get((name, *column), {})) for column in columns]
        print(f"{name:24}" + "".join(f"{each or 0:18.3f}" for each in said))
    for line in aim_lines(cells, tails):
        print(line)


def _mean(found: Cell) -> float | None:
    return sum(each["cpu_ms"] for each in found.values()) / len(found) if found else None


def _best_modes(cells: Cells, model: str, load: str) -> dict[str, float]:
    """Return by peer the CPU ms a request of its better mode, of those without a failed answer."""
    best: dict[str, float] = {}
    for (name, of, at), found in cells.items():
        if name in OURS or (of, at) != (model, load):
            continue
        for peer, each in found.items():
            if each["answered"] and not each["failed"]:
                best[peer] = min(each["cpu_ms"], best.get(peer, each["cpu_ms"]))
    return best


def aim_lines(cells: Cells, tails: Tails) -> list[str]:
    """Return a line for each aim that this run could measure."""
    lines = _ratios(cells, "tenure, scikit-learn", _UNCHANGED, "unchanged")
    lines += _ratios(cells, "tenure", _COMPILED, "compiled")
    for model in ("forest", "boosting"):
        here, there = (_mean(cells.get((name, model, "1000 rows"), {})) for name in OURS[:2])
        if here and there:
            lines.append(_aim(f"compiled_{model}_1000_rows_as_unchanged", here / there, "<=", 1))
    floor, here = (_mean(cells.get((name, "linear", "c=64"), {})) for name in (OURS[2], OURS[0]))
    if floor and here:
        lines.append(_aim("linear_c64_over_empty_handler", here / floor, "<=", 2))
    told = [each for each in tails.values() if each.get("ours_p99_ms") is not None]
    if told:
        worst = max(each["ours_p99_ms"] / each["p99_ms"] for each in told)
        lines.append(_aim("p99_over_any_peers_at_its_rates", worst, "<=", 1))
    ours = [found for (name, _, _), found in cells.items() if name in OURS]
    failed = sum(each["failed"] for found in ours for each in found.values())
    lines.append(_aim("failed_answers", failed, "<=", 0))
    return lines


def _ratios(cells: Cells, name: str, wanted: dict[tuple[str, str], int], kind: str) -> list[str]:
    """Return a line a cell: of all peers, the least times that one took what we took beside it."""
    lines = []
    for (model, load), least in wanted.items():
        here = cells.get((name, model, load), {})
        best = _best_modes(cells, model, load)
        times = [best[peer] / here[peer]["cpu_ms"] for peer in best.keys() & here.keys()]
        if times:
            place = load.replace("=", "").replace(" ", "_")
            lines.append(_aim(f"{kind}_{model}_{place}_times_less_cpu", min(times), ">=", least))
    return lines


def _aim(name: str, value: float, side: str, wanted: float) -> str:
    is_met = value >= wanted if side == ">=" else value <= wanted
    return f"aim {name}: {value:.4g}, wanted {side} {wanted:g}: {'met' if is_met else 'short'}"
