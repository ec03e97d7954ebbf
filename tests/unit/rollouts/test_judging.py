"""Each check is shown to hold, to break, and to stay open where chance could have done it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenure.rollouts.judging import Finding, Gap, Judgement, Loss, Move, Seen, Side, judge, tail
from tenure.spec.rollout import RolloutSpec

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
LATE = BEGAN + timedelta(hours=2)
SPEC = RolloutSpec()
FAST = tuple(2.0 + place / 1000 for place in range(400))
GOOD = Seen(
    share=0.1,
    began_at=BEGAN,
    challenger=Side(version=8, requests=400, latencies_ms=FAST),
    champion=Side(version=7, requests=3600, latencies_ms=FAST),
    gap=Gap(value=0.03, noise=0.1, method="Kolmogorov-Smirnov", rows=400),
)


def judged(seen: Seen, now: datetime = LATE, **limits: Any) -> Judgement:
    return judge(seen, SPEC.model_copy(update=limits), now)


def but(**challenger: Any) -> Seen:
    return replace(GOOD, challenger=replace(GOOD.challenger, **challenger))


def finding(verdict: Judgement, name: str) -> Finding:
    return next(check.finding for check in verdict.checks if check.name == name)


def test_a_good_step_goes_on_once_it_has_baked() -> None:
    assert judged(GOOD, BEGAN + timedelta(minutes=59)).move is Move.WAIT
    assert judged(GOOD, BEGAN + timedelta(minutes=60)).move is Move.ADVANCE


def test_a_broken_check_does_not_wait_for_the_bake() -> None:
    verdict = judged(but(requests=0, failed=40, latencies_ms=()), BEGAN)
    assert verdict.move is Move.ROLL_BACK
    assert "failed 40 of 40 requests" in verdict.reason


@pytest.mark.parametrize(
    ("failed", "wanted"),
    [(0, Finding.HOLDS), (4, Finding.HOLDS), (8, Finding.OPEN), (40, Finding.BROKEN)],
)
def test_errors_beyond_the_champions_own(failed: int, wanted: Finding) -> None:
    assert finding(judged(but(failed=failed)), "errors") is wanted


def test_what_the_champion_fails_as_well_is_not_held_against_it() -> None:
    both = replace(but(failed=40), champion=replace(GOOD.champion, failed=400))
    assert judged(both).move is Move.ADVANCE
    assert judged(but(failed=40)).move is Move.ROLL_BACK


@pytest.mark.parametrize(
    ("times", "wanted"),
    [(1.0, Finding.HOLDS), (1.9, Finding.HOLDS), (5.0, Finding.BROKEN)],
)
def test_latency_against_the_champions(times: float, wanted: Finding) -> None:
    slow = but(latencies_ms=tuple(times * value for value in FAST))
    assert finding(judged(slow), "latency") is wanted


def test_a_slow_tail_that_chance_explains_stays_open() -> None:
    few = but(latencies_ms=(*FAST[:370], *(9.0 for _ in range(30))))
    assert tail(few.challenger.latencies_ms) == 9.0
    assert finding(judged(few), "latency") is Finding.OPEN
    assert judged(few).move is Move.WAIT


def test_a_difference_nobody_feels_is_none() -> None:
    quick = tuple(value / 100 for value in FAST)
    seen = replace(GOOD, champion=replace(GOOD.champion, latencies_ms=quick))
    slow = tuple(30 * value for value in quick)
    assert finding(judged(replace(seen, challenger=but(latencies_ms=slow).challenger)), "latency")
    assert judged(replace(seen, challenger=but(latencies_ms=slow).challenger)).move is Move.ADVANCE


@pytest.mark.parametrize(
    ("value", "noise", "wanted"),
    [(0.2, 0.3, Finding.HOLDS), (0.4, 0.3, Finding.OPEN), (0.4, 0.1, Finding.BROKEN)],
)
def test_answers_that_lie_apart(value: float, noise: float, wanted: Finding) -> None:
    gap = Gap(value=value, noise=noise, method="shares of labels", rows=400)
    assert finding(judged(replace(GOOD, gap=gap)), "difference") is wanted
    assert finding(judged(replace(GOOD, gap=replace(gap, rows=9))), "difference") is Finding.OPEN


KNOWN = Loss(metric="accuracy", champion=0.9, challenger=0.9, loss=0.0, noise=0.05, rows=150)


@pytest.mark.parametrize(
    ("loss", "limit", "wanted"),
    [
        (-0.2, 0.0, Finding.HOLDS),
        (0.04, 0.0, Finding.HOLDS),
        (0.2, 0.0, Finding.BROKEN),
        (0.2, 0.16, Finding.HOLDS),
        (0.2, 0.1, Finding.BROKEN),
    ],
)
def test_labels_beyond_what_is_allowed_and_chance(
    loss: float, limit: float, wanted: Finding
) -> None:
    known = replace(KNOWN, challenger=0.9 - loss, loss=loss)
    verdict = judged(replace(GOOD, loss=known), max_loss=limit)
    assert finding(verdict, "labels") is wanted
    moves = {Finding.HOLDS: Move.ADVANCE, Finding.BROKEN: Move.ROLL_BACK}
    assert verdict.move is moves[wanted]


@pytest.mark.parametrize(("rows", "limit"), [(10, 0.0), (150, None)])
def test_few_labels_and_labels_that_are_not_asked_about_say_nothing(
    rows: int, limit: float | None
) -> None:
    known = replace(KNOWN, challenger=0.5, loss=0.4, rows=rows)
    verdict = judged(replace(GOOD, loss=known), max_loss=limit)
    assert "labels" not in {check.name for check in verdict.checks}
    assert verdict.move is Move.ADVANCE


@pytest.mark.parametrize(
    ("loss", "move"), [(-0.1, Move.ADVANCE), (0.01, Move.ROLL_BACK), (None, Move.ROLL_BACK)]
)
def test_labels_that_speak_for_it_outrank_a_difference(loss: float | None, move: Move) -> None:
    apart = replace(GOOD, gap=Gap(value=0.6, noise=0.1, method="shares of labels", rows=400))
    known = None if loss is None else replace(KNOWN, challenger=0.9 - loss, loss=loss)
    verdict = judged(replace(apart, loss=known))
    assert verdict.move is move
    assert "shares of labels" in verdict.reason


def test_a_version_that_a_server_cannot_load_goes_back() -> None:
    verdict = judged(replace(GOOD, obstacles=("Version 8 could not be loaded: gone.",)), BEGAN)
    assert (verdict.move, verdict.reason) == (
        Move.ROLL_BACK,
        "Version 8 could not be loaded: gone.",
    )


@pytest.mark.parametrize(
    ("on_too_few", "move"),
    [("hold", Move.HOLD), ("advance", Move.ADVANCE), ("roll_back", Move.ROLL_BACK)],
)
def test_too_few_requests_wait_and_then_do_what_the_spec_says(on_too_few: str, move: Move) -> None:
    few = but(requests=12)
    limits = {"on_too_few": on_too_few, "max_wait_hours": 24.0}
    assert judged(few, BEGAN + timedelta(hours=23), **limits).move is Move.WAIT
    late = judged(few, BEGAN + timedelta(hours=24), **limits)
    assert late.move is move
    assert "12 requests of the 100" in late.reason


def test_without_a_log_errors_alone_are_judged() -> None:
    bare = replace(but(latencies_ms=()), gap=None, is_logged=False)
    assert judged(bare).move is Move.ADVANCE
    assert judged(replace(bare, is_logged=True)).move is Move.WAIT


def test_checks_that_are_switched_off_are_not_made() -> None:
    verdict = judged(but(latencies_ms=()), max_latency_ratio=None, max_difference=None)
    assert {check.name for check in verdict.checks} == {"requests", "errors"}


@given(failed=st.integers(0, 400), more=st.integers(1, 100))
def test_more_failures_never_lead_further(failed: int, more: int) -> None:
    order = [Move.ROLL_BACK, Move.WAIT, Move.ADVANCE]
    mild, worse = judged(but(failed=failed)).move, judged(but(failed=failed + more)).move
    assert order.index(worse) <= order.index(mild)
