"""How does one process load versions without holding up what it serves?

In a thread of their own, one after the other, so that who follows the ledger can go on looking: a
version that takes a minute delays no other model's change. What is loaded waits here until it is
taken to answer, or nobody wants it any more.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from tenure.errors import TenureError

if TYPE_CHECKING:
    from tenure.records import Assignment
    from tenure.serving.runtime import Runtime

_log = logging.getLogger(__name__)

Key = tuple[str, int | None]
"""A model and its version: whoever wants it, in whichever slot and epoch, it is loaded once."""


def key_of(wanted: Assignment) -> Key:
    """Return what is to be loaded for an assignment."""
    return wanted.model, wanted.version


class Loads:
    """The versions that are being loaded, and those that are and do not answer yet.

    Args:
        load: returns a verified, warmed runtime; raises a TenureError where that fails.
        done: called after each load, from the thread that loaded.
    """

    def __init__(self, load: Callable[[Assignment], Runtime], done: Callable[[], None]) -> None:
        self._load, self._done = load, done
        self._changed = threading.Condition()
        self._asked: deque[Assignment] = deque()
        self._busy_with: Key | None = None
        self._found: dict[Key, Runtime | str] = {}
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Load in a thread from now on; until then whoever asks waits."""
        self._thread = threading.Thread(target=self._run, name="tenure-loading", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more, and wait for what was begun."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def ask(self, wanted: Assignment) -> Runtime | str | None:
        """Return a version, or why it cannot be loaded, or None while it is being loaded.

        A refusal is told once: who asks again has it tried again.
        """
        key = key_of(wanted)
        if self._thread is None:
            self._found[key] = self._found.get(key) or self._tried(wanted)
        with self._changed:
            found = self._found.get(key)
            if found is None:
                if self._busy_with != key and all(key_of(each) != key for each in self._asked):
                    self._asked.append(wanted)
                    self._changed.notify_all()
            elif isinstance(found, str):
                del self._found[key]
            return found

    def keep(self, wanted: Collection[Key]) -> None:
        """Forget all but these: what moved on before it was loaded, and what answers now."""
        with self._changed:
            self._asked = deque(each for each in self._asked if key_of(each) in wanted)
            self._found = {key: each for key, each in self._found.items() if key in wanted}

    def _run(self) -> None:
        while (wanted := self._next()) is not None:
            self._finish(key_of(wanted), self._tried(wanted))
            self._done()

    def _next(self) -> Assignment | None:
        with self._changed:
            while not self._asked and not self._is_stopping:
                self._changed.wait()
            if self._is_stopping:
                return None
            wanted = self._asked.popleft()
            self._busy_with = key_of(wanted)
            return wanted

    def _finish(self, key: Key, found: Runtime | str) -> None:
        with self._changed:
            self._found[key] = found
            self._busy_with = None

    def _tried(self, wanted: Assignment) -> Runtime | str:
        try:
            return self._load(wanted)
        except TenureError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001
            _log.exception("version %s of '%s' could not be loaded", wanted.version, wanted.model)
            return f"{type(error).__name__}."
