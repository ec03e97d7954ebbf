"""Do the charts say what they were given, whatever they were given?"""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tenure.pages.charts import Line, confusion, lines, points, reliability
from tenure.pages.rows import (
    Interval,
    Lane,
    Moment,
    Span,
    bars,
    intervals,
    strips,
    timeline,
)
from tenure.pages.svg import linear, times

NASTY = "<b onload='x'>&\"</b>"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROW = Interval(label=NASTY, value=0.5, low=0.4, high=0.6, mark=0.45)

CHARTS = {
    "lines": lambda: lines(
        NASTY,
        [Line(name=NASTY, x=[0, 1], y=[0.2, 0.4], band=[(0.1, 0.3), (0.3, 0.5)], dots=True)],
        x_label=NASTY,
        y_label=NASTY,
        diagonal=True,
        level=0.3,
    ),
    "bars": lambda: bars(NASTY, [ROW], label=NASTY, note=NASTY),
    "intervals": lambda: intervals(NASTY, [[ROW]], label=NASTY, legend=[("good", NASTY)]),
    "strips": lambda: strips(NASTY, [[ROW, ROW]], note=NASTY),
    "reliability": lambda: reliability(NASTY, [(0.1, 0.2, 5)], whiskers=[(0.1, 0.3)]),
    "confusion": lambda: confusion(NASTY, [NASTY, "b"], [[3, 1], [0, 2]]),
    "points": lambda: points(NASTY, [(1, 2)], x_label=NASTY, y_label=NASTY, level=0.0),
    "timeline": lambda: timeline(
        NASTY,
        [
            Lane(
                name=NASTY,
                spans=[Span(label=NASTY, start=NOW, end=None, title=NASTY)],
                moments=[Moment(at=NOW, role="bad", title=NASTY)],
            )
        ],
        start=NOW - timedelta(days=3),
        end=NOW,
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_well_formed_and_escapes_every_text(name):
    drawn = str(CHARTS[name]())
    assert ElementTree.fromstring(drawn).tag == "figure"
    assert "<b onload" not in drawn
    assert "&lt;b onload" in drawn


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_a_title_for_eyes_and_for_screen_readers(name):
    figure = ElementTree.fromstring(str(CHARTS[name]()))
    assert figure.findtext("figcaption/b") == NASTY
    assert figure.find("svg").get("aria-label") == NASTY


def test_a_chart_of_nothing_is_still_a_chart():
    for drawn in (
        lines("empty", [], x_label="x", y_label="y"),
        bars("empty", [], label="x"),
        intervals("empty", [[Interval(label="a", value=None)]], label="x"),
        strips("empty", [[Interval(label="a", value=None)]]),
        reliability("empty", []),
        points("empty", [], x_label="x", y_label="y"),
    ):
        assert "nan" not in str(drawn).lower()
        ElementTree.fromstring(str(drawn))


finite = st.floats(-1e12, 1e12, allow_nan=False)


@given(st.lists(finite, min_size=1, max_size=8), st.integers(2, 9))
@example([5e-324], 2)
def test_a_scale_holds_its_values_between_round_ticks(values, count):
    scale = linear(values, 0, 100, count=count)
    assert scale.low <= min(values) or scale(min(values)) == pytest.approx(0, abs=1e-6)
    assert all(0 <= scale(value) <= 100 for value in values)
    at = [tick for tick, _ in scale.ticks]
    assert at == sorted(at)
    assert len(at) <= 3 * count + 4


@given(st.lists(finite, min_size=2, max_size=6, unique=True))
def test_a_scale_keeps_the_order_of_values(values):
    scale = linear(values, 0, 100)
    placed = [scale(value) for value in sorted(values)]
    assert placed == sorted(placed)


@given(st.integers(1, 4_000_000))
def test_ticks_of_time_are_few_and_inside(minutes):
    start = datetime(2026, 3, 1, 7, 13, tzinfo=UTC)
    scale = times(start, start + timedelta(minutes=minutes), 0, 900)
    assert len(scale.ticks) <= 14
    assert all(scale.low <= at <= scale.high for at, _ in scale.ticks)


def test_ticks_of_two_weeks_are_days():
    scale = times(NOW - timedelta(days=14), NOW, 0, 900)
    assert [text for _, text in scale.ticks][:2] == ["9 Nov", "11 Nov"]


def test_a_refused_moment_has_a_shape_of_its_own():
    lane = Lane(name="versions", moments=[Moment(at=NOW, role="bad"), Moment(at=NOW, role="good")])
    drawn = str(timeline("t", [lane], start=NOW - timedelta(days=1), end=NOW))
    assert re.search(r'<path class="dot bad"', drawn)
    assert re.search(r'<circle class="dot good"', drawn)


def test_confusion_writes_each_count_once():
    figure = ElementTree.fromstring(str(confusion("c", ["no", "yes"], [[7840, 62], [96, 216]])))
    texts = [t.text for t in figure.iter("text") if "count" in t.get("class", "")]
    assert texts == ["7\u202f840", "62", "96", "216"]
