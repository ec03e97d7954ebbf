"""How do several server processes answer at one address, and what if one of them dies?

One process listens to nobody: it holds the port, forks the workers, forks another for a dead one,
and hands a signal on. It has imported everything and has one thread only, so that a worker begins
in a tenth of a second, with nothing in it of those before. Each worker listens on the same port for
itself (SO_REUSEPORT); the kernel deals connections out. The admin address is answered by a process
of its own.
"""

from __future__ import annotations

import gc
import logging
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenure.registry import golden
from tenure.serving.access import Access, check_bind
from tenure.serving.admin import make_admin
from tenure.serving.forks import Forked, begin, woken
from tenure.serving.limits import Limits
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.serving.operating import Options

_log = logging.getLogger(__name__)

_STEADY_S = 10.0
_PAUSE_MOST_S = 10.0
_ENDS = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class _Place:
    """One place for a process: what it does, who does it now, and how that went."""

    name: str
    work: Callable[[], int]
    process: Forked
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
        serve: what each of them does: serves at a port until SIGTERM, and returns the exit code.
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
        serve: Callable[[int], int],
        allow_hosts: Iterable[str] = (),
        options: Options,
    ) -> None:
        self._workspace, self._options = workspace, options
        self._host, self._count, self._allow_hosts = host, count, list(allow_hosts)
        # Bound, but listening to nobody: the port stays ours while workers come and go.
        with listen(host, port) as alone:  # nobody else may be bound to it already
            port = alone.getsockname()[1]
        self._held = listen(host, port, is_shared=True)
        self.port: int = self._held.getsockname()[1]
        self._serve = serve
        self._places: list[_Place] = []
        self._is_stopping = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return the exit code.

        Raises:
            OpenToAll: others reach the address, and nobody needs a key.
            KeyFileBroken: the file of keys cannot be used.
            OSError: the admin address cannot be listened on.
        """
        check_bind(self._host, Access(self._workspace), is_open=self._options.is_open)
        admin = make_admin(self._workspace, self._options, self._allow_hosts)
        golden.import_all()
        gc.collect()
        gc.freeze()  # what is never looked through again stays one copy for all
        with woken() as wake, self._held:
            _log.info("%s workers at %s:%s", self._count, self._host, self.port)
            if admin is not None:
                admin.open()
                self._places.append(_begin("tenure-admin", admin.serve))
            for _ in range(self._count):
                self._places.append(_begin("tenure-worker", self._work))
            code = self._watch(wake)
            self._stop(wake)
        if admin is not None:
            admin.close()
        return code

    def _work(self) -> int:
        self._held.close()
        return self._serve(self.port)

    def _watch(self, wake: socket.socket) -> int:
        has_served = False
        while not self._is_stopping:
            now = time.monotonic()
            for number, place in enumerate(self._places):
                code = place.process.exitcode
                if code is None:
                    has_served = has_served or now - place.began_at > _STEADY_S
                elif code > 0 and not has_served:
                    return code  # it said why it cannot start; the others cannot either
                elif place.again_at is None:
                    self._plan(place, code, now)
                elif now >= place.again_at:
                    self._places[number] = _begin(place.name, place.work, failures=place.failures)
            self._wait(wake, self._pause(now))
        return 0

    def _plan(self, place: _Place, code: int, now: float) -> None:
        was_steady = now - place.began_at > _STEADY_S
        place.failures = 0 if was_steady else place.failures + 1
        pause_s = 0.0 if place.failures < 2 else min(0.25 * 2**place.failures, _PAUSE_MOST_S)
        place.again_at = now + pause_s
        _log.error("%s %s ended (%s) and is started again", place.name, place.process.pid, code)

    def _pause(self, now: float) -> float:
        due = [each.again_at - now for each in self._places if each.again_at is not None]
        return max(0.0, min([1.0, *due]))

    def _wait(self, wake: socket.socket, pause_s: float) -> None:
        if not select.select([wake], [], [], pause_s)[0]:
            return
        with suppress(BlockingIOError):
            told = wake.recv(4096)
            self._is_stopping |= any(each in told for each in _ENDS)

    def _stop(self, wake: socket.socket) -> None:
        # Who can be asked about the others goes last.
        workers = [each for each in self._places if each.work == self._work]
        self._end([each.process for each in workers], wake)
        self._end([each.process for each in self._places], wake)

    def _end(self, processes: list[Forked], wake: socket.socket) -> None:
        limits = Limits()
        left = [each for each in processes if each.exitcode is None]
        for process in left:
            process.terminate()
        until = time.monotonic() + limits.drain_s + limits.header_timeout_s + limits.stop_s + 5
        while left and time.monotonic() < until:
            self._wait(wake, 0.2)
            left = [each for each in left if each.exitcode is None]
        for process in left:
            _log.error("process %s did not stop and is killed", process.pid)
            process.kill()
            process.join()


def _begin(name: str, work: Callable[[], int], *, failures: int = 0) -> _Place:
    return _Place(name, work, begin(name, work), time.monotonic(), failures)


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
