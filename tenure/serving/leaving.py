"""When has the last request let go of a version, and what memory did that give back?

A request holds its version until it is answered; nothing else does once the version was replaced.
So it has left when no reference to it is alive, and only then is its memory counted as free.
"""

from __future__ import annotations

import ctypes
import gc
import resource
import time
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime

from tenure.serving.runtime import Runtime

_COLLECT_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """A version that left memory: which, when, and by how many bytes the process shrank."""

    version: int
    bytes: int
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    model: str
    version: int
    runtime: weakref.ref[Runtime]
    resident_bytes: int


class Leaving:
    """The versions of one process that were replaced; used by the router's thread alone."""

    def __init__(self) -> None:
        self._left: list[_Left] = []
        self._collected_at = 0.0

    def add(self, runtime: Runtime) -> None:
        """Follow a version that no new request is given any more."""
        left = _Left(
            model=runtime.model,
            version=runtime.version,
            runtime=weakref.ref(runtime),
            resident_bytes=_resident_bytes(),
        )
        self._left.append(left)

    def look(self) -> dict[str, Freed]:
        """Return by model what has left memory since the last look."""
        if not self._left:
            return {}
        if time.monotonic() - self._collected_at >= _COLLECT_EVERY_S:
            gc.collect()  # an estimator may hold itself in a circle
            self._collected_at = time.monotonic()
        gone = [each for each in self._left if each.runtime() is None]
        if not gone:
            return {}
        self._left = [each for each in self._left if each.runtime() is not None]
        _give_back()
        now_bytes, at = _resident_bytes(), datetime.now(UTC).isoformat(timespec="milliseconds")
        return {
            each.model: Freed(
                version=each.version, bytes=max(0, each.resident_bytes - now_bytes), at=at
            )
            for each in gone
        }

    def held(self) -> dict[str, tuple[int, ...]]:
        """Return by model the versions that requests in flight still hold."""
        found: dict[str, tuple[int, ...]] = {}
        for each in self._left:
            found[each.model] = (*found.get(each.model, ()), each.version)
        return found


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _give_back() -> None:
    # The C library keeps freed memory for itself unless it is asked; only glibc can be.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
