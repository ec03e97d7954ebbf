"""Where outside the workspace is the ledger's head kept, so that an old copy of all is noticed?

`anchor: URL` of config/settings.yaml names a folder, on another disk or in a bucket; each workspace
has one small file in it, written whole after each commit. A witness that cannot be reached delays
nobody for long and is caught up by a later writer; a ledger that lacks what the witness saw is not
written on. Remote calls never happen under the ledger's write lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tenure.errors import BadSetting, WitnessUnreachable
from tenure.registry.anchor import parse_line, spell_line
from tenure.registry.chain import Head

log = logging.getLogger(__name__)

PATIENCE_S = 3.0
"""How long a writer waits for the witness, once; a commit that stands is not delayed further."""

RETRY_S = 30.0
"""For how long a process leaves a witness alone that could not be reached."""


def witness_name(root: Path) -> str:
    """Return the name of a workspace's file: its folder's name and a digest of the whole path."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", root.name) or "workspace"
    return f"{plain}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}.head"


class Witness:
    """One workspace's file in a folder or under an fsspec URL.

    Args:
        url: the folder that `anchor:` names, absolute or a URL.
        name: of the file in it.
        lock: a local file on which writers of this machine take turns, so that none puts an older
            head over a newer one.

    Raises:
        BadSetting: no filesystem is known for the URL.
    """

    def __init__(self, url: str, name: str, lock: Path) -> None:
        import fsspec

        try:
            self._files, folder = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise BadSetting(
                file="config/settings.yaml",
                key="anchor",
                got=url,
                wanted=f"a folder or a URL that fsspec opens ({error})",
            ) from None
        self.url, self.name, self.lock = url, name, lock
        self.where = f"{folder.rstrip('/')}/{name}"
        self.known: Head | None = None
        self.patience_s = PATIENCE_S
        self._quiet_until = 0.0
        self._asking: threading.Thread | None = None

    def after_fork(self) -> Witness:
        """Return the same witness with connections of its own."""
        return Witness(self.url, self.name, self.lock)

    def read(self) -> Head | None:
        """Return the head that the witness saw, None if it never saw one.

        Raises:
            WitnessUnreachable: it could not be asked in time, or holds no head.
        """
        self.known = self._in_time(self._read)
        return self.known

    def bring_up(self, head: Head) -> None:
        """Write `head` unless a newer one is there; durable when it returns.

        Raises:
            WitnessUnreachable: it could not be written in time.
        """
        self.known = self._in_time(lambda: self._bring_up(head))

    def reset(self, head: Head) -> None:
        """Write `head` whatever is there; for a restored backup only.

        Raises:
            WitnessUnreachable: it could not be written in time.
        """
        self._in_time(lambda: self._write(head))
        self.known = head

    @property
    def is_quiet(self) -> bool:
        """Whether it failed so lately that it is left alone."""
        return time.monotonic() < self._quiet_until

    def _in_time(self, call: Callable[[], Any]) -> Any:
        """Carry out a call in a thread that nobody waits for longer than the patience."""
        if self._asking is not None and self._asking.is_alive():
            raise self._unreachable("an earlier call has not come back")
        answer: list[Any] = []

        def ask() -> None:
            try:
                answer.append((call(), None))
            except Exception as error:  # noqa: BLE001  any filesystem's own error
                answer.append((None, error))

        self._asking = threading.Thread(target=ask, name="witness", daemon=True)
        self._asking.start()
        self._asking.join(self.patience_s)
        if not answer:
            raise self._unreachable(f"no answer within {self.patience_s:g} s")
        value, error = answer[0]
        if error is not None:
            raise self._unreachable(f"{type(error).__name__}: {error}")
        return value

    def _unreachable(self, detail: str) -> WitnessUnreachable:
        self._quiet_until = time.monotonic() + RETRY_S
        return WitnessUnreachable(where=self.where, detail=detail)

    def _read(self) -> Head | None:
        try:
            data = self._files.cat_file(self.where)
        except FileNotFoundError:
            return None
        head = parse_line(data)
        if head is None:
            raise ValueError("it holds something that is no head")
        return head

    def _bring_up(self, head: Head) -> Head:
        with self._turn():
            found = self._read()
            if found is not None and found.seq >= head.seq:
                return found
            self._write(head)
            return head

    def _write(self, head: Head) -> None:
        line = spell_line(head)
        folder = self.where.rpartition("/")[0]
        if not self._is_local:
            self._files.makedirs(folder, exist_ok=True)
            self._files.pipe_file(self.where, line)
            return
        os.makedirs(folder, exist_ok=True)
        fresh = f"{self.where}.{os.getpid()}.fresh"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(fresh, self.where)

    @property
    def _is_local(self) -> bool:
        protocol = self._files.protocol
        return "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
