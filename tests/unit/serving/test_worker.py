"""The computing thread has a bounded queue and forgets whoever leaves it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tenure.serving.bodies import ClientLeft
from tenure.serving.problems import Problem
from tenure.serving.worker import Worker


async def stays() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


async def leaves() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def test_a_client_that_leaves_the_queue_is_not_computed_for() -> None:
    computed = []
    hold = threading.Event()

    async def go() -> None:
        worker = Worker(at_once=3)
        first = asyncio.ensure_future(worker.run(hold.wait, stays))
        await asyncio.sleep(0)
        with pytest.raises(ClientLeft):
            await worker.run(lambda: computed.append("left"), leaves)
        last = asyncio.ensure_future(worker.run(lambda: computed.append("stayed"), stays))
        await asyncio.sleep(0)
        hold.set()
        assert await first
        await last
        assert worker.in_flight == 0
        worker.close()

    asyncio.run(go())
    assert computed == ["stayed"]


def test_more_than_may_wait_are_told_to_come_again() -> None:
    hold = threading.Event()

    async def go() -> Problem:
        worker = Worker(at_once=1)
        first = asyncio.ensure_future(worker.run(hold.wait, stays))
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await worker.run(hold.wait, stays)
        hold.set()
        assert await first
        worker.close()
        return refused.value

    problem = asyncio.run(go())
    assert problem.status == 503
    assert (b"retry-after", b"1") in problem.headers


def test_what_the_work_raises_arrives() -> None:
    def fails() -> None:
        raise Problem(422, "no", "No.")

    async def go() -> None:
        worker = Worker(at_once=2)
        with pytest.raises(Problem):
            await asyncio.gather(worker.run(fails, stays), worker.run(fails, stays))
        worker.close()

    asyncio.run(go())
