"""What did a fit cost this process?"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


@dataclass(slots=True)
class Cost:
    """CPU (all threads and ended children) and wall seconds, and what memory grew by at its peak.

    `peak_memory_bytes` is how far the resident memory of this process rose above where it stood
    before. Linux lets a process reset its high-water mark; elsewhere only a new record of the
    process's life shows, and less than that counts as 0. Worker processes of a parallel fit are
    not in it.
    """

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_bytes: int = 0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what happens inside; the cost is filled in at the end."""
    cost = Cost()
    resettable = _reset_peak()
    before = _status("VmRSS") if resettable else _record()
    cpu, wall = _cpu(), time.perf_counter()
    try:
        yield cost
    finally:
        cost.cpu_s = round(_cpu() - cpu, 4)
        cost.wall_s = round(time.perf_counter() - wall, 4)
        peak = _status("VmHWM") if resettable else _record()
        cost.peak_memory_bytes = max(0, peak - before)


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _record() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


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
