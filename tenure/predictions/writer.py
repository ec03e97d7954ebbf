"""How does a prediction get into the log without the request waiting for a disk?

A request puts its entry into a bounded buffer and goes on. One thread writes the buffer to the
spool file twenty times a second; another syncs it within a second, so that no write waits for the
disk. A killed process loses what was not written, a loss of power what was not synced. When the
disk does not keep up, entries are given up and counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tenure.predictions.frames import FrameFile
from tenure.predictions.schema import Answered, LoggedVersion, lines_of, version_line

_log = logging.getLogger(__name__)

_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLimits:
    """How much may wait, and when a file is written, synced and ended."""

    buffered_rows: int = 50_000
    write_every_s: float = 0.05
    sync_every_s: float = 1.0
    file_bytes: int = 16 * 1024 * 1024
    file_age_s: float = 60.0
    retry_s: float = 1.0


class PredictionLog:
    """The log of one process; `append` never waits and never raises.

    Attributes:
        dropped: rows that were given up since the start because the buffer was full.
        trouble: why the last write failed, None once one has succeeded again.
    """

    def __init__(self, folder: Path, limits: LogLimits | None = None) -> None:
        self.folder = folder
        self.limits = limits or LogLimits()
        self.dropped = 0
        self.trouble: str | None = None
        self._waiting: deque[Answered] = deque()
        self._waiting_rows = 0
        self._guard = threading.Lock()
        self._file: FrameFile | None = None
        self._ended: deque[FrameFile] = deque()
        self._described: set[LoggedVersion] = set()
        self._unsynced_since: float | None = None
        self._stop = threading.Event()
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._threads = (
            threading.Thread(target=self._write_on, name="tenure-log", daemon=True),
            threading.Thread(target=self._sync_on, name="tenure-log-sync", daemon=True),
        )

    def start(self) -> None:
        """Begin to write."""
        for each in self._threads:
            each.start()

    def append(self, answered: Answered) -> bool:
        """Take an entry, or count it as dropped if too much is waiting; say if it was taken."""
        rows = len(answered.ids)
        with self._guard:
            if self._waiting_rows + rows > self.limits.buffered_rows:
                self.dropped += rows
                return False
            self._waiting.append(answered)
            self._waiting_rows += rows
        return True

    def close(self) -> None:
        """Write and sync what waits, and end the file."""
        self._stop.set()
        for each in self._threads:
            if each.is_alive():
                each.join()
        self.flush()
        self._end_file()
        with suppress(OSError):
            self._sync()
        with self._guard:
            self.dropped += self._waiting_rows
            self._waiting.clear()
            self._waiting_rows = 0

    def flush(self) -> None:
        """Write and sync what waits; a failure is kept in `trouble`."""
        try:
            self._write()
            self._sync()
        except OSError as error:
            self._note(error)

    def _write_on(self) -> None:
        while not self._stop.wait(self.limits.write_every_s):
            try:
                self._write()
                self._end_if_due()
            except OSError as error:
                self._note(error)
                self._stop.wait(self.limits.retry_s)

    def _sync_on(self) -> None:
        while not self._stop.wait(self.limits.sync_every_s / 10):
            since = self._unsynced_since
            is_due = (
                since is not None and time.monotonic() - since >= 0.8 * self.limits.sync_every_s
            )
            if not is_due and not self._ended:
                continue
            try:
                self._sync()
            except OSError as error:
                self._note(error)
                self._stop.wait(self.limits.retry_s)

    def _write(self) -> None:
        # In pieces: whoever answers requests meanwhile shall not wait for a thousand lines.
        with self._writing:
            while self._write_some():
                pass

    def _write_some(self) -> bool:
        with self._guard:
            entries = list(islice(self._waiting, _AT_ONCE))
        if not entries:
            return False
        if self._file is None:
            self._file = FrameFile(self.folder)
            self._described = set()
        named = {id(each.of): each.of for each in entries}.values()
        fresh = list(dict.fromkeys(each for each in named if each not in self._described))
        lines: list[dict[str, Any]] = [version_line(each) for each in fresh]
        lines += lines_of(entries)
        self._file.append(lines)
        self._described.update(fresh)
        self._unsynced_since = self._unsynced_since or time.monotonic()
        self.trouble = None
        with self._guard:
            for entry in entries:
                self._waiting.popleft()
                self._waiting_rows -= entry.rows
        return len(entries) == _AT_ONCE

    def _sync(self) -> None:
        """Sync what was written; only here is a file closed, so that none is synced closed."""
        with self._syncing:
            since, self._unsynced_since = self._unsynced_since, None
            file = self._file
            try:
                if since is not None and file is not None:
                    file.sync()
                while self._ended:
                    self._ended[0].sync()
                    self._ended.popleft().close()
            except OSError:
                self._unsynced_since = since or self._unsynced_since
                raise

    def _end_if_due(self) -> None:
        file = self._file
        if file is None:
            return
        age_s = time.monotonic() - file.began_at
        if file.size >= self.limits.file_bytes or age_s >= self.limits.file_age_s:
            self._end_file()

    def _end_file(self) -> None:
        with self._writing:
            if self._file is not None:
                self._ended.append(self._file)
                self._file = None

    def _note(self, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        if self.trouble != reason:
            _log.error("the prediction log cannot be written: %s", reason)
        self.trouble = reason
