"""Which heads of requests came before, byte for byte, and what answers the next one at once?

A program that keeps its connection sends the same head with each request. What was found out about
one the ordinary way holds for the next of the same bytes: which door it is for, that its host is
ours, how long its body is. Whoever may ask, and which version answers, is asked anew each time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenure.serving.lanes import Waiting
from tenure.serving.problems import Headers

Told = tuple[int, Headers, bytes]
"""The status, headers and body of an answer."""
Express = Callable[[bytes], Told | Waiting | None]
"""Given a body: the answer, or what waits for it; None, with nothing done, where the request must
go the ordinary way."""
MakeExpress = Callable[[dict[str, Any]], Express | None]
"""Given the scope of a request (ASGI 3), what answers further ones of its head."""

_LONGEST = 2_048
_LONGEST_BODY = 16 * 1024
_MOST = 1_000
_SPECIAL = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a head.

    Attributes:
        length: of the body that follows.
        express: answers it.
    """

    length: int
    express: Express


class Heads:
    """The heads of one server.

    Args:
        make: makes of a request what answers further ones.
    """

    def __init__(self, make: MakeExpress) -> None:
        self._make = make
        self._known: dict[bytes, Known | None] = {}
        self.find = self._known.get

    def learn(self, data: bytes, scope: dict[str, Any]) -> None:
        """Remember the head of a request that was read the ordinary way, the second time it comes.

        Args:
            data: the whole request as it arrived, and nothing else.
            scope: what was read from it.
        """
        end = data.find(END) + len(END)
        head, length = data[:end], len(data) - end
        if not len(END) < end <= _LONGEST or length > _LONGEST_BODY or self.find(head) is not None:
            return
        if scope["http_version"] != "1.1" or not _is_plain(scope["headers"], length):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        express = self._make(scope) if head in self._known else None
        self._known[head] = None if express is None else Known(length, express)


def _is_plain(headers: Headers, length: int) -> bool:
    """Say whether the head declares its body's length, and nothing else about the connection."""
    for name, value in headers:
        if name in _SPECIAL or (name == b"connection" and value.lower() != b"keep-alive"):
            return False
    return [value for name, value in headers if name == b"content-length"] == [b"%d" % length]
