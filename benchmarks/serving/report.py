"""How is a run told, and which aims does it meet?"""

from __future__ import annotations

from typing import Any

Cells = dict[tuple[str, str, str], dict[str, Any]]
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
    names = list(dict.fromkeys(name for name, _, _ in cells))
    print("\nCPU ms a request (whole process group)")
    print(f"{'':24}" + "".join(f"{model[:6] + ' ' + load:>18}" for model, load in columns))
    for name in names:
        said = [cells.get((name, *column)) for column in columns]
        print(f"{name:24}" + "".join(f"{each['cpu_ms'] if each else 0:18.3f}" for each in said))
    for line in aim_lines(cells, tails):
        print(line)


def best_peer(cells: Cells, model: str, load: str) -> float | None:
    """Return the least CPU ms a request that a peer took without a failed answer."""
    found = [
        each["cpu_ms"]
        for (name, of, at), each in cells.items()
        if name not in OURS
        and (of, at) == (model, load)
        and each["answered"]
        and not each["failed"]
    ]
    return min(found, default=None)


def aim_lines(cells: Cells, tails: Tails) -> list[str]:
    """Return a line for each aim that this run could measure."""
    lines = _ratios(cells, "tenure, scikit-learn", _UNCHANGED, "unchanged")
    lines += _ratios(cells, "tenure", _COMPILED, "compiled")
    for model in ("forest", "boosting"):
        key = (model, "1000 rows")
        pair = [cells.get((name, *key)) for name in OURS[:2]]
        if pair[0] and pair[1]:
            ratio = pair[0]["cpu_ms"] / pair[1]["cpu_ms"]
            lines.append(_aim(f"compiled_{model}_1000_rows_as_unchanged", ratio, "<=", 1))
    floor, here = (cells.get((name, "linear", "c=64")) for name in (OURS[2], OURS[0]))
    if floor and here:
        lines.append(
            _aim("linear_c64_over_empty_handler", here["cpu_ms"] / floor["cpu_ms"], "<=", 2)
        )
    told = [each for each in tails.values() if each.get("ours_p99_ms") is not None]
    if told:
        worst = max(each["ours_p99_ms"] / each["p99_ms"] for each in told)
        lines.append(_aim("p99_over_any_peers_at_its_rates", worst, "<=", 1))
    failed = sum(each["failed"] for (name, _, _), each in cells.items() if name in OURS)
    lines.append(_aim("failed_answers", failed, "<=", 0))
    return lines


def _ratios(cells: Cells, name: str, wanted: dict[tuple[str, str], int], kind: str) -> list[str]:
    lines = []
    for (model, load), least in wanted.items():
        here, peer = cells.get((name, model, load)), best_peer(cells, model, load)
        if here is None or peer is None:
            continue
        place = load.replace("=", "").replace(" ", "_")
        lines.append(
            _aim(f"{kind}_{model}_{place}_times_less_cpu", peer / here["cpu_ms"], ">=", least)
        )
    return lines


def _aim(name: str, value: float, side: str, wanted: float) -> str:
    is_met = value >= wanted if side == ">=" else value <= wanted
    return f"aim {name}: {value:.4g}, wanted {side} {wanted:g}: {'met' if is_met else 'short'}"
