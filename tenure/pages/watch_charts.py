"""How do windows look over time: a measure with its thresholds, and columns beside each other?

Functions take plain numbers and texts and return safe markup; texts are escaped. Roles name colours
as in `tenure.pages.rows`; `ok` windows are `quiet`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from tenure.pages.svg import Frame, Scale, axes, figure, linear, number, path, row_name, tag, times


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A measure in a window; `value` None could not be computed, `of` is whose window it is."""

    at: float
    of: str = ""
    value: float | None
    role: str = "quiet"
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Where windows stand: by time (POSIX seconds), or one after the other with their names."""

    places: Sequence[float]
    names: Sequence[str]
    is_time: bool

    def scale(self, start: float, end: float, *, room: float) -> Scale:
        """Return the scale from `start` to `end`; a tick's text wants so much room."""
        count = max(2, int((end - start) / room))
        if self.is_time:
            first, last = min(self.places), max(self.places)
            margin = max((last - first) * 0.03, 60.0)
            since = datetime.fromtimestamp(first - margin, UTC)
            until = datetime.fromtimestamp(last + margin, UTC)
            return times(since, until, start, end, count=count)
        every = -(-len(self.places) // count)
        ticks = [
            (at, name)
            for n, (at, name) in enumerate(zip(self.places, self.names, strict=True))
            if n % every == 0
        ]
        low, high = min(self.places) - 0.5, max(self.places) + 0.5
        return Scale(low=low, high=high, start=start, end=end, ticks=tuple(ticks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A threshold; `label` stands at its end."""

    value: float
    role: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A column in a window: how far its score goes, as a share of its threshold."""

    ratio: float | None
    drifted: bool
    title: str


def course(
    title: str,
    points: Sequence[Point],
    levels: Sequence[Level],
    axis: Axis,
    *,
    bounds: tuple[float | None, float | None] = (None, None),
) -> Markup:
    """Draw a measure window by window, with the thresholds that it is held against."""
    frame = Frame(width=480, height=240, right=62 if levels else 16, bottom=30)
    x = axis.scale(frame.left, frame.x_end, room=70)
    seen = [p.value for p in points if p.value is not None] + [one.value for one in levels]
    y = linear(seen, frame.y_end, frame.top, bounds=bounds, pad=0.06)
    parts = [axes(frame, x, y, "", "")]
    parts += [_level(frame, y(level.value), level) for level in _apart(levels)]
    stretch: list[tuple[float, float]] = []
    for place, point in enumerate(points):
        at = x(point.at)
        if place and point.of != points[place - 1].of:
            parts += [path(stretch, "line"), _change(frame, at, point.of)]
            stretch = []
        if point.value is None:
            parts += [path(stretch, "line"), _gap(at, frame.y_end - 6, point.title)]
            stretch = []
        else:
            stretch.append((at, y(point.value)))
    parts.append(path(stretch, "line"))
    for point in points:
        if point.value is not None:
            parts.append(_dot(x(point.at), y(point.value), point))
    return figure(frame, title, Markup("").join(parts))


def columns_over_time(
    title: str, names: Sequence[str], windows: Sequence[str], cells: Sequence[Sequence[Cell]]
) -> Markup:
    """Draw a row a column and a field a window; the darker, the nearer to its threshold.

    Args:
        title: what stands above.
        names: of the rows, the most important first.
        windows: the name of each window, oldest first.
        cells: a row a name, a cell a window.
    """
    longest = max((len(name) for name in names), default=4)
    left = min(210.0, 18 + 6.6 * longest)
    frame = Frame(width=980, left=left, right=16, top=6, height=34 + 20 * len(names))
    step = (frame.x_end - frame.left) / max(len(windows), 1)
    parts = []
    for row, (name, line) in enumerate(zip(names, cells, strict=True)):
        top = frame.top + 20 * row
        parts.append(row_name(frame, name, top + 9, longest=30))
        for place, cell in enumerate(line):
            box = {"x": frame.left + step * place, "y": top, "width": max(step - 1.5, 1.0)}
            parts.append(_field(cell, {**box, "height": 18, "rx": 2}))
    foot = frame.top + 20 * len(names)
    every = max(1, -int(-80 // step)) if windows else 1
    for place in range(0, len(windows), every):
        at = frame.left + step * (place + 0.5)
        parts.append(tag("text", windows[place], class_="tick mid", x=at, y=foot + 16))
    note = "A row a column, the most important first; a field a window, the newest last. "
    note += "Full colour is twice the threshold; red is Evidently's verdict that it drifts."
    return figure(frame, title, Markup("").join(parts), note=note, wide=True)


def _apart(levels: Sequence[Level]) -> list[Level]:
    """Return one level a value, the severest, so that no two labels lie on each other."""
    return list({level.value: level for level in levels}.values())


def _level(frame: Frame, at: float, level: Level) -> Markup:
    line = path([(frame.left, at), (frame.x_end, at)], f"threshold {level.role}")
    says = f"{level.label} {number(level.value)}"
    text = tag("text", level.label, class_=f"tick {level.role}", x=frame.x_end + 6, y=at + 3.5)
    return tag("g", tag("title", says), line, text)


def _dot(at: float, y: float, point: Point) -> Markup:
    says = tag("title", point.title)
    if point.role == "bad":
        corners = f"M{at:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5Z"
        return tag("path", says, class_="dot bad", d=corners)
    return tag("circle", says, class_=f"dot {point.role}", cx=at, cy=y, r=3.5)


def _change(frame: Frame, at: float, of: str) -> Markup:
    """Mark where the windows of another version begin; no line leads across."""
    guide = path([(at - 3, frame.top), (at - 3, frame.y_end)], "guide")
    return guide + tag("text", of, class_="tick", x=at, y=frame.top + 8)


def _gap(at: float, y: float, title: str) -> Markup:
    return tag("text", tag("title", title), "?", class_="tick mid", x=at, y=y)


def _field(cell: Cell, box: dict[str, float]) -> Markup:
    says = tag("title", cell.title)
    if cell.ratio is None:
        return tag("rect", says, class_="field unknown", **box)
    shade = f"{0.06 + 0.9 * min(cell.ratio, 2.0) / 2:.2f}"
    role = "bad" if cell.drifted else "quiet"
    return tag("rect", says, class_=f"field {role}", fill_opacity=shade, **box)
