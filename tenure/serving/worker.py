"""Who computes while the event loop goes on reading, and what if the asker leaves?

One thread computes, one request at a time: scikit-learn gains nothing from more on one core. How
many may wait is bounded; a request whose client has left before its turn is not computed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tenure.serving.bodies import ClientLeft, Receive
from tenure.serving.problems import Problem, retry_after

T = TypeVar("T")


class Worker:
    """One computing thread with a bounded queue.

    Args:
        at_once: how many requests may wait or compute.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.in_flight = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tenure-predict")

    async def run(self, work: Callable[[], T], receive: Receive) -> T:
        """Return what `work` returns, computed in the thread.

        Raises:
            Problem: 503 where too many requests wait.
            ClientLeft: the client left before its turn came.
        """
        if self.in_flight >= self.at_once:
            detail = f"{self.in_flight} requests wait already."
            raise Problem(503, "busy", detail, headers=[retry_after(1)])
        self.in_flight += 1
        try:
            future = self._thread.submit(work)
            if self.in_flight == 1:
                return await asyncio.wrap_future(future)
            return await _unless_left(asyncio.wrap_future(future), receive)
        finally:
            self.in_flight -= 1

    def close(self) -> None:
        """End the thread once what it holds is done."""
        self._thread.shutdown(wait=True, cancel_futures=True)


async def _unless_left(result: asyncio.Future[T], receive: Receive) -> T:
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({result, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if result.done():
            return result.result()
        if result.cancel():
            raise ClientLeft
        return await result
    finally:
        leaving.cancel()


async def _left(receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
