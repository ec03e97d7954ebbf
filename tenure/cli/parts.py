"""How is one part of a running Tenure started, recognised again, and stopped?

A part is a process in a session of its own whose output goes to a file. It is known by its pid and
its start time, so that a pid which was given to somebody else is never signalled.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HOST = "127.0.0.1"
LOG_BYTES = 20_000_000
LOGS_KEPT = 3
GRACE_S = 15.0
FLOW_GRACE_S = 30.0
ENGINE = "prefect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is to be started: command, environment, and how one sees that it is ready."""

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    folder: Path
    log: Path
    is_ready: Callable[[int], bool]
    """Takes the size that the log had when the part was started."""
    port: int | None = None
    """Where it listens; it is ready only when this very process does, not somebody else's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process that was started: pid and start time (seconds since 1970)."""

    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """Return the process, None if it is gone or the pid is somebody else's now."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) > 0.05:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None


def running(pid: int) -> Running:
    """Return how a process will be recognised."""
    return Running(pid=pid, started=psutil.Process(pid).create_time())


def launch(part: Part) -> subprocess.Popen[bytes]:
    """Start a part in a session of its own; its output is appended to its log."""
    part.log.parent.mkdir(parents=True, exist_ok=True)
    with part.log.open("ab") as log:
        return subprocess.Popen(
            part.command,
            cwd=part.folder,
            env=part.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def rotate(log: Path, limit: int = LOG_BYTES) -> None:
    """Move a log that grew too large aside; its writer appends, so it goes on at the new start."""
    if not log.exists() or log.stat().st_size <= limit:
        return
    for number in range(LOGS_KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def free_port(wanted: int) -> int:
    """Return the wanted port if nobody listens there, else a free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise AssertionError("the system gives any free port")


def listens(running: Running, port: int) -> bool:
    """Say whether a process, or a child of it, listens on a port of this machine."""
    process = running.process()
    family = [process, *_children(process)] if process else []
    return any(
        found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port
        for each in family
        for found in _connections(each)
    )


def _connections(process: psutil.Process) -> list[Any]:
    try:
        return process.net_connections("tcp")
    except psutil.Error:
        return []


def answers(url: str) -> bool:
    """Say whether an address answers 200."""
    import httpx

    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def end(processes: Sequence[psutil.Process], grace_s: float) -> None:
    """Ask processes to stop, wait, and kill those that do not."""
    for process in processes:
        _signal(process, "terminate")
    _, left = psutil.wait_procs(processes, timeout=grace_s)
    for process in left:
        _signal(process, "kill")
    psutil.wait_procs(left, timeout=5)


def end_runner(runner: psutil.Process) -> None:
    """Stop a served process: its flows first, while it lives to report them, then itself.

    A runner that is told to stop leaves its flows `Running` for ever.
    """
    family = runner.children(recursive=True)
    end([one for one in family if is_flow(one)], FLOW_GRACE_S)
    # The runner has to see that they ended, and say so to the server.
    until = time.monotonic() + GRACE_S
    while any(is_flow(one) for one in _children(runner)) and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(1.0 if family else 0.0)
    end([runner], GRACE_S)
    end([one for one in family if one.is_running()], 1.0)


def is_flow(process: psutil.Process) -> bool:
    """Say whether a process carries out a run."""
    try:
        line: list[str] = process.cmdline()
    except psutil.Error:
        return False
    return any("prefect.engine" in word or "prefect.flow_engine" in word for word in line)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, how: str) -> Any:
    try:
        return getattr(process, how)()
    except psutil.NoSuchProcess:
        return None
