"""What goes over the wire to a prediction server, and what do its answers mean?

Nothing here opens a connection: a call is a request and how its answer is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson

from tenure.errors import (
    AnswersNoMore,
    KeyRefused,
    NotServed,
    RequestRefused,
    ServerUnavailable,
    TenureError,
)

T = TypeVar("T")
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a server: status, headers by name in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request, and how a good answer to it is read."""

    method: str
    path: str
    read: Callable[[Answer], T]
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def wait_wanted(answer: Answer) -> float | None:
    """Return for how many seconds a server wants to be left alone, None if trying is no use."""
    if answer.status != 503:
        return None
    try:
        return max(0.0, float(answer.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0


def error_of(answer: Answer, url: str, tries: int) -> TenureError:
    """Return what an answer that is no good one means."""
    said = _said(answer)
    detail = str(said.get("detail") or said.get("error") or f"status {answer.status}.")
    facts = {"detail": detail, "status": answer.status, "type": said.get("type")}
    match answer.status:
        case 401 | 403 | 429:
            return KeyRefused(**facts)
        case 404:
            return NotServed(**facts)
        case 410:
            successor = said.get("successor") or {}
            address = successor.get("address") if isinstance(successor, dict) else None
            return AnswersNoMore(**facts, successor=address or _linked(answer))
        case status if status >= 500:
            return ServerUnavailable(url=url, tries=tries, **facts)
        case _:
            return RequestRefused(**facts, field=said.get("field"))


def end_of(answer: Answer, path: str) -> str | None:
    """Return in a sentence that an address will be gone, None where the server says no such thing.

    The server says it by the headers of RFC 9745 and RFC 8594.
    """
    if "deprecation" not in answer.headers:
        return None
    until = answer.headers.get("sunset")
    said = f"{path} is on its way out" + (f" and answers until {until}." if until else ".")
    after = _linked(answer)
    return f"{said} {after} follows." if after else said


def _said(answer: Answer) -> dict[str, Any]:
    try:
        found = answer.json()
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _linked(answer: Answer) -> str | None:
    link = answer.headers.get("link", "")
    address, _, rest = link.partition(">")
    return address.lstrip("<") if 'rel="successor-version"' in rest else None
