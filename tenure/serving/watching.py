"""What else happens around a request: its span, its line, and what browsers are told?

Each is off unless a server is told otherwise, and a server that has none of them has no `Watching`:
it costs nothing.
"""

from __future__ import annotations

import time
from typing import Any

from tenure.serving.doors import Answer, Request
from tenure.serving.journal import write_access
from tenure.serving.problems import Headers
from tenure.serving.tracing import Traces

_METHODS = b"GET, HEAD, POST"
_ALLOWED = b"authorization, content-type, inference-header-content-length, tenure-key, tenure-slot"
_SHOWN = b"tenure-model, tenure-version, tenure-epoch, tenure-slot, inference-header-content-length"


class Watching:
    """What a server is told to do around each request.

    Args:
        traces: makes spans; None for none.
        access_log: whether each request leaves a line.
        cors_origins: whose pages may call the server from a browser; each spelled as browsers do,
            such as `https://shop.example`.
    """

    def __init__(
        self, traces: Traces | None, *, access_log: bool, cors_origins: tuple[str, ...]
    ) -> None:
        self._traces, self._access_log = traces, access_log
        self._origins = frozenset(origin.rstrip("/").encode() for origin in cors_origins)

    def begin(self, request: Request) -> tuple[float, Any]:
        """Return what `end` wants to know of a request that has just come."""
        span = self._traces.begin(request) if self._traces is not None else None
        return time.perf_counter(), span

    def preflight(self, request: Request) -> Answer | None:
        """Return the answer to a browser that asks whether it may ask, None for all else."""
        is_one = request.method == "OPTIONS" and b"access-control-request-method" in request.headers
        if not is_one or request.headers.get(b"origin") not in self._origins:
            return None
        allowed: Headers = [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", b"600"),
        ]
        return 200, allowed, b""

    def end(
        self, begun: tuple[float, Any] | None, door: str, request: Request, status: int
    ) -> Headers:
        """Return what belongs to an answer's headers; end the span, write the line."""
        began_at, span = begun or (time.perf_counter(), None)
        headers: Headers = []
        if self._origins:
            headers.append((b"vary", b"origin"))
            origin = request.headers.get(b"origin")
            if origin in self._origins:
                headers.append((b"access-control-allow-origin", origin))
                headers.append((b"access-control-expose-headers", _SHOWN))
        if span is not None and self._traces is not None:
            headers += self._traces.end(span, door, request, status)
        if self._access_log:
            self._write(door, request, status, time.perf_counter() - began_at)
        return headers

    def close(self) -> None:
        """Send the spans that wait."""
        if self._traces is not None:
            self._traces.close()

    def _write(self, door: str, request: Request, status: int, seconds: float) -> None:
        facts: dict[str, Any] = {"door": door, "client": request.client}
        key = getattr(request.caller, "key", "")
        if key:
            facts["key"] = key
        by = request.reference
        if by is not None:
            facts |= {"model": by.model, "version": by.version, "slot": by.slot.value}
            facts["rows"] = request.rows
        write_access(request.method, request.path, status, seconds, facts)
