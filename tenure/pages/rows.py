"""Which charts have a named row for each thing that they show?

Bars, forest plots of values with their intervals, and a timeline of lanes. Functions take plain
numbers and texts and return safe markup; texts are escaped. A role names a colour: `candidate`,
`champion`, `good`, `warn`, `bad` or `quiet`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from tenure.pages.svg import (
    Frame,
    Scale,
    count,
    figure,
    linear,
    number,
    path,
    row_name,
    tag,
    times,
    x_axis,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value with its interval; `mark` is a threshold that it is held against."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    role: str = "candidate"
    mark: float | None = None
    aside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time in a lane of a timeline; `end` None lasts until now."""

    label: str
    start: datetime
    end: datetime | None
    role: str = "candidate"
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A point in a lane of a timeline."""

    at: datetime
    role: str = "quiet"
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A row of a timeline."""

    name: str
    spans: Sequence[Span] = ()
    moments: Sequence[Moment] = ()


def bars(
    title: str,
    items: Sequence[Interval],
    *,
    label: str,
    note: str = "",
    bounds: tuple[float | None, float | None] = (None, None),
    whole: bool = False,
    wide: bool = False,
) -> Markup:
    """Draw horizontal bars from zero, with an interval as a whisker where there is one."""
    longest = max((len(item.label) for item in items), default=4)
    left = min(330.0 if wide else 190.0, 18 + 6.4 * longest)
    frame = Frame(width=980 if wide else 480, left=left, height=60 + 24 * len(items), right=58)
    ends = [e for i in items for e in (i.value, i.low, i.high) if e is not None]
    x = linear([0.0, *ends], frame.left, frame.x_end, bounds=bounds)
    parts = [_columns(frame, x), x_axis(frame, x, label)]
    for row, item in enumerate(items):
        middle = frame.top + 12 + 24 * row
        value = item.value or 0.0
        at, zero = x(value), x(0.0)
        text = count(item.value) if whole else number(item.value)
        parts.append(row_name(frame, item.label, middle, longest=50 if wide else 28))
        parts.append(
            tag(
                "rect",
                tag("title", f"{item.label}: {text}"),
                class_=f"bar {item.role}",
                x=min(at, zero),
                y=middle - 7,
                width=max(1.0, abs(at - zero)),
                height=14,
                rx=2,
            )
        )
        if item.low is not None and item.high is not None:
            parts.append(_whisker(x(item.low), x(item.high), middle, "quiet"))
        edge = max(at, x(item.high) if item.high is not None else at, zero)
        parts.append(tag("text", text, class_="tick", x=edge + 7, y=middle + 3.5))
    return figure(frame, title, Markup("").join(parts), note=note, wide=wide)


def intervals(
    title: str,
    rows: Sequence[Sequence[Interval]],
    *,
    label: str,
    note: str = "",
    legend: Sequence[tuple[str, str]] = (),
    bounds: tuple[float | None, float | None] = (None, None),
    zero: bool = False,
    wide: bool = False,
) -> Markup:
    """Draw a forest plot: a row a question, in each one or more values with their intervals."""
    items = [item for row in rows for item in row]
    longest = max((len(item.label) for item in items), default=4)
    height = [14 + 15 * len(row) for row in rows]
    frame = Frame(
        width=980 if wide else 480,
        height=58 + sum(height),
        left=min(210.0, 18 + 6.4 * longest),
        right=150,
    )
    seen = [v for i in items for v in (i.value, i.low, i.high, i.mark) if v is not None]
    x = linear([*seen, *([0.0] if zero else [])], frame.left, frame.x_end, bounds=bounds, pad=0.05)
    parts = [_columns(frame, x), x_axis(frame, x, label)]
    if zero:
        parts.append(path([(x(0), frame.top), (x(0), frame.y_end)], "zero"))
    top = frame.top
    for row, tall in zip(rows, height, strict=True):
        parts.append(row_name(frame, row[0].label, top + tall / 2, longest=32))
        for place, item in enumerate(row):
            middle = top + 14.5 + 15 * place
            parts.append(_interval(frame, x, item, middle))
        if row[0].mark is not None:
            at = x(row[0].mark)
            ends = [(at, top + 4), (at, top + tall - 4)]
            parts.append(path(ends, "limit"))
        top += tall
    return figure(frame, title, Markup("").join(parts), note=note, legend=legend, wide=wide)


def strips(
    title: str,
    rows: Sequence[Sequence[Interval]],
    *,
    note: str = "",
    legend: Sequence[tuple[str, str]] = (),
    wide: bool = False,
) -> Markup:
    """Draw a forest plot whose rows have scales of their own, for values of different units."""
    longest = max((len(row[0].label) for row in rows), default=4)
    tall = [32 + 15 * len(row) for row in rows]
    frame = Frame(
        width=980 if wide else 480,
        height=8 + sum(tall),
        left=min(230.0, 18 + 6.6 * longest),
        right=150,
        top=4,
    )
    parts, top = [], frame.top
    for row, high in zip(rows, tall, strict=True):
        seen = [v for i in row for v in (i.value, i.low, i.high, i.mark) if v is not None]
        room = 0.06 * ((max(seen) - min(seen)) or abs(max(seen)) or 1.0) if seen else 0.0
        ends = (min(seen) - room, max(seen) + room) if seen else (0.0, 1.0)
        x = linear(seen, frame.left, frame.x_end, count=4, bounds=ends)
        base = top + high - 18
        parts.append(tag("line", class_="base", x1=frame.left, x2=frame.x_end, y1=base, y2=base))
        parts += [tag("text", t, class_="tick mid", x=x(at), y=base + 13) for at, t in x.ticks]
        parts.append(row_name(frame, row[0].label, top + (high - 14) / 2, longest=32))
        parts += [_interval(frame, x, i, top + 12 + 15 * n) for n, i in enumerate(row)]
        if row[0].mark is not None:
            parts.append(path([(x(row[0].mark), top + 2), (x(row[0].mark), base)], "limit"))
        top += high
    return figure(frame, title, Markup("").join(parts), note=note, legend=legend, wide=wide)


def timeline(
    title: str,
    lanes: Sequence[Lane],
    *,
    start: datetime,
    end: datetime,
    note: str = "",
    legend: Sequence[tuple[str, str]] = (),
) -> Markup:
    """Draw lanes of spans and moments over time (UTC)."""
    longest = max((len(lane.name) for lane in lanes), default=4)
    frame = Frame(width=980, left=30 + 6.6 * longest, height=58 + 40 * len(lanes), right=20)
    x = times(start, end, frame.left, frame.x_end, count=9)
    parts = [_columns(frame, x), x_axis(frame, x, "time (UTC)")]
    for row, lane in enumerate(lanes):
        middle = frame.top + 20 + 40 * row
        parts.append(row_name(frame, lane.name, middle, longest=30))
        for span in lane.spans:
            parts.append(_span(x, span, middle, end))
        for moment in lane.moments:
            parts.append(_moment(x(moment.at.timestamp()), moment, middle))
    return figure(frame, title, Markup("").join(parts), note=note, legend=legend, wide=True)


def _columns(frame: Frame, x: Scale) -> Markup:
    return Markup("").join(
        tag("line", class_="grid", x1=x(at), x2=x(at), y1=frame.top, y2=frame.y_end)
        for at, _ in x.ticks
    )


def _whisker(low: float, high: float, middle: float, role: str) -> Markup:
    return tag("line", class_=f"whisker {role}", x1=low, x2=high, y1=middle, y2=middle)


def _interval(frame: Frame, x: Scale, item: Interval, middle: float) -> Markup:
    if item.value is None:
        return tag("text", "unknown", class_="tick", x=frame.x_end + 10, y=middle + 3.5)
    parts = []
    text = number(item.value)
    if item.low is not None and item.high is not None:
        parts.append(_whisker(x(item.low), x(item.high), middle, item.role))
        text = f"{text}  [{number(item.low)}, {number(item.high)}]"
    parts.append(
        tag(
            "circle",
            tag("title", f"{item.label} {item.aside}: {text}"),
            class_=f"dot {item.role}",
            cx=x(item.value),
            cy=middle,
            r=4,
        )
    )
    parts.append(tag("text", text, class_="tick", x=frame.x_end + 10, y=middle + 3.5))
    return Markup("").join(parts)


def _moment(at: float, moment: Moment, middle: float) -> Markup:
    """Return a dot, or a diamond where something was refused: colour alone tells nobody."""
    says = tag("title", moment.title)
    if moment.role == "bad":
        corners = f"M{at:.1f} {middle - 6}l6 6l-6 6l-6 -6Z"
        return tag("path", says, class_="dot bad", d=corners)
    return tag("circle", says, class_=f"dot {moment.role}", cx=at, cy=middle, r=4.5)


def _span(x: Scale, span: Span, middle: float, end: datetime) -> Markup:
    left = x(span.start.timestamp())
    right = x((span.end or end).timestamp())
    box = {"x": left, "y": middle - 12, "width": max(2.0, right - left - 1), "height": 24, "rx": 3}
    parts = [tag("rect", tag("title", span.title), class_=f"span {span.role}", **box)]
    if right - left > 7.0 * len(span.label) + 8:
        at = (left + right) / 2
        parts.append(tag("text", span.label, class_=f"inside {span.role}", x=at, y=middle + 4))
    return Markup("").join(parts)
