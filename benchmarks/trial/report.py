"""The trial's table, its aim lines, and a page and texts to read at leisure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.trial.policies import FIRST, TENURE
from benchmarks.trial.results import Result

ROLLING = 6
ALARMS_A_YEAR = 1.0
"""What the specs leave `monitoring.false_alarms_per_year` at."""
WIDTH, HEIGHT, BAND = 1000, 260, 22
COLOURS = {FIRST: "#9a9a9a", TENURE: "#c2410c"}
BLIND_COLOUR = "#1d4ed8"
SPAN_COLOURS = ("#fdba74", "#93c5fd", "#86efac", "#d8b4fe")


def aim_lines(result: Result) -> list[str]:
    """Return the two aims of a history, met or short."""
    name = result.history.model.replace("-", "_")
    behind = "share_behind" if result.history.relative else "behind"
    return [
        _aim(f"{name}_{behind}_best_blind", result.shortfall, result.history.tolerance, "{:.4f}"),
        _aim(f"{name}_promotions_share_of_blind", result.promoted_share, 0.5, "{:.3f}"),
    ]


def loop_lines(result: Result) -> list[str]:
    """Return the aims of the loop over a history: hold what is good, catch what is corrupted."""
    name = result.history.model.replace("-", "_")
    caught = [each for each in result.corrupted if each["caught"][0] != "nothing"]
    lines = [
        _aim(f"{name}_good_models_retired", len(result.retirements), 0, "{:.0f}"),
        _aim(f"{name}_false_alarms_a_year", result.false_alarms_a_year, ALARMS_A_YEAR, "{:.1f}"),
        _aim(
            f"{name}_corrupted_feeds_caught",
            len(caught),
            len(result.history.corruptions),
            "{:.0f}",
            least=True,
        ),
    ]
    if caught:
        slowest = max(each["windows"] for each in caught)
        lines.append(_aim(f"{name}_windows_until_caught", slowest, 3, "{:.0f}"))
    if result.history.changes_in_week is not None:
        delay = float("inf") if result.delay is None else result.delay
        lines.append(_aim(f"{name}_weeks_until_the_known_change_is_seen", delay, 2, "{:.0f}"))
    return lines


def corrupted_line(record: dict[str, Any]) -> str:
    """Say what became of a corrupted feed."""
    how, why = record["caught"]
    windows = f"{record['windows']} window(s)"
    if how == "nothing":
        return f"{record['corrupted']} from week {record['from_week']}: NOT caught in {windows}."
    return f"{record['corrupted']} from week {record['from_week']}: {how} after {windows}. {why}"


def happened(week: dict[str, Any]) -> list[str]:
    """Say what a week's monitoring led to beyond a warning; what was only replaced is left out."""
    cases = [each for each in week.get("loop", {}).get("cases", []) if not each["replaced"]]
    return [
        f"{each['action']} of version {each['version']} ({each['state']}). {each['reason']} "
        f"{each['outcome']}"
        for each in cases
    ]


def leak_line(leak: dict[str, Any]) -> str:
    """Return the aim that a leaking spec is refused, and says by which columns."""
    named = all(name in leak["reason"] for name in ("casual", "registered"))
    return _aim("leaking_specs_refused", float(leak["refused"] and named), 1, "{:.0f}", least=True)


def _aim(name: str, value: float, wanted: float, form: str, *, least: bool = False) -> str:
    met = value >= wanted if least else value <= wanted
    sign = ">=" if least else "<="
    return (
        f"aim {name}: {form.format(value)}, wanted {sign} {wanted:g}: {'met' if met else 'short'}"
    )


def table(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Return the rows of the trial's table, the header first; one column a history."""
    rows = [("", *(result.history.model for result in results))]

    def add(what: str, *cells: str) -> None:
        rows.append((what, *cells))

    add(
        "weeks in / quarantined", *(f"{len(r.all)} / {r.total('quarantined'):.0f}" for r in results)
    )
    add("weeks judged, of them the last two thirds", *(_both(len(r.weeks), r) for r in results))
    add("versions", *(str(max(w["judged"]["version"] for w in r.weeks)) for r in results))
    add("promotions, all / last two thirds", *(_promotions(r) for r in results))
    add(
        "fits, their CPU s",
        *(f"{r.total('fits'):.0f}, {r.total('fit_cpu_s'):.0f}" for r in results),
    )
    add("CPU s of the replay", *(f"{r.total('cpu_s'):.0f}" for r in results))
    add("metric (mean over weeks), last two thirds", *(r.history.metric for r in results))
    for policy in _policies(results[0]):
        add(f"  {policy}", *(_value(r, policy) for r in results))
    best = (r.blind(r.cut) for r in results)
    add("  best blind policy, chosen afterwards", *(name for name, _ in best))
    add("what served longest, by span (weeks)", *(_spans(r) for r in results))
    add("longest / usual tenure (weeks)", *(_lengths(r) for r in results))
    return [*rows, *_loop_rows(results)]


def _loop_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Return what monitoring saw, what was decided, and what became of it."""
    return [
        ("readings / unknown", *(f"{r.readings()} / {r.readings('unknown')}" for r in results)),
        ("warnings / cases", *(_warnings(r) for r in results)),
        ("retrains decided / of them promoted", *(_retrains(r) for r in results)),
        (
            "retirements: of good models / of replaced ones",
            *(f"{len(r.retirements)} / {len(r.cases('retire', replaced=True))}" for r in results),
        ),
        ("false alarms, in weeks, a year", *(_alarms(r) for r in results)),
        ("known change: weeks until it is seen", *(_delay(r) for r in results)),
        *(
            (f"corrupted feed {place + 1}", *(_corrupted(r, place) for r in results))
            for place in range(max(len(r.corrupted) for r in results))
        ),
    ]


def _warnings(result: Result) -> str:
    warned = sum(each["action"] == "warn" for _, each in result.decisions())
    cases = len(result.cases("retrain")) + len(result.cases("retire"))
    return f"{warned} / {cases}"


def _retrains(result: Result) -> str:
    asked = result.cases("retrain")
    weeks = [week for week in result.all if _asks_retrain(week)]
    won = sum(week.get("judged", {}).get("promoted", False) for week in weeks)
    return f"{len(asked)} / {won}"


def _asks_retrain(week: dict[str, Any]) -> bool:
    return any(each["action"] == "retrain" for each in week.get("loop", {}).get("cases", []))


def _alarms(result: Result) -> str:
    begin, end = result.watched
    return f"{len(result.false_alarms)} in {end - begin}, {result.false_alarms_a_year:.1f}"


def _delay(result: Result) -> str:
    if result.history.changes_in_week is None:
        return "none is known"
    return "never" if result.delay is None else str(result.delay)


def _corrupted(result: Result, place: int) -> str:
    if place >= len(result.corrupted):
        return ""
    record = result.corrupted[place]
    how, _ = record["caught"]
    return f"{record['corrupted']}: {how}, {record['windows']} window(s)"


def _both(count: int, result: Result) -> str:
    return f"{count}, {count - result.cut}"


def _promotions(result: Result) -> str:
    judged = len(result.weeks) - result.cut
    return f"{result.promotions(0)} / {result.promotions(result.cut)} of {judged}"


def _policies(result: Result) -> list[str]:
    return list(result.weeks[0]["metric"])


def _value(result: Result, policy: str) -> str:
    form = "{:.4f}" if result.history.higher_is_better else "{:.2f}"
    early = form.format(result.value(policy, 0, result.cut))
    return f"{form.format(result.value(policy, result.cut))}  (first third {early})"


def _spans(result: Result) -> str:
    weeks: dict[str, int] = {}
    for band in result.bands():
        weeks[band.span] = weeks.get(band.span, 0) + band.end - band.begin + 1
    return ", ".join(f"{span} {n}" for span, n in sorted(weeks.items(), key=lambda i: -i[1]))


def _lengths(result: Result) -> str:
    lengths = sorted(band.end - band.begin + 1 for band in result.bands())
    return f"{lengths[-1]} / {lengths[len(lengths) // 2]}"


def strip(result: Result) -> str:
    """Return who served when in one line: a letter a week for the span, `|` where the slot moved.

    Letters: 8, 2 (26), a (all): the first character of the span.
    """
    return "|".join(band.span[0] * (band.end - band.begin + 1) for band in result.bands())


def explanations(result: Result) -> str:
    """Return each decision, case and training with its reason, as the ledger holds them."""
    lines = [f"# {result.history.model}: what was decided, in the ledger's words", ""]
    for week in result.all:
        for each in week.get("loop", {}).get("decisions", []):
            held = f" Held back: {' '.join(each['held_back'])}" if each["held_back"] else ""
            lines.append(
                f"- week {week['week']}: version {each['version']}, **{each['action']}** "
                f"({each['cause']}). {each['reason']}{held}"
            )
        lines += [f"- week {week['week']}: {told}" for told in happened(week)]
        if judged := week.get("judged"):
            fate = "promoted" if judged["promoted"] else "kept out"
            lines.append(
                f"- week {week['week']}: version {judged['version']} ({judged['span']}) "
                f"**{fate}**, {judged['verdict']}. {judged['reason']}"
            )
    lines += [f"- {corrupted_line(each)}" for each in result.corrupted]
    return "\n".join(lines) + "\n"


def page(results: Sequence[Result], leak: dict[str, Any] | None) -> str:
    """Return a self-contained page: the table, and for each history its lines and bands."""
    header, *rows = table(results)
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    drawn = "".join(f"<h2>{escape(r.history.model)}</h2>{picture(r)}" for r in results)
    aims = "\n".join(
        line for result in results for line in [*aim_lines(result), *loop_lines(result)]
    )
    said = f"<h2>The leak</h2><p>{escape(leak['reason'])}</p>" if leak else ""
    return (
        "<!doctype html><meta charset='utf-8'><title>Tenure on real histories</title>"
        "<style>body{font:15px/1.5 system-ui;max-width:66rem;margin:2rem auto;padding:0 1rem}"
        "td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #ddd}"
        "svg{width:100%;height:auto}</style>"
        f"<h1>Tenure on real histories</h1><table><tr>{head}</tr>{body}</table>"
        f"{drawn}<h2>Aims</h2><pre>{escape(aims)}</pre>{said}"
    )


def picture(result: Result) -> str:
    """Return an SVG: each policy's metric (rolling mean of six weeks) over bands of who served."""
    best, _ = result.blind(result.cut)
    lines = {FIRST: COLOURS[FIRST], best: BLIND_COLOUR, TENURE: COLOURS[TENURE]}
    series = {name: _rolling([w["metric"][name] for w in result.weeks]) for name in lines}
    low = min(min(values) for values in series.values())
    high = max(max(values) for values in series.values())
    count = len(result.weeks)

    def x(place: float) -> float:
        return place * WIDTH / count

    def y(value: float) -> float:
        return 20 + (high - value) / (high - low or 1) * (HEIGHT - 30)

    parts = [
        f"<line x1='{x(result.cut):.1f}' x2='{x(result.cut):.1f}' y1='0' y2='{HEIGHT + BAND}' "
        "stroke='#999' stroke-dasharray='4'/>"
    ]
    for place, (name, colour) in enumerate(lines.items()):
        points = " ".join(f"{x(i + 0.5):.1f},{y(v):.1f}" for i, v in enumerate(series[name]))
        parts.append(
            f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>"
        )
        parts.append(f"<text x='{10 + place * 230}' y='14' fill='{colour}'>{escape(name)}</text>")
    parts += _band_rects(result, x)
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT + BAND + 20}' font-size='13' "
        f"font-family='system-ui'>{''.join(parts)}"
        f"<text x='{WIDTH - 4}' y='{y(high) + 4:.0f}' text-anchor='end'>{high:.3g}</text>"
        f"<text x='{WIDTH - 4}' y='{y(low) + 4:.0f}' text-anchor='end'>{low:.3g}</text></svg>"
    )


def _band_rects(result: Result, x: Any) -> list[str]:
    spans = sorted({band.span for band in result.bands()})
    first, parts = result.weeks[0]["week"], []
    for band in result.bands():
        colour = SPAN_COLOURS[spans.index(band.span) % len(SPAN_COLOURS)]
        left, right = x(band.begin - first), x(band.end + 1 - first)
        parts.append(
            f"<rect x='{left:.1f}' y='{HEIGHT}' width='{right - left:.1f}' height='{BAND}' "
            f"fill='{colour}' stroke='#fff'><title>version {band.version}, {escape(band.span)}, "
            f"weeks {band.begin} to {band.end}</title></rect>"
        )
    for place, span in enumerate(spans):
        colour = SPAN_COLOURS[place % len(SPAN_COLOURS)]
        left = 10 + place * 150
        parts.append(
            f"<rect x='{left}' y='{HEIGHT + BAND + 6}' width='12' height='12' fill='{colour}'/>"
        )
        parts.append(f"<text x='{left + 18}' y='{HEIGHT + BAND + 17}'>{escape(span)}</text>")
    return parts


def _rolling(values: Sequence[float]) -> list[float]:
    windows = [values[max(0, i + 1 - ROLLING) : i + 1] for i in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def write_report(results: Sequence[Result], leak: dict[str, Any] | None, folder: Path) -> Path:
    """Write the page and the explanations; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        file = folder / f"{result.history.model}.md"
        file.write_text(explanations(result), encoding="utf-8")
    target = folder / "trial.html"
    target.write_text(page(results, leak), encoding="utf-8")
    return target
