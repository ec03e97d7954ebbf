"""What does a door get of a request, and what does it give back?

A door is one protocol: it knows its addresses and the shape of its answers and errors. What all of
them share (which version answers, computing, logging) is the core's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tenure.serving.bodies import CLOSE, Receive
from tenure.serving.problems import Headers, Problem

if TYPE_CHECKING:
    from tenure.serving.lanes import Waiting
    from tenure.serving.router import Reference

Answer = tuple[int, Headers, bytes]
Said = tuple["Reference", int, Headers, bytes]
"""What answered, and the answer."""
Quick = Callable[[bytes, float], "Said | Waiting | None"]
"""Given a body and when it was there (`time.perf_counter`): the answer, or what waits for it; None,
with nothing done, where the request must go the ordinary way."""


@dataclass(slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: in capitals.
        path: decoded once, without the query.
        query: as it was sent.
        headers: by name in lower case; of a repeated one the last.
        receive: gives the body (ASGI 3).
        client: the address that asks, empty where it is not known.
        caller: who asks, as far as keys are asked for.
        reference: what answered, once that is known.
        rows: how many rows were answered.
    """

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    receive: Receive
    client: str = ""
    caller: Any = None
    reference: Reference | None = None
    rows: int = 0


class Door(Protocol):
    """One protocol of the prediction server.

    Attributes:
        name: what requests are counted under.
    """

    name: str

    async def answer(self, request: Request) -> Answer | None:
        """Return the answer, or None where the address is none of this door's.

        Raises:
            Problem, TenureError: what the client reads instead, as `refuse` shapes it.
        """
        ...

    def refuse(self, problem: Problem) -> Answer:
        """Return a problem in this door's shape."""
        ...


@runtime_checkable
class QuickDoor(Door, Protocol):
    """A door that can answer some requests in one go."""

    def quick(self, request: Request) -> tuple[str, Quick] | None:
        """Return a model, and what answers requests that differ from one only by their bodies.

        None where each must go the ordinary way.
        """
        ...


def only(method: str, *allowed: str) -> None:
    """Raise 405 where a method is not among those that an address takes."""
    if method not in allowed:
        allow = (b"allow", ", ".join(allowed).encode())
        detail = f"This address takes {' and '.join(allowed)}."
        raise Problem(405, "wrong-method", detail, headers=[allow, CLOSE])
