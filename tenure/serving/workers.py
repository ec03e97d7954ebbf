"""How do several server processes answer at one address, and what if one of them dies?

One process listens to nobody: it holds the port, starts the workers, starts a dead one again, and
hands a signal on. Each worker listens on the same port for itself (SO_REUSEPORT); the kernel deals
connections out. Nothing is forked: a worker is a fresh Python, whatever threads there are here.
"""

from __future__ import annotations

import ctypes
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenure.serving.access import Access, check_bind
from tenure.serving.admin import admin_of
from tenure.serving.limits import Limits
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenure.serving.operating import Options

_log = logging.getLogger(__name__)

_STEADY_S = 10.0
_PAUSE_MOST_S = 10.0
_PARENT_DEATH = 1  # PR_SET_PDEATHSIG


@dataclass(slots=True)
class _Worker:
    """One place for a worker: its process, and how it did."""

    process: subprocess.Popen[bytes]
    began_at: float
    failures: int = 0
    again_at: float | None = None


class Workers:
    """Keeps a number of server processes running.

    Args:
        workspace: what is to be served.
        host: the address to listen on.
        port: 0 takes a free one.
        count: how many processes.
        allow_hosts: further names that requests may be for.
        options: how each is run.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(
        self,
        workspace: Workspace,
        host: str,
        port: int,
        count: int,
        *,
        allow_hosts: Iterable[str] = (),
        options: Options,
    ) -> None:
        self._workspace, self._options = workspace, options
        self._host, self._count, self._allow_hosts = host, count, list(allow_hosts)
        # Bound, but listening to nobody: the port stays ours while workers come and go.
        with listen(host, port) as alone:  # nobody else may be bound to it already
            port = alone.getsockname()[1]
        self._held = listen(host, port, is_shared=True)
        self.port = self._held.getsockname()[1]
        self._places: list[_Worker] = []
        self._is_stopping = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return the exit code.

        Raises:
            OpenToAll: others reach the address, and nobody needs a key.
            KeyFileBroken: the file of keys cannot be used.
        """
        check_bind(self._host, Access(self._workspace), is_open=self._options.is_open)
        with (
            _woken() as wake,
            admin_of(self._workspace, self._options, self._allow_hosts),
            self._held,
        ):
            _log.info("%s workers at %s:%s", self._count, self._host, self.port)
            self._places = [self._start() for _ in range(self._count)]
            code = self._watch(wake)
            self._stop(wake)
        return code

    def _start(self) -> _Worker:
        private = replace(self._options, admin_port=None)
        hosts = [word for name in self._allow_hosts for word in ("--allow-host", name)]
        command = [sys.executable, "-m", "tenure.serving", "--workspace", str(self._workspace.root)]
        command += ["--host", self._host, "--port", str(self.port), "--worker-of", str(os.getpid())]
        process = subprocess.Popen([*command, *hosts, *private.arguments()])  # noqa: S603
        return _Worker(process, time.monotonic())

    def _watch(self, wake: socket.socket) -> int:
        has_served = False
        while not self._is_stopping:
            now = time.monotonic()
            for place, worker in enumerate(self._places):
                code = worker.process.poll()
                if code is None:
                    has_served = has_served or now - worker.began_at > _STEADY_S
                elif code > 0 and not has_served:
                    return code  # it said why it cannot start; the others cannot either
                elif worker.again_at is None:
                    self._plan(worker, code, now)
                elif now >= worker.again_at:
                    failures = worker.failures
                    self._places[place] = replace(self._start(), failures=failures)
            self._wait(wake, self._pause(now))
        return 0

    def _plan(self, worker: _Worker, code: int, now: float) -> None:
        was_steady = now - worker.began_at > _STEADY_S
        worker.failures = 0 if was_steady else worker.failures + 1
        pause_s = 0.0 if worker.failures < 2 else min(0.25 * 2**worker.failures, _PAUSE_MOST_S)
        worker.again_at = now + pause_s
        _log.error("worker %s ended (%s) and is started again", worker.process.pid, code)

    def _pause(self, now: float) -> float:
        due = [each.again_at - now for each in self._places if each.again_at is not None]
        return max(0.0, min([1.0, *due]))

    def _wait(self, wake: socket.socket, pause_s: float) -> None:
        if not select.select([wake], [], [], pause_s)[0]:
            return
        with suppress(BlockingIOError):
            told = wake.recv(4096)
            self._is_stopping |= signal.SIGTERM in told or signal.SIGINT in told

    def _stop(self, wake: socket.socket) -> None:
        limits = Limits()
        left = [each.process for each in self._places if each.process.poll() is None]
        for process in left:
            process.terminate()
        until = time.monotonic() + limits.drain_s + limits.header_timeout_s + limits.stop_s + 5
        while left and time.monotonic() < until:
            self._wait(wake, 0.2)
            left = [each for each in left if each.poll() is None]
        for process in left:
            _log.error("worker %s did not stop and is killed", process.pid)
            process.kill()
            process.wait()


def listen(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """Return a socket that is bound to an address.

    Args:
        host: the address.
        port: 0 takes a free one.
        is_shared: whether other processes of this user may be bound to it as well.

    Raises:
        OSError: the address is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(False)
    return listener


def end_with(parent: int) -> None:
    """Let this process be told to stop when the one that started it dies."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _woken(
    signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD),
) -> Iterator[socket.socket]:
    """Give a socket that tells the numbers of signals as they come."""
    told, teller = socket.socketpair()
    for each in (told, teller):
        each.setblocking(False)
    before = {each: signal.signal(each, lambda *_: None) for each in signals}
    old = signal.set_wakeup_fd(teller.fileno())
    try:
        yield told
    finally:
        signal.set_wakeup_fd(old)
        for each, handler in before.items():
            signal.signal(each, handler)
        told.close()
        teller.close()
