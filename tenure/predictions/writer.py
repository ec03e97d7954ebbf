"""How does a prediction get into the log without the request waiting for a disk?

A request puts its entry into a bounded buffer and goes on. One thread writes the buffer to the
spool file within a tenth of a second and syncs it within one: a killed process loses at most the
former, a loss of power at most the latter. When the disk does not keep up, entries are given up and
counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
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
    write_every_s: float = 0.1
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
        self._described: set[LoggedVersion] = set()
        self._unsynced_since: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="tenure-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

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
        if self._thread.is_alive():
            self._thread.join()
        self.flush()
        if self._file is not None:
            self._end_file()
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
                if self._is_sync_due():
                    self._sync()
                self._end_if_due()
            except OSError as error:
                self._note(error)
                self._stop.wait(self.limits.retry_s)

    def _write(self) -> None:
        # In pieces: whoever answers requests meanwhile shall not wait for a thousand lines.
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

    def _is_sync_due(self) -> bool:
        since = self._unsynced_since
        due_s = self.limits.sync_every_s - self.limits.write_every_s
        return since is not None and time.monotonic() - since >= due_s

    def _sync(self) -> None:
        if self._file is not None and self._unsynced_since is not None:
            self._file.sync()
            self._unsynced_since = None

    def _end_if_due(self) -> None:
        file = self._file
        if file is None:
            return
        age_s = time.monotonic() - file.began_at
        if file.size >= self.limits.file_bytes or age_s >= self.limits.file_age_s:
            self._sync()
            self._end_file()

    def _end_file(self) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None

    def _note(self, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        if self.trouble != reason:
            _log.error("the prediction log cannot be written: %s", reason)
        self.trouble = reason
