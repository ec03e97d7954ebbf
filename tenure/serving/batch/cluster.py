"""Who carries out the orders of a run on a cluster? Workers of Dask, by the same function.

What travels are orders and replies, and the function by its name: every worker has Tenure
installed, reaches the workspace, source and destination under the same paths or URLs, and loads
the version itself.
"""

from __future__ import annotations

from typing import Any

from tenure.errors import ClusterUnreachable
from tenure.serving.batch.hands import Lost
from tenure.serving.batch.orders import AnyOrder, Reply
from tenure.serving.batch.working import perform

CONNECT_S = 20.0
FIRST_WORKER_S = 60.0


class Cluster:
    """The workers of a Dask scheduler."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client, as_completed
        except ImportError:
            detail = "Dask is not installed here: pip install 'tenure[dask]'"
            raise ClusterUnreachable(address=address, detail=detail) from None
        self._address = address
        try:
            self._client: Any = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            detail = f"nobody answers there ({type(error).__name__})"
            raise ClusterUnreachable(address=address, detail=detail) from error
        try:
            self._client.wait_for_workers(1, timeout=FIRST_WORKER_S)
        except TimeoutError as error:
            self._client.close()
            detail = f"it has had no worker for {FIRST_WORKER_S:.0f} s"
            raise ClusterUnreachable(address=address, detail=detail) from error
        self._given: dict[Any, AnyOrder] = {}
        self._coming = as_completed([], loop=self._client.loop)

    @property
    def width(self) -> int:
        """Two orders a thread, so that none waits for the next; workers come and go."""
        try:
            return max(2, 2 * sum(self._client.nthreads().values()))
        except OSError as error:
            detail = "its scheduler went away"
            raise ClusterUnreachable(address=self._address, detail=detail) from error

    def give(self, order: AnyOrder) -> None:
        """Hand an order to the scheduler."""
        future = self._client.submit(perform, order, pure=False, retries=0)
        self._given[future] = order
        self._coming.add(future)

    def take(self) -> tuple[AnyOrder, Reply | Lost]:
        """Wait for the first order to come back."""
        future = next(self._coming)
        order = self._given.pop(future)
        return order, self._reply(future)

    def _reply(self, future: Any) -> Reply | Lost:
        from distributed.scheduler import KilledWorker

        if future.status == "finished":
            return future.result()
        error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):  # the scheduler has tried it again already
            return Lost(reason="Workers of the cluster died over it.", may_try_again=False)
        what = type(error).__name__ if error is not None else future.status
        return Lost(reason=f"The cluster could not carry it out ({what}).")

    def close(self) -> None:
        """Let go of the scheduler; orders that were given are dropped."""
        self._client.cancel(list(self._given), force=True)
        self._client.close()
