"""Which pictures do the pages hold, and what does each want to be given?

Lines with bands, reliability, confusion and clouds of points, as inline SVG; `tenure.pages.rows`
has those with a named row each. Functions take plain numbers and texts and return safe markup;
texts are escaped. A role names a colour, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from tenure.pages.svg import Frame, axes, count, figure, linear, number, path, row_name, tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through (x, y), with a band of (low, high) around it if given."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    role: str = "candidate"
    band: Sequence[tuple[float, float]] = ()
    dots: bool = False


def lines(
    title: str,
    series: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    note: str = "",
    x_bounds: tuple[float | None, float | None] = (None, None),
    x_ticks: Sequence[tuple[float, str]] = (),
    y_bounds: tuple[float | None, float | None] = (None, None),
    diagonal: bool = False,
    level: float | None = None,
    wide: bool = False,
) -> Markup:
    """Draw lines over a common axis.

    `x_ticks` stand in place of round numbers; `diagonal` and `level` are what chance would look
    like.
    """
    frame = Frame(width=980 if wide else 480)
    x = linear((v for s in series for v in s.x), frame.left, frame.x_end, bounds=x_bounds)
    x = replace(x, ticks=tuple(x_ticks)) if x_ticks else x
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
    cell = min(130.0, (480 - left - 16) / size)
    tall = min(cell, 96.0, 300 / size)
    frame = Frame(left=left, height=54 + tall * size, top=8)
    parts = []
    for row, label in enumerate(labels):
        total = sum(counts[row]) or 1
        middle = frame.top + tall * (row + 0.5)
        parts.append(row_name(frame, label, middle, longest=16))
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
            text = count(counts[row][column])
            if min(cell, 2 * tall) >= 7.5 * len(text):
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
