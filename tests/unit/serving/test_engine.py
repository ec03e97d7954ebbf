"""Requests that wait together are computed together, each is answered for itself, none in vain."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tenure.predictions import LogLimits, PredictionLog
from tenure.predictions.frames import read_frames
from tenure.predictions.schema import entries_of
from tenure.records import Slot
from tenure.serving.asks import Ask
from tenure.serving.bodies import ClientLeft
from tenure.serving.engine import Engine
from tenure.serving.lanes import Waiting
from tenure.serving.limits import Limits
from tenure.serving.metrics import Metrics
from tenure.serving.problems import Problem
from tenure.serving.router import Reference
from tenure.serving.rules import ServingRules
from tenure.serving.runtime import Predicted, Runtime
from tenure.workspace import Workspace
from tests.unit.serving.test_runtime import runtime

Say = Callable[..., Awaitable[Predicted]]


class Doubling:
    """An estimator that doubles `amount`, refuses negative ones, and can be held up."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.threads: set[str] = set()
        self.may_go = threading.Event()
        self.may_go.set()
        self.has_begun = threading.Event()
        self.takes_s = 0.0

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        self.calls.append(len(rows))
        self.threads.add(threading.current_thread().name)
        self.has_begun.set()
        assert self.may_go.wait(60)
        time.sleep(self.takes_s)
        if (rows["amount"] < 0).any():
            raise ValueError("negative")
        return rows["amount"].to_numpy() * 2


class Held:
    """An engine over one held-up version."""

    def __init__(self, workspace: Workspace, folder: Path, **limits: Any) -> None:
        self.log = PredictionLog(folder)
        self.engine = Engine(self.log, Limits(**limits))
        self.estimator = Doubling()
        self.runtime = runtime(workspace, self.estimator, rules=ServingRules(log="inputs"))

    def reference(self, made: Runtime | None = None) -> Reference:
        made = made or self.runtime
        return Reference(
            model=made.model,
            version=made.version,
            epoch=1,
            slot=Slot.CHAMPION,
            since=None,  # type: ignore[arg-type]
            runtime=made,
        )

    def say(self, *amounts: float, receive: Any = None, by: Runtime | None = None) -> Any:
        ask = self.ask(*amounts)
        return asyncio.ensure_future(self.engine.answer(self.reference(by), ask, receive or stays))

    def ask(self, *amounts: float) -> Ask:
        rows = len(amounts)
        columns = {
            "amount": list(amounts),
            "items": [1] * rows,
            "country": ["de"] * rows,
            "is_new": [True] * rows,
        }
        return Ask(columns=columns, ids=[str(each) for each in amounts], probabilities=True)

    async def hold(self) -> asyncio.Future[Predicted]:
        """Let one request into the thread and keep it there."""
        self.estimator.may_go.clear()
        self.estimator.has_begun.clear()
        first = self.say(0.5)
        await asyncio.to_thread(self.estimator.has_begun.wait)
        return first

    def logged(self) -> list[Any]:
        self.log.close()
        with open(next(self.log.folder.iterdir()), "rb") as file:
            lines = list(read_frames(file, file.name))
        described = next(each for each in lines if each["kind"] == "version")
        many = [each for each in lines if each["kind"] == "many"]
        return [entry["ids"] for line in many for entry in entries_of(line, described)]


@pytest.fixture
def held(workspace: Workspace, tmp_path: Path) -> Iterator[Held]:
    made = Held(workspace, tmp_path / "log")
    yield made
    made.estimator.may_go.set()
    made.engine.close()


async def stays() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


async def leaves() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def test_what_waits_while_one_computes_is_computed_as_one_call(held: Held) -> None:
    async def go() -> list[Predicted]:
        first = await held.hold()
        rest = [held.say(1.0), held.say(2.0, 3.0), held.say(4.0)]
        await asyncio.sleep(0)
        held.estimator.may_go.set()
        return await asyncio.gather(first, *rest)

    found = asyncio.run(go())
    assert [each.values for each in found] == [[1.0], [2.0], [4.0, 6.0], [8.0]]
    assert held.estimator.calls == [1, 4]
    assert held.logged() == [["0.5"], ["1.0"], ["2.0", "3.0"], ["4.0"]]


def test_a_call_has_no_more_rows_than_it_may(workspace: Workspace, tmp_path: Path) -> None:
    held = Held(workspace, tmp_path / "log", batch_rows=4)

    async def go() -> None:
        first = await held.hold()
        rest = [held.say(1.0, 2.0), held.say(3.0, 4.0), held.say(5.0), held.say(*range(9))]
        await asyncio.sleep(0)
        held.estimator.may_go.set()
        await asyncio.gather(first, *rest)

    asyncio.run(go())
    held.engine.close()
    assert held.estimator.calls == [1, 4, 1, 9]


def test_one_that_cannot_be_predicted_fails_alone(held: Held) -> None:
    async def go() -> list[Any]:
        first = await held.hold()
        rest = [held.say(1.0), held.say(-2.0), held.say(3.0)]
        await asyncio.sleep(0)
        held.estimator.may_go.set()
        return await asyncio.gather(first, *rest, return_exceptions=True)

    _, one, bad, three = asyncio.run(go())
    assert (one.values, three.values) == ([2.0], [6.0])
    assert isinstance(bad, Problem)
    assert (bad.status, bad.code) == (422, "unpredictable")
    assert held.logged() == [["0.5"], ["1.0"], ["3.0"]]


def test_models_take_turns(held: Held, workspace: Workspace) -> None:
    order: list[str] = []
    other = replace(held.runtime, model="other")

    async def go() -> None:
        first = await held.hold()
        rest = [held.say(*range(4_000)), held.say(*range(4_000)), held.say(1.0, by=other)]
        for name, each in zip(("long", "longer", "other"), rest, strict=True):
            each.add_done_callback(lambda _, name=name: order.append(name))
        await asyncio.sleep(0)
        held.estimator.may_go.set()
        await asyncio.gather(first, *rest)

    asyncio.run(go())
    assert order == ["long", "other", "longer"]


def test_a_client_that_leaves_before_its_turn_is_not_computed_for(held: Held) -> None:
    async def go() -> None:
        first = await held.hold()
        left, stayed = held.say(1.0, receive=leaves), held.say(2.0)
        with pytest.raises(ClientLeft):
            await left
        held.estimator.may_go.set()
        await asyncio.gather(first, stayed)
        assert held.engine.in_flight == 0

    asyncio.run(go())
    assert held.estimator.calls == [1, 1]
    assert held.logged() == [["0.5"], ["2.0"]]


def test_more_than_may_wait_are_told_to_come_again(workspace: Workspace, tmp_path: Path) -> None:
    held = Held(workspace, tmp_path / "log", in_flight=2)

    async def go() -> Problem:
        first = await held.hold()
        second = held.say(1.0)
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await held.say(2.0)
        held.estimator.may_go.set()
        await asyncio.gather(first, second)
        return refused.value

    problem = asyncio.run(go())
    held.engine.close()
    assert (problem.status, problem.code) == (503, "busy")
    assert (b"retry-after", b"1") in problem.headers


def test_who_waits_too_long_is_told_so(workspace: Workspace, tmp_path: Path) -> None:
    held = Held(workspace, tmp_path / "log", answer_s=0.2)

    async def go() -> list[Any]:
        computing = await held.hold()
        waiting = held.say(1.0)
        late = await asyncio.gather(computing, waiting, return_exceptions=True)
        held.estimator.may_go.set()
        assert (await held.say(2.0)).values == [4.0]
        return late

    computing, waiting = asyncio.run(go())
    held.engine.close()
    assert (computing.status, computing.code) == (504, "late")
    assert (waiting.status, waiting.code) == (503, "busy")
    assert held.estimator.calls == [1, 1]
    assert held.logged() == [["2.0"]]


def test_a_version_that_no_request_holds_leaves_memory(held: Held) -> None:
    import gc
    import weakref

    gone = replace(held.runtime, model="gone")
    watched = weakref.ref(gone)

    async def go(by: Runtime) -> None:
        await held.say(1.0, by=by)
        await held.say(2.0)  # the thread has let go of what it computed last

    asyncio.run(go(gone))
    del gone
    gc.collect()
    assert watched() is None


def test_whom_one_call_answered_may_ask_again_together(held: Held) -> None:
    held.estimator.takes_s = 0.05

    async def client(turns: int) -> None:
        for _ in range(4):
            await held.say(1.0)
            for _ in range(turns):
                await asyncio.sleep(0)

    async def go() -> None:
        first = await held.hold()
        clients = [asyncio.create_task(client(turns)) for turns in range(4)]
        await asyncio.sleep(0)
        held.estimator.may_go.set()
        await asyncio.gather(first, *clients)

    asyncio.run(go())
    assert held.estimator.calls == [1, 4, 4, 4, 4]


class Quick(Runtime):
    """A version that is quick with up to three rows."""

    __slots__ = ()
    kind = "linear"

    @property
    def plan_kind(self) -> str:
        return self.kind

    def is_quick(self, rows: int) -> bool:
        return rows <= 3


class QuickTrees(Quick):
    """One whose cost is a call's rather than a row's; its plan declines what is negative."""

    __slots__ = ()
    kind = "trees"

    def planned(self, columns: Any, rows: int, *, probabilities: bool) -> Predicted | None:
        self.estimator.calls.append(rows)
        if any(amount < 0 for amount in columns["amount"]):
            return None
        return Predicted([2 * amount for amount in columns["amount"]], None, ())


def quick(held: Held, kind: type[Quick]) -> Runtime:
    fields = {name: getattr(held.runtime, name) for name in held.runtime.__dataclass_fields__}
    return kind(**fields)


def test_what_is_quick_is_computed_on_the_loop_itself(held: Held) -> None:
    by = quick(held, Quick)

    async def go() -> list[Predicted]:
        return await asyncio.gather(*(held.say(each, by=by) for each in (1.0, 2.0)))

    assert [each.values for each in asyncio.run(go())] == [[2.0], [4.0]]
    assert held.estimator.calls == [1, 1]
    assert held.estimator.threads == {threading.main_thread().name}


def test_many_rows_of_a_quick_version_go_to_the_thread(held: Held) -> None:
    async def go() -> Predicted:
        return await held.say(1.0, 2.0, 3.0, 4.0, by=quick(held, Quick))

    assert asyncio.run(go()).values == [2.0, 4.0, 6.0, 8.0]
    assert held.estimator.threads == {"tenure-predict"}


def test_a_crowd_of_one_turn_is_joined_from_the_second_turn_on(held: Held) -> None:
    by = quick(held, QuickTrees)
    held.engine.metrics = metrics = Metrics()
    reference = held.reference(by)

    async def turn(*amounts: float) -> list[Any]:
        found: list[Any] = [None] * len(amounts)
        for place, amount in enumerate(amounts):
            given = held.engine.planned(reference, held.ask(amount), 0.0)
            if isinstance(given, Waiting):
                given.tell = partial(found.__setitem__, place)
            else:
                found[place] = given
        await asyncio.sleep(0)
        return [each and each.values for each in found]

    async def go() -> list[Any]:
        turns = [(1.0, 2.0), (3.0, 4.0, 5.0), (6.0,), (7.0,), (1.0, 2.0), (3.0, -4.0, 5.0)]
        return [await turn(*each) for each in turns]

    first, second, third, fourth, fifth, last = asyncio.run(go())
    assert [*first, *second, *third, *fourth, *fifth] == [
        *([2.0], [4.0], [6.0], [8.0], [10.0]),
        *([12.0], [14.0], [2.0], [4.0]),
    ]
    assert last == [[6.0], None, [10.0]], "what a plan declines is for the estimator"
    alone, joined_one_by_one = [1, 1], [3, 1, 1, 1]
    assert held.estimator.calls == [*alone, 3, 1, 1, *alone, *joined_one_by_one]
    called, rows = metrics.snapshot()["batches"]
    assert (sum(called), rows) == (9, 11), "what was declined is counted by who answers it"
    ids = [each for entry in held.logged() for each in entry]
    assert len(ids) == 11, "each answer is logged once"


@pytest.mark.parametrize(("when_full", "status"), [("drop", None), ("refuse", 503)])
def test_what_the_log_cannot_take_is_refused_where_the_spec_says_so(
    workspace: Workspace, tmp_path: Path, when_full: Any, status: int | None
) -> None:
    held = Held(workspace, tmp_path / "log")
    held.log = held.engine.log = PredictionLog(tmp_path / "log", LogLimits(buffered_rows=1))
    rules = ServingRules(log="outputs", log_when_full=when_full)
    by = replace(held.runtime, rules=rules)

    async def go() -> list[Any]:
        return [await asyncio.gather(held.say(1.0, by=by), return_exceptions=True) for _ in "ab"]

    (first,), (second,) = asyncio.run(go())
    held.engine.close()
    assert first.values == [2.0]
    assert getattr(second, "status", None) == status
    assert held.log.dropped == 1
