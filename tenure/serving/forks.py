"""How is a process forked off one that has a single thread, and what must not come along?

A fork has its parent's handlers and wake-up socket: a signal that reached it before it has its own
would wake the parent. So signals wait until it does.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.context import ForkProcess as Forked

__all__ = ["Forked", "begin", "woken"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

_PARENT_DEATH, _NAME = 1, 15  # PR_SET_PDEATHSIG, PR_SET_NAME
_FORK = multiprocessing.get_context("fork")


def begin(name: str, work: Callable[[], int]) -> Forked:
    """Fork this process, which has one thread; what `work` returns is the fork's exit code.

    The fork is told to stop (SIGTERM) when this process dies.

    Args:
        name: what the fork is called where processes are listed; 15 characters at most.
        work: what it does.
    """
    made = _FORK.Process(target=_run, args=(name, work, os.getpid()), name=name)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        made.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    return made


def _run(name: str, work: Callable[[], int], parent: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _rename(name)
    _end_with(parent)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    sys.exit(work())


def _rename(name: str) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_NAME, name.encode(), 0, 0, 0)


def _end_with(parent: int) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def woken() -> Iterator[socket.socket]:
    """Give a socket that tells the numbers of signals as they come."""
    told, teller = socket.socketpair()
    for each in (told, teller):
        each.setblocking(False)
    before = {each: signal.signal(each, lambda *_: None) for each in _SIGNALS}
    old = signal.set_wakeup_fd(teller.fileno())
    try:
        yield told
    finally:
        signal.set_wakeup_fd(old)
        for each, handler in before.items():
            signal.signal(each, handler)
        told.close()
        teller.close()
