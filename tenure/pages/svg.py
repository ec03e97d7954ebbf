"""How do numbers become a picture that runs no script and loads nothing?

Scales, ticks, axes and escaped SVG elements: what every chart of `tenure.pages.charts` is made of.
Colours are not set here: elements carry class names, and the page's style sheet knows light and
dark. Lengths are in units of the view box, one of which is a pixel where the page is wide enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup, escape

MINUS = "\N{MINUS SIGN}"


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """Return an SVG or HTML element with escaped attributes and children.

    A trailing underscore is dropped from an attribute's name, others become hyphens; None leaves
    an attribute out.

    >>> tag("text", "a < b", class_="tick", text_anchor="end", x=1.25)
    Markup('<text class="tick" text-anchor="end" x="1.2">a &lt; b</text>')
    """
    spelled = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(name, spelled, inner)


def _plain(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as people read it: significant digits, a true minus, thin thousands.

    >>> number(0.98765), number(-12345.6), number(0.00004), number(None)
    ('0.988', '−12 346', '4e−05', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    size = abs(value)
    if size >= 10**digits:
        text = f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    elif size and size < 10**-4:
        text = f"{value:.{digits - 1}g}"
    else:
        before = 1 if size < 1 else len(str(int(size)))
        text = f"{value:.{max(0, digits if size < 1 else digits - before)}f}"
    return text.replace("-", MINUS)


def count(value: float | None) -> str:
    """Return a whole number with thin spaces between thousands.

    >>> count(18400)
    '18 400'
    """
    return "–" if value is None else f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Maps values from `low`..`high` to positions from `start`..`end`, with ticks to draw."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]

    def __call__(self, value: float) -> float:
        """Return the position of a value; values outside are drawn at the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


_NOTHING = 1e-200
"""Smaller sizes are drawn as 0: parts of them would be smaller than a float can be."""


def linear(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    count: int = 5,
    bounds: tuple[float | None, float | None] = (None, None),
    pad: float = 0.0,
) -> Scale:
    """Return a scale that holds all values and ends on round ticks.

    Args:
        values: what must be seen; not finite ones are left out.
        start: position of the low end.
        end: position of the high end.
        count: about how many ticks.
        bounds: ends that are fixed whatever the values.
        pad: share of the spread that is added at each free end.
    """
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    known = [0.0 if abs(value) < _NOTHING else value for value in finite]
    low, high = min(known), max(known)
    spread = (high - low) or abs(high) or 1.0
    low = low - pad * spread if bounds[0] is None else bounds[0]
    high = high + pad * spread if bounds[1] is None else bounds[1]
    if high <= low:
        low, high = low - spread / 2, low + spread / 2
    step = _round_step((high - low) / count)
    low = math.floor(low / step + 1e-9) * step if bounds[0] is None else low
    high = math.ceil(high / step - 1e-9) * step if bounds[1] is None else high
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9) + (1 if _is_quarter(step) else 0))
    ticks = tuple((n * step, _tick(n * step, places)) for n in range(first, last + 1))
    return Scale(low=low, high=high, start=start, end=end, ticks=ticks)


def _round_step(rough: float) -> float:
    size = 10 ** math.floor(math.log10(rough))
    return next(step * size for step in (1, 2, 2.5, 5, 10) if step * size >= rough * 0.999)


def _is_quarter(step: float) -> bool:
    return round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) == 2.5


def _tick(value: float, places: int) -> str:
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:g} M".replace("-", MINUS)
    if size >= 1e4:
        return f"{value / 1e3:g} k".replace("-", MINUS)
    return f"{value:.{places}f}".replace("-", MINUS) if size > 1e-12 else f"{0:.{places}f}"


_HOUR, _DAY = 3600.0, 86400.0
_STEPS = (
    *((_HOUR * n / 60, "%H:%M") for n in (1, 5, 15, 30, 60, 180, 360, 720)),
    *((_DAY * n, "%-d %b") for n in (1, 2, 7, 14)),
)


def times(low: datetime, high: datetime, start: float, end: float, *, count: int = 7) -> Scale:
    """Return a scale over time (UTC, as POSIX seconds) with ticks at round hours, days, months."""
    first, last = low.timestamp(), max(high.timestamp(), low.timestamp() + 60)
    rough = (last - first) / count
    for step, form in _STEPS:
        if step >= rough:
            at = math.ceil(first / step) * step
            ticks = []
            while at <= last:
                moment = datetime.fromtimestamp(at, UTC)
                whole = step < _DAY and moment.hour == moment.minute == 0
                ticks.append((at, moment.strftime("%-d %b" if whole else form)))
                at += step
            return Scale(low=first, high=last, start=start, end=end, ticks=tuple(ticks))
    months = tuple(_months(low, high, count))
    return Scale(low=first, high=last, start=start, end=end, ticks=months)


def _months(low: datetime, high: datetime, count: int) -> Iterable[tuple[float, str]]:
    every = max(1, math.ceil((high - low) / timedelta(days=30.44) / count))
    every = next((n for n in (1, 2, 3, 6, 12) if n >= every), 12 * math.ceil(every / 12))
    index = low.year * 12 + low.month - 1
    index += -index % every
    while (at := datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)) <= high:
        if at >= low:
            yield at.timestamp(), at.strftime("%b %Y" if every < 12 else "%Y")
        index += every


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The rectangle that a chart is drawn in, and the margins around it."""

    width: float = 480
    height: float = 300
    left: float = 52
    right: float = 16
    top: float = 12
    bottom: float = 46

    @property
    def x_end(self) -> float:
        """The right edge of the drawing."""
        return self.width - self.right

    @property
    def y_end(self) -> float:
        """The bottom edge of the drawing."""
        return self.height - self.bottom


def axes(frame: Frame, x: Scale, y: Scale, x_label: str, y_label: str) -> Markup:
    """Return grid lines, tick texts and axis titles of a chart."""
    parts = [
        tag("line", class_="grid", x1=frame.left, x2=frame.x_end, y1=y(at), y2=y(at))
        for at, _ in y.ticks
    ]
    parts += [
        tag("text", text, class_="tick end", x=frame.left - 8, y=y(at) + 3.5)
        for at, text in y.ticks
    ]
    parts.append(x_axis(frame, x, x_label))
    middle = (frame.top + frame.y_end) / 2
    parts.append(
        tag(
            "text",
            y_label,
            class_="axis mid",
            transform=f"translate(12 {middle:.1f}) rotate(-90)",
        )
    )
    return Markup("").join(parts)


def x_axis(frame: Frame, x: Scale, label: str) -> Markup:
    """Return the line, ticks and title at the bottom of a chart."""
    y = frame.y_end
    parts = [tag("line", class_="base", x1=frame.left, x2=frame.x_end, y1=y, y2=y)]
    for at, text in x.ticks:
        parts.append(tag("line", class_="base", x1=x(at), x2=x(at), y1=y, y2=y + 4))
        parts.append(tag("text", text, class_="tick mid", x=x(at), y=y + 17))
    middle = (frame.left + frame.x_end) / 2
    parts.append(tag("text", label, class_="axis mid", x=middle, y=frame.height - 8))
    return Markup("").join(parts)


def row_name(frame: Frame, text: str, middle: float, *, longest: int) -> Markup:
    """Return the name of a row, left of it; a long one is cut and whole in its title."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return tag(
        "text", tag("title", text), short, class_="name end", x=frame.left - 10, y=middle + 4
    )


def path(points: Sequence[tuple[float, float]], class_: str, *, closed: bool = False) -> Markup:
    """Return a line through points, or the area that they enclose."""
    if not points:
        return Markup("")
    spelled = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if closed else "")
    return tag("path", class_=class_, d=spelled)


def figure(
    frame: Frame,
    title: str,
    body: Markup,
    *,
    note: str = "",
    legend: Sequence[tuple[str, str]] = (),
    wide: bool = False,
) -> Markup:
    """Return a chart with its title, a note on how to read it, and a legend of (class, text)."""
    keys = Markup("").join(
        tag("span", tag("i", class_=f"key {kind}"), text, class_="legend") for kind, text in legend
    )
    head = tag(
        "figcaption",
        tag("b", title),
        tag("span", note, class_="note") if note else "",
        tag("span", keys, class_="legends") if legend else "",
    )
    drawing = tag(
        "svg",
        body,
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        role="img",
        aria_label=title,
    )
    return tag("figure", head, drawing, class_="chart wide" if wide else "chart")
