"""Which pictures do the pages hold, and what does each want to be given?

Lines with bands, bars, reliability, curves, confusion, intervals, density and a timeline, as inline
SVG. Each function takes plain numbers and texts and returns safe markup; texts are escaped. A role
names a colour: `candidate`, `champion`, `good`, `warn`, `bad` or `quiet`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from tenure.pages.svg import Frame, Scale, axes, figure, linear, number, path, tag, times, x_axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through (x, y), with a band of (low, high) around it if given."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    role: str = "candidate"
    band: Sequence[tuple[float, float]] = ()
    dots: bool = False


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


def lines(
    title: str,
    series: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    note: str = "",
    x_bounds: tuple[float | None, float | None] = (None, None),
    y_bounds: tuple[float | None, float | None] = (None, None),
    diagonal: bool = False,
    level: float | None = None,
    wide: bool = False,
) -> Markup:
    """Draw lines over a common axis; `diagonal` and `level` are what chance would look like."""
    frame = Frame(width=980 if wide else 480)
    x = linear((v for s in series for v in s.x), frame.left, frame.x_end, bounds=x_bounds)
    seen = [v for s in series for v in (*s.y, *(e for pair in s.band for e in pair))]
    seen += [level] if level is not None else []
    y = linear(seen, frame.y_end, frame.top, bounds=y_bounds, pad=0.04)
    parts = [axes(frame, x, y, x_label, y_label)]
    if diagonal:
        parts.append(path([(x(x.low), y(y.low)), (x(x.high), y(y.high))], "guide"))
    if level is not None:
        parts.append(path([(x(x.low), y(level)), (x(x.high), y(level))], "guide"))
    for one in series:
        upper = [(x(a), y(high)) for a, (_, high) in zip(one.x, one.band, strict=False)]
        lower = [(x(a), y(low)) for a, (low, _) in zip(one.x, one.band, strict=False)]
        parts.append(path(upper + lower[::-1], f"area {one.role}", closed=True))
        points = [(x(a), y(b)) for a, b in zip(one.x, one.y, strict=True)]
        parts.append(path(points, f"line {one.role}"))
        if one.dots:
            parts += [tag("circle", class_=f"dot {one.role}", cx=a, cy=b, r=3) for a, b in points]
    legend = [(one.role, one.name) for one in series] if len(series) > 1 else []
    return figure(frame, title, Markup("").join(parts), note=note, legend=legend, wide=wide)


def bars(
    title: str,
    items: Sequence[Interval],
    *,
    label: str,
    note: str = "",
    bounds: tuple[float | None, float | None] = (None, None),
    wide: bool = False,
) -> Markup:
    """Draw horizontal bars from zero, with an interval as a whisker where there is one."""
    longest = max((len(item.label) for item in items), default=4)
    left = min(190.0, 18 + 6.4 * longest)
    frame = Frame(width=980 if wide else 480, left=left, height=60 + 24 * len(items), right=58)
    ends = [e for i in items for e in (i.value, i.low, i.high) if e is not None]
    x = linear([0.0, *ends], frame.left, frame.x_end, bounds=bounds)
    parts = [_columns(frame, x), x_axis(frame, x, label)]
    for row, item in enumerate(items):
        middle = frame.top + 12 + 24 * row
        value = item.value or 0.0
        at, zero = x(value), x(0.0)
        parts.append(_row_name(frame, item.label, middle, longest=28))
        parts.append(
            tag(
                "rect",
                tag("title", f"{item.label}: {number(item.value)}"),
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
        parts.append(tag("text", number(item.value), class_="tick", x=edge + 7, y=middle + 3.5))
    return figure(frame, title, Markup("").join(parts), note=note, wide=wide)


def _columns(frame: Frame, x: Scale) -> Markup:
    return Markup("").join(
        tag("line", class_="grid", x1=x(at), x2=x(at), y1=frame.top, y2=frame.y_end)
        for at, _ in x.ticks
    )


def _row_name(frame: Frame, text: str, middle: float, *, longest: int) -> Markup:
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return tag(
        "text", tag("title", text), short, class_="name end", x=frame.left - 10, y=middle + 4
    )


def _whisker(low: float, high: float, middle: float, role: str) -> Markup:
    return tag("line", class_=f"whisker {role}", x1=low, x2=high, y1=middle, y2=middle)


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
        parts.append(_row_name(frame, row[0].label, top + tall / 2, longest=32))
        for place, item in enumerate(row):
            middle = top + 14.5 + 15 * place
            parts.append(_interval(frame, x, item, middle))
        if row[0].mark is not None:
            at = x(row[0].mark)
            ends = [(at, top + 4), (at, top + tall - 4)]
            parts.append(path(ends, "mark"))
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
        x = linear(seen, frame.left, frame.x_end, count=4, pad=0.15)
        base = top + high - 18
        parts.append(tag("line", class_="base", x1=frame.left, x2=frame.x_end, y1=base, y2=base))
        parts += [tag("text", t, class_="tick mid", x=x(at), y=base + 13) for at, t in x.ticks]
        parts.append(_row_name(frame, row[0].label, top + (high - 14) / 2, longest=32))
        parts += [_interval(frame, x, i, top + 12 + 15 * n) for n, i in enumerate(row)]
        if row[0].mark is not None:
            parts.append(path([(x(row[0].mark), top + 2), (x(row[0].mark), base)], "mark"))
        top += high
    return figure(frame, title, Markup("").join(parts), note=note, legend=legend, wide=wide)


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


def reliability(
    title: str,
    points: Sequence[tuple[float, float, int]],
    *,
    whiskers: Sequence[tuple[float, float]] = (),
    note: str = "",
) -> Markup:
    """Draw observed share over predicted probability, with the number of rows a bin below.

    Args:
        title: what stands above.
        points: a bin each: mean predicted probability, observed share, rows.
        whiskers: a bin each: the ends of the observed share's interval.
        note: how to read it.
    """
    frame = Frame(height=330, bottom=96)
    x = linear([], frame.left, frame.x_end, bounds=(0.0, 1.0))
    y = linear([], frame.y_end, frame.top, bounds=(0.0, 1.0))
    most = max((rows for _, _, rows in points), default=1)
    parts = [axes(frame, x, y, "predicted probability", "observed share")]
    parts.append(path([(x(0), y(0)), (x(1), y(1))], "guide"))
    parts.append(path([(x(p), y(o)) for p, o, _ in points], "line candidate"))
    for (predicted, _, _), (low, high) in zip(points, whiskers, strict=False):
        at = x(predicted)
        parts.append(tag("line", class_="whisker candidate", x1=at, x2=at, y1=y(low), y2=y(high)))
    foot = frame.height - 26
    for predicted, observed, rows in points:
        says = f"predicted {number(predicted)}, observed {number(observed)}, {rows} rows"
        dot = {"cx": x(predicted), "cy": y(observed), "r": 4}
        parts.append(tag("circle", tag("title", says), class_="dot candidate", **dot))
        tall = 26 * rows / most
        box = {"x": x(predicted) - 4, "y": foot - tall, "width": 8, "height": max(tall, 1.0)}
        parts.append(tag("rect", tag("title", says), class_="bar quiet", **box))
    parts.append(tag("text", "rows", class_="tick end", x=frame.left - 8, y=foot - 4))
    return figure(frame, title, Markup("").join(parts), note=note)


def confusion(
    title: str, labels: Sequence[str], counts: Sequence[Sequence[int]], *, note: str = ""
) -> Markup:
    """Draw a heat map of true (rows) against predicted classes (columns), shaded by row share."""
    size = len(labels)
    longest = max((len(label) for label in labels), default=1)
    left = min(150.0, 40 + 6.4 * longest)
    cell = min(84.0, (480 - left - 16) / size)
    tall = min(cell, 62.0)
    frame = Frame(left=left, height=54 + tall * size, top=8)
    parts = []
    for row, label in enumerate(labels):
        total = sum(counts[row]) or 1
        middle = frame.top + tall * (row + 0.5)
        parts.append(_row_name(frame, label, middle, longest=16))
        for column, other in enumerate(labels):
            share = counts[row][column] / total
            says = f"true {label}, predicted {other}: {counts[row][column]} ({share:.1%})"
            at = left + cell * column
            role = "good" if row == column else "bad"
            box = {"x": at + 1, "y": frame.top + tall * row + 1, "rx": 3}
            box |= {"width": cell - 2, "height": tall - 2}
            shade = f"{0.04 + 0.86 * share:.3f}"
            parts.append(
                tag("rect", tag("title", says), class_=f"cell {role}", fill_opacity=shade, **box)
            )
            kind = "count strong" if share > 0.55 else "count"
            text = number(float(counts[row][column]), 4)
            if cell >= 24:
                parts.append(tag("text", text, class_=kind, x=at + cell / 2, y=middle + 4.5))
    foot = frame.top + tall * size
    for column, label in enumerate(labels):
        short = label if len(label) <= 12 else label[:11] + "…"
        at = left + cell * (column + 0.5)
        parts.append(tag("text", short, class_="name mid", x=at, y=foot + 16))
    middle = left + cell * size / 2
    parts.append(tag("text", "predicted", class_="axis mid", x=middle, y=foot + 38))
    turn = f"translate(12 {(frame.top + foot) / 2:.1f}) rotate(-90)"
    parts.append(tag("text", "true", class_="axis mid", transform=turn))
    return figure(frame, title, Markup("").join(parts), note=note)


def points(
    title: str,
    dots: Sequence[tuple[float, float]],
    *,
    x_label: str,
    y_label: str,
    note: str = "",
    diagonal: bool = False,
    level: float | None = None,
) -> Markup:
    """Draw a cloud of points, faint where they are many."""
    frame = Frame()
    x = linear((a for a, _ in dots), frame.left, frame.x_end)
    y = linear(
        [b for _, b in dots] + ([level] if level is not None else []), frame.y_end, frame.top
    )
    parts = [axes(frame, x, y, x_label, y_label)]
    parts += [tag("circle", class_="speck", cx=x(a), cy=y(b), r=2) for a, b in dots]
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        parts.append(path([(x(low), y(low)), (x(high), y(high))], "guide"))
    if level is not None:
        parts.append(path([(x(x.low), y(level)), (x(x.high), y(level))], "guide"))
    return figure(frame, title, Markup("").join(parts), note=note)


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
        parts.append(_row_name(frame, lane.name, middle, longest=30))
        for span in lane.spans:
            parts.append(_span(x, span, middle, end))
        for moment in lane.moments:
            parts.append(
                tag(
                    "circle",
                    tag("title", moment.title),
                    class_=f"dot {moment.role}",
                    cx=x(moment.at.timestamp()),
                    cy=middle,
                    r=4,
                )
            )
    return figure(frame, title, Markup("").join(parts), note=note, legend=legend, wide=True)


def _span(x: Scale, span: Span, middle: float, end: datetime) -> Markup:
    left = x(span.start.timestamp())
    right = x((span.end or end).timestamp())
    box = {"x": left, "y": middle - 12, "width": max(2.0, right - left - 1), "height": 24, "rx": 3}
    parts = [tag("rect", tag("title", span.title), class_=f"span {span.role}", **box)]
    if right - left > 7.0 * len(span.label) + 8:
        at = (left + right) / 2
        parts.append(tag("text", span.label, class_=f"inside {span.role}", x=at, y=middle + 4))
    return Markup("").join(parts)
