"""A shadow is asked beside the champion, and whatever it does is nobody's trouble (C14)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tenure.records import Column, Slot
from tenure.serving import crashes
from tenure.serving.asks import Ask
from tenure.serving.shadowing import Mirror
from tenure.serving.standing import Reference, Standing
from tenure.serving.tallying import Tally

PATIENCE_S = 20.0


def held(version: int, slot: Slot, *names: str) -> Reference:
    runtime: Any = SimpleNamespace(asked=tuple(Column(name=n, type="float64") for n in names))
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return Reference(
        model="fraud", version=version, epoch=1, slot=slot, since=since, runtime=runtime
    )


CHAMPION = held(7, Slot.CHAMPION, "a", "b")
SHADOW = held(8, Slot.SHADOW, "a", "b")
STANDING = Standing(serving={"fraud": CHAMPION}, shadows={"fraud": SHADOW})


def ask(rows: int = 1) -> Ask:
    columns = {"a": [1.0] * rows, "b": [2.0] * rows}
    return Ask(columns=columns, ids=[str(row) for row in range(rows)], probabilities=False)


class Stage:
    """A mirror whose shadow does what a test wants."""

    def __init__(self, do: Callable[[], None] = lambda: None, standing: Standing = STANDING):
        self.asked: list[tuple[int, Ask]] = []
        self.is_idle = True
        self.tally = Tally()
        self.done = threading.Semaphore(0)

        def answer(shadow: Reference, one: Ask) -> None:
            self.asked.append((shadow.version, one))
            try:
                do()
            finally:
                self.done.release()

        self.mirror = Mirror(
            standing=lambda: standing,
            answer=answer,
            is_idle=lambda: self.is_idle,
            tally=self.tally,
            most_asks=5,
            most_rows=100,
        )

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self.done.acquire(timeout=PATIENCE_S)

    def counts(self) -> tuple[int, int]:
        found = [(each["answered"], each["failed"]) for each in self.tally.counts()]
        return found[0] if found else (0, 0)


@pytest.fixture
def put_on():
    stages: list[Stage] = []

    def make(*what: Any, **named: Any) -> Stage:
        stages.append(Stage(*what, **named))
        stages[-1].mirror.start()
        return stages[-1]

    yield make
    for stage in stages:
        stage.mirror.stop()


def test_what_the_champion_answered_is_asked_of_the_shadow(put_on) -> None:
    stage = put_on()
    asks = [ask(), ask(3)]
    for each in asks:
        stage.mirror.mirror(CHAMPION, each)
    stage.wait(2)
    stage.mirror.stop()
    assert stage.asked == [(8, asks[0]), (8, asks[1])]
    assert (stage.mirror.mirrored, stage.mirror.dropped, stage.counts()) == (2, 0, (2, 0))


def test_a_shadow_that_raises_is_counted_and_asked_on(put_on) -> None:
    def crash() -> None:
        raise MemoryError

    stage = put_on(crash)
    for _ in range(3):
        stage.mirror.mirror(CHAMPION, ask())
    stage.wait(3)
    stage.mirror.stop()
    assert stage.counts() == (0, 3)


def test_a_slow_shadow_fills_a_bounded_queue_and_holds_nobody_up(put_on) -> None:
    go = threading.Event()
    stage = put_on(lambda: go.wait(PATIENCE_S))
    for _ in range(50):
        stage.mirror.mirror(CHAMPION, ask())  # would not return if it waited for the shadow
    assert 50 - 5 - 1 <= stage.mirror.dropped <= 50 - 5
    go.set()
    stage.wait(50 - stage.mirror.dropped)
    assert len(stage.asked) == 50 - stage.mirror.dropped


def test_rows_are_bounded_too(put_on) -> None:
    go = threading.Event()
    stage = put_on(lambda: go.wait(PATIENCE_S))
    stage.mirror.mirror(CHAMPION, ask(101))
    assert stage.mirror.dropped == 1
    go.set()


def test_while_requests_are_under_way_no_shadow_is_asked(put_on) -> None:
    stage = put_on()
    stage.is_idle = False
    stage.mirror.mirror(CHAMPION, ask())
    assert not stage.done.acquire(timeout=0.05)
    assert stage.asked == []
    stage.is_idle = True
    stage.wait(1)


@pytest.mark.parametrize("slot", [Slot.CHALLENGER, Slot.SHADOW])
def test_only_what_the_champion_answered_is_mirrored(put_on, slot: Slot) -> None:
    stage = put_on()
    stage.mirror.mirror(replace(CHAMPION, slot=slot), ask())
    stage.mirror.mirror(CHAMPION, ask(2))
    stage.wait(1)
    assert [each.rows for _, each in stage.asked] == [2]


def test_a_shadow_that_takes_other_columns_is_not_asked(put_on) -> None:
    other = replace(STANDING, shadows={"fraud": held(8, Slot.SHADOW, "a", "c")})
    stage = put_on(standing=other)
    stage.mirror.mirror(CHAMPION, ask())
    while not stage.mirror.unfit:
        assert not stage.done.acquire(timeout=0.005)
    assert (stage.asked, stage.mirror.mirrored) == ([], 0)


def test_what_crashes_the_process_is_named_while_it_is_asked(put_on) -> None:
    marks, seen = bytearray(crashes.SIZE), []
    stage = put_on(lambda: seen.append(bytes(marks[crashes.SHADOW :])))
    stage.mirror._marks = lambda: marks
    stage.mirror.mirror(CHAMPION, ask())
    stage.wait(1)
    stage.mirror.stop()
    assert seen == [crashes.mark_of("fraud", 8, 1)]
    assert marks[crashes.SHADOW] == 0


def test_stopping_does_not_wait_for_a_shadow_that_hangs() -> None:
    go = threading.Event()
    stage = Stage(lambda: go.wait(PATIENCE_S))
    stage.mirror.start()
    for _ in range(4):
        stage.mirror.mirror(CHAMPION, ask())
    stage.mirror.stop(patience_s=0.01)
    assert stage.mirror.dropped >= 3
    go.set()
