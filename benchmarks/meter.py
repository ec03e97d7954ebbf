"""How much CPU, time and memory did a stretch of work take, and which part of it took how much?"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import psutil


def cpu_s() -> float:
    """Return CPU seconds of this process and of all processes under it, living or waited for."""
    here = psutil.Process()
    total = 0.0
    for process in [here, *here.children(recursive=True)]:
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system + used.children_user + used.children_system
    return total


class Meter:
    """Adds up the CPU of named parts, each without the parts inside it."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self._open: list[float] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens inside under a name."""
        self._open.append(0.0)
        begun = cpu_s()
        try:
            yield
        finally:
            whole = cpu_s() - begun
            inner = self._open.pop()
            self.parts[name] = self.parts.get(name, 0.0) + whole - inner
            if self._open:
                self._open[-1] += whole

    def watch(self, name: str, *functions: str) -> None:
        """Count each call of some functions, given as `module:attribute`, under a name."""
        for path in functions:
            module, attribute = path.split(":")
            home: Any = import_module(module)
            setattr(home, attribute, self._counted(name, getattr(home, attribute)))

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return counted


def wall_s() -> float:
    """Return a clock that only runs forward."""
    return time.perf_counter()
