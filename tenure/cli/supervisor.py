"""What keeps the parts of a running Tenure alive, and in which order do they start and stop?

`python -m tenure.cli.supervisor` is what `tenure up --detach` leaves behind; `tenure up` runs the
same loop in the foreground. What a killed supervisor left is taken over if it still works. A port
that somebody else took between its choice and its use is replaced; a workspace has one supervisor.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from tenure.cli import parts
from tenure.cli.layout import ENDPOINT, SERVER, Layout, lay_out, order_of_stopping
from tenure.cli.parts import Part, Running
from tenure.cli.prefect import UpState, read_up, write_up
from tenure.errors import PartDied
from tenure.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)

READY_S = 120.0
LOOK_S = 0.5
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
STEADY_S = 60.0
TAIL_LINES = 15
FAILED = "did not come up: "
PORT_TRIES = 5
IN_USE = "already in use"
"""What the system says of such a port (EADDRINUSE), and so the logs of servers."""
UP_ALREADY = 6
"""Exit code of a supervisor that found another at work."""

Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Kept:
    """A part as the supervisor sees it: its process, and how long to wait before a restart."""

    part: Part
    running: Running
    since: float = field(default_factory=time.monotonic)
    wait_s: float = FIRST_WAIT_S
    again_at: float | None = None


class Supervisor:
    """Starts the parts of one workspace, restarts what ends, and stops them all in order."""

    def __init__(self, workspace: Workspace, say: Say) -> None:
        self.workspace, self.say = workspace, say
        self.stop = threading.Event()
        self.kept: dict[str, Kept] = {}
        self.state = UpState()
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> UpState:
        """Start everything, or take over what works, and return when all is ready.

        Raises:
            PartDied: a part did not come up; everything was stopped again.
        """
        before = read_up(self.workspace)
        plan = lay_out(self.workspace, before)
        self._take_over(plan, before)
        try:
            tries = PORT_TRIES
            while lost := self._bring_up(plan):
                tries -= 1
                if not tries:
                    raise died(lost.name, lost.log)
                plan = self._plan_again(lost)
        except BaseException:
            self.end()
            raise
        self.state = replace(self.state, is_ready=True)
        self._write()
        return self.state

    def _bring_up(self, plan: Layout) -> Part | None:
        """Start what does not run yet; return a part whose port somebody else has, None if all run.

        Raises:
            PartDied: a part did not come up for another reason.
        """
        self.state = UpState(
            addresses=plan.addresses, supervisor=parts.running(_own_pid()), notes=plan.notes
        )
        for note in plan.notes:
            self.say(note)
        # All at once: those that need the server wait for it themselves, imports done.
        fresh = [part for part in plan.parts if part.name not in self.kept]
        begun = {part.name: self._begin(part) for part in fresh}
        for part in fresh:
            try:
                self._await(part, begun[part.name])
            except PartDied:
                if self.stop.is_set() or not self._lost_its_port(part, begun[part.name]):
                    raise
                return part
            self.say(f"{part.name} is ready")
        return None

    def _lost_its_port(self, part: Part, size: int) -> bool:
        # Who took it may have let go of it again, so what the part wrote counts as well.
        if part.port is None or parts.listens(self.kept[part.name].running, part.port):
            return False
        return parts.free_port(part.port) != part.port or IN_USE in _said_since(part.log, size)

    def _plan_again(self, lost: Part) -> Layout:
        """Lay out again around a port that was lost; without its server everything starts anew."""
        self.say(f"somebody else took port {lost.port} before {lost.name} could listen there")
        going = [lost.name] if lost.name == ENDPOINT else list(self.kept)
        stop_parts({name: self.kept.pop(name).running for name in going}, self.say)
        running = {name: kept.running for name, kept in self.kept.items()}
        return lay_out(self.workspace, replace(self.state, parts=running))

    def watch(self) -> None:
        """Restart parts that end, until `stop` is set; then stop them all."""
        try:
            while not self.stop.wait(LOOK_S):
                for kept in self.kept.values():
                    self._look_after(kept)
        finally:
            self.end()

    def end(self) -> None:
        """Stop all parts: flows, then what carries them out, then the server."""
        stop_parts({name: kept.running for name, kept in self.kept.items()}, self.say)
        self.workspace.up_file.unlink(missing_ok=True)
        for child in self._children:
            child.poll()  # its end was awaited; this lets go of it

    def _launch(self, part: Part) -> Running:
        self._children = [child for child in self._children if child.poll() is None]
        started = parts.launch(part)
        self._children.append(started)
        return parts.running(started.pid)

    def _take_over(self, plan: Layout, before: UpState | None) -> None:
        """Keep what still works of what an earlier supervisor started; stop the rest."""
        if before is None:
            return
        stale = dict(before.parts)
        has_moved = before.addresses.get("api") != plan.addresses["api"]
        for part in plan.parts:
            running = before.parts.get(part.name)
            if has_moved or running is None or running.process() is None:
                continue
            if self._is_ready(part, running, 0):
                self.kept[part.name] = Kept(part=part, running=running)
                del stale[part.name]
                self.say(f"{part.name} still works and is kept")
        stop_parts(stale, self.say)

    def _begin(self, part: Part) -> int:
        size = part.log.stat().st_size if part.log.exists() else 0
        self.kept[part.name] = Kept(part=part, running=self._launch(part))
        self._write()
        return size

    def _await(self, part: Part, size: int) -> None:
        until = time.monotonic() + READY_S
        running = self.kept[part.name].running
        while not self._is_ready(part, running, size):
            dead = running.process() is None
            if dead or time.monotonic() > until or self.stop.is_set():
                raise died(part.name, part.log)
            time.sleep(0.1)

    def _is_ready(self, part: Part, running: Running, size: int) -> bool:
        # Another workspace's server may answer where this one's wanted to listen.
        if part.port is not None and not parts.listens(running, part.port):
            return False
        return part.is_ready(size)

    def _look_after(self, kept: Kept) -> None:
        parts.rotate(kept.part.log)
        now = time.monotonic()
        if kept.running.process() is not None:
            if now - kept.since > STEADY_S:
                kept.wait_s = FIRST_WAIT_S
            return
        if kept.again_at is None:
            kept.again_at = now + kept.wait_s
            self.say(f"{kept.part.name} ended; it is started again in {kept.wait_s:.0f} s")
        elif now >= kept.again_at:
            kept.running = self._launch(kept.part)
            kept.since, kept.again_at = now, None
            kept.wait_s = min(kept.wait_s * 2, LONGEST_WAIT_S)
            self._write()

    def _write(self) -> None:
        running = {name: kept.running for name, kept in self.kept.items()}
        self.state = replace(self.state, parts=running)
        write_up(self.state, self.workspace)


def stop_parts(running: dict[str, Running], say: Say) -> None:
    """Stop processes by pid and start time: flows and their runners first, the server last."""
    for name in order_of_stopping(running):
        process = running[name].process()
        if process is None:
            continue
        if name == SERVER:
            parts.end([process], parts.GRACE_S)
        else:
            parts.end_runner(process)
        say(f"{name} is stopped")


def died(part: str, file: Path) -> PartDied:
    """Return the error that says so and shows the end of the part's log."""
    return PartDied(part=part, log=str(file), tail=tail(file, TAIL_LINES))


def tail(file: Path, lines: int) -> str:
    """Return the last lines of a log, as far as its last 64 kB hold them."""
    if not file.exists():
        return ""
    with file.open("rb") as log_file:
        log_file.seek(0, 2)
        log_file.seek(max(0, log_file.tell() - 65_536))
        text = log_file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def _said_since(file: Path, size: int) -> str:
    with file.open("rb") as log_file:
        log_file.seek(size)
        return log_file.read().decode(errors="replace")


def _own_pid() -> int:
    return psutil.Process().pid


@contextmanager
def only_one(workspace: Workspace) -> Iterator[bool]:
    """Hold the workspace's lock on being up; yield False while another process holds it."""
    workspace.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(workspace.state / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def supervise(workspace: Workspace, say: Say) -> bool:
    """Start everything and keep it up until this process is told to stop.

    Returns:
        False at once where another process keeps it up.
    """
    with only_one(workspace) as is_alone:
        if not is_alone:
            return False
        supervisor = Supervisor(workspace, say)
        for wanted in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wanted, lambda *_: supervisor.stop.set())
        state = supervisor.start()
        for name, address in state.addresses.items():
            say(f"{name}: {address}")
        supervisor.watch()
    return True


def main() -> int:
    """Supervise in the background: what is said goes to the log."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s | %(message)s", stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        if not supervise(open_workspace(), log.info):
            log.info("another supervisor keeps this workspace up")
            return UP_ALREADY
    except PartDied as error:
        log.error("%s%s", FAILED, error.facts["part"])
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
