"""What did a fit cost this process?"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
LOOK_S = 0.01


@dataclass(slots=True)
class Cost:
    """CPU (all threads and ended children) and wall seconds, and what memory grew by at its peak.

    `peak_memory_bytes` is how far the resident memory of this process rose above where it stood
    before, once freed memory was given back. Linux lets a process reset its high-water mark; where
    that is not allowed, a thread looks every 10 ms. It is 0 for a fit that needs less than a page
    more than there was. Worker processes of a parallel fit are not in it.
    """

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_bytes: int = 0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what happens inside; the cost is filled in at the end."""
    cost = Cost()
    _give_back()
    with contextlib.ExitStack() as looking:
        sampler = None if _reset_peak() else looking.enter_context(_Sampler())
        before = _resident()
        cpu, wall = _cpu(), time.perf_counter()
        try:
            yield cost
        finally:
            cost.cpu_s = round(_cpu() - cpu, 4)
            cost.wall_s = round(time.perf_counter() - wall, 4)
            peak = _status("VmHWM") if sampler is None else sampler.look()
            cost.peak_memory_bytes = max(0, peak - before)


def _give_back() -> None:
    """Give freed memory back to the system: a fit that reuses it would seem to need none."""
    with contextlib.suppress(OSError, AttributeError):  # only glibc can
        ctypes.CDLL(None).malloc_trim(0)


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class _Sampler:
    """Looks at the resident memory again and again, and remembers the most."""

    def __init__(self) -> None:
        self.most = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> _Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_S):
            self.look()

    def look(self) -> int:
        self.most = max(self.most, _resident())
        return self.most


def _resident() -> int:
    import psutil

    return psutil.Process().memory_info().rss


def _reset_peak() -> bool:
    try:
        descriptor = os.open(CLEAR, os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(descriptor, b"5")
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _status(name: str) -> int:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0
