"""What was seen of a model in office, how bad was it, and what followed?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from markupsafe import Markup

from tenure.errors import TenureError
from tenure.monitoring.decision import severity
from tenure.monitoring.policy import P_VALUE_METHODS, Limit, Policy, policy_of
from tenure.pages.render import day, metric
from tenure.pages.svg import number
from tenure.pages.watch_charts import Axis, Cell, Level, Point, columns_over_time, course
from tenure.records import Action, Cause, Decision, Measure, Reading, Severity, Window
from tenure.registry import Ledger
from tenure.registry.specs import spec_in_force
from tenure.workspace import Workspace

SHOWN_READINGS = 120
SHOWN_COLUMNS = 20
ROLES = {
    Severity.OK: "good",
    Severity.WARN: "warn",
    Severity.RETRAIN: "warn",
    Severity.RETIRE: "bad",
    Severity.UNKNOWN: "quiet",
}
MEASURES = {
    "weighted_drift_share": "Share of columns that drift, by importance",
    "drift_share": "Share of columns that drift",
    "prediction_drift": "Drift of the predictions",
    "missing_share": "Missing values, most of any column",
    "new_category_share": "New categories, most of any column",
    "out_of_range_share": "Rows out of range, most of any column",
    "volume_ratio": "Rows, as a share of what is usual",
    "label_coverage_share": "Rows whose label has come",
}
ALWAYS = ("weighted_drift_share", "prediction_drift")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A window as it was read, how bad it is by today's policy, and what was decided about it."""

    reading: Reading
    severity: Severity
    decision: Decision | None


def policy_if_any(model: str, workspace: Workspace) -> Policy | None:
    """Return what today's spec says about deciding, None where there is no readable spec."""
    try:
        return policy_of(spec_in_force(model, workspace))
    except TenureError:
        return None


def read_seen(model: str, ledger: Ledger, policy: Policy | None) -> list[Seen]:
    """Return the newest windows that were read, oldest first, with what followed."""
    readings = ledger.readings(model, limit=SHOWN_READINGS)
    decisions = ledger.decisions(model, limit=2 * SHOWN_READINGS)
    about = {each.readings[-1]: each for each in decisions if each.readings}
    return [
        Seen(
            reading=each,
            severity=_severity(each, policy, about.get(each.digest)),
            decision=about.get(each.digest),
        )
        for each in readings
    ]


def _severity(reading: Reading, policy: Policy | None, decision: Decision | None) -> Severity:
    if policy is not None:
        return severity(reading, policy)
    if reading.reason:
        return Severity.UNKNOWN
    return severity_of(decision) if decision else Severity.OK


def severity_of(decision: Decision) -> Severity:
    """Return how bad the newest window of a decision was, as the decision says it.

    A decision to keep names the rung that its newest window crosses alone.
    """
    if decision.cause is Cause.UNKNOWN:
        return Severity.UNKNOWN
    return said_severity(decision.wanted.value, decision.rule)


def said_severity(wanted: str, rule: str) -> Severity:
    """Return the severity that a decision's action and rule stand for."""
    if wanted != Action.KEEP.value:
        return Severity(wanted)
    if rule.startswith("evaluation.gates."):
        return Severity.RETRAIN
    if rule == "monitoring.thresholds":
        return Severity.WARN
    rung = rule.removeprefix("monitoring.").partition(".")[0]
    return Severity(rung) if rung in ("warn", "retrain", "retire") else Severity.OK


def window_words(window: Window) -> str:
    """Return a window's bounds as people say them."""
    if window.start_at is not None and window.end_at is not None:
        return f"{day(window.start_at)} to {day(window.end_at)}"
    if window.first_seq == window.last_seq:
        return f"batch {window.first_seq}"
    return f"batches {window.first_seq} to {window.last_seq}"


def axis_of(seen: Sequence[Seen]) -> Axis:
    """Return where windows stand: by when they ended, in order where their data has no time."""
    ends = [one.reading.window.end_at for one in seen]
    known = [end for end in ends if end is not None]
    if len(known) == len(ends):
        names = [end.astimezone(UTC).strftime("%-d %b") for end in known]
        return Axis(places=[end.timestamp() for end in known], names=names, is_time=True)
    names = [window_words(one.reading.window).removeprefix("batches ") for one in seen]
    return Axis(places=[float(place) for place in range(len(seen))], names=names, is_time=False)


def charts_of(seen: Sequence[Seen], policy: Policy | None) -> list[Markup]:
    """Draw the measures that say something, each with its thresholds; none for no windows."""
    if not seen:
        return []
    limits, axis = _limits(policy), axis_of(seen)
    names = [*MEASURES, *sorted({n for n in _names(seen) if n.startswith("metric:")})]
    drawn = []
    for name in names:
        own = [pair for pair in limits if pair[1].measure == name]
        values = [_worst(one.reading, name, own) for one in seen]
        if any(each is not None for each in values) and (own or _matters(name)):
            drawn.append(_course(name, seen, values, own, axis))
    # Labels outrank drift: what they say stands first.
    drawn = [m for n, m in drawn if n.startswith("metric:")] + [
        m for n, m in drawn if not n.startswith("metric:")
    ]
    grid = columns_chart(seen)
    return [*drawn, grid] if grid else drawn


def _matters(name: str) -> bool:
    return name in ALWAYS or name.startswith("metric:")


def _names(seen: Sequence[Seen]) -> set[str]:
    return {measure.name for one in seen for measure in one.reading.measures}


def _limits(policy: Policy | None) -> list[tuple[Severity, Limit]]:
    rungs = policy.rungs if policy else ()
    return [(rung.severity, limit) for rung in rungs for limit in rung.limits]


def _worst(reading: Reading, name: str, own: Sequence[tuple[Severity, Limit]]) -> Measure | None:
    """Return the measure of this name, of several columns the one that is worst."""
    found = [each for each in reading.measures if each.name == name]
    known = [each for each in found if each.value is not None]
    if not known:
        return found[0] if found else None
    below = any(limit.below for _, limit in own)
    return (min if below else max)(known, key=lambda each: each.value or 0.0)


def _course(
    name: str,
    seen: Sequence[Seen],
    values: Sequence[Measure | None],
    own: Sequence[tuple[Severity, Limit]],
    axis: Axis,
) -> tuple[str, Markup]:
    points = []
    for one, measure, at in zip(seen, values, axis.places, strict=True):
        crossed = [s for s, limit in own if measure is not None and limit.crossed_by(measure)]
        worst = max(crossed, key=lambda each: each.rank, default=Severity.OK)
        value = measure.value if measure else None
        says = number(value) if value is not None else _why(one, measure)
        where = f", column {measure.column}" if measure and measure.column else ""
        title = f"{window_words(one.reading.window)}, version {one.reading.version}{where}: {says}"
        role = ROLES[worst] if crossed else "candidate"
        of = f"v{one.reading.version}"
        points.append(Point(at=at, of=of, value=value, role=role, title=title))
    levels = [
        Level(value=limit.threshold, role=ROLES[severity], label=severity.value)
        for severity, limit in sorted(own, key=lambda pair: pair[0].rank)
    ]
    title = MEASURES.get(name) or f"{_head(metric(name.removeprefix('metric:')))}, on labels"
    return name, course(title, points, levels, axis, bounds=_bounds(name, points))


def _bounds(name: str, points: Sequence[Point]) -> tuple[float | None, float | None]:
    if name.startswith("metric:"):
        return None, None
    most = max((point.value for point in points if point.value is not None), default=0.0)
    return 0.0, 1.0 if name.endswith("_share") and 0.8 <= most <= 1.0 else None


def _why(one: Seen, measure: Measure | None) -> str:
    return one.reading.reason or (measure.reason if measure else "") or "not measured"


def _head(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def columns_chart(seen: Sequence[Seen]) -> Markup | None:
    """Draw which columns drift when, None where no column was judged."""
    shown = seen[-60:]
    weights: dict[str, float] = {}
    for one in shown:
        for each in one.reading.measures:
            if each.name == "drift" and each.column is not None:
                weights[each.column] = max(weights.get(each.column, 0.0), each.weight or 0.0)
    if not weights:
        return None
    names = sorted(weights, key=lambda name: (-weights[name], name))[:SHOWN_COLUMNS]
    by_column = [
        {each.column: each for each in one.reading.measures if each.name == "drift"}
        for one in shown
    ]
    cells = [
        [_cell(name, one, found.get(name)) for one, found in zip(shown, by_column, strict=True)]
        for name in names
    ]
    more = len(weights) - len(names)
    title = f"Columns that drift{f', the {len(names)} most important' if more else ''}"
    return columns_over_time(title, names, axis_of(shown).names, cells)


def _cell(name: str, one: Seen, measure: Measure | None) -> Cell:
    where = f"{name}, {window_words(one.reading.window)}"
    if measure is None or measure.value is None:
        return Cell(ratio=None, drifted=False, title=f"{where}: unknown, {_why(one, measure)}")
    bound, value = measure.threshold, measure.value
    ratio = None
    if bound:
        inverse = measure.method in P_VALUE_METHODS
        ratio = (bound / value if value else 2.0) if inverse else value / bound
    says = f"{where}: {measure.method} {number(value)}, threshold {number(bound)}"
    says += ", drifts" if measure.drifted else ""
    return Cell(ratio=ratio or 0.0, drifted=bool(measure.drifted), title=says)


def reading_rows(
    seen: Sequence[Seen], cases: Mapping[str, str], base: str, workspace: Workspace
) -> list[dict[str, Any]]:
    """Return the table of windows, newest first.

    Args:
        seen: what was read, oldest first.
        cases: the page of each case that a decision opened, by the decision's id.
        base: the way from the page that shows them up to the pages folder, such as `../`.
        workspace: whose pages; one that was cleared away is not linked.
    """
    rows = []
    for one in reversed(seen):
        page = one.reading.page
        case = cases.get(one.decision.id) if one.decision else None
        rows.append(
            {
                "seen": one,
                "window": window_words(one.reading.window),
                "role": ROLES[one.severity],
                "link": f"{base}{page}" if page and (workspace.pages / page).is_file() else None,
                "case": f"{base}{case}" if case else None,
                "why": one.reading.reason or (one.decision.reason if one.decision else ""),
            }
        )
    return rows
