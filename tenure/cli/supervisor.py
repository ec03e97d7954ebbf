"""What keeps the parts of a running Tenure alive, and in which order do they start and stop?

`python -m tenure.cli.supervisor` is what `tenure up --detach` leaves behind; `tenure up` runs the
same loop in the foreground. What a killed supervisor left is taken over if it still works.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from tenure.cli import parts
from tenure.cli.layout import SERVER, lay_out, order_of_stopping
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

    def start(self) -> UpState:
        """Start everything, or take over what works, and return when all is ready.

        Raises:
            PartDied: a part did not come up; everything was stopped again.
        """
        before = read_up(self.workspace)
        plan = lay_out(self.workspace, before)
        found = self._take_over(plan.parts, before)
        self.state = UpState(
            addresses=plan.addresses, supervisor=parts.running(_own_pid()), notes=plan.notes
        )
        for note in plan.notes:
            self.say(note)
        try:
            # All at once: those that need the server wait for it themselves, imports done.
            fresh = [part for part in plan.parts if part.name not in found]
            begun = {part.name: self._begin(part) for part in fresh}
            for part in fresh:
                self._await(part, begun[part.name])
                self.say(f"{part.name} is ready")
        except BaseException:
            self.end()
            raise
        self.state = replace(self.state, is_ready=True)
        self._write()
        return self.state

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

    def _take_over(self, wanted: Sequence[Part], before: UpState | None) -> set[str]:
        """Keep what still works of what an earlier supervisor started; stop the rest."""
        if before is None:
            return set()
        stale = dict(before.parts)
        for part in wanted:
            running = before.parts.get(part.name)
            if running and running.process() and part.is_ready(0):
                self.kept[part.name] = Kept(part=part, running=running)
                del stale[part.name]
                self.say(f"{part.name} still works and is kept")
        stop_parts(stale, self.say)
        return set(self.kept)

    def _begin(self, part: Part) -> int:
        size = part.log.stat().st_size if part.log.exists() else 0
        started = parts.launch(part)
        self.kept[part.name] = Kept(part=part, running=parts.running(started.pid))
        self._write()
        return size

    def _await(self, part: Part, size: int) -> None:
        until = time.monotonic() + READY_S
        while not part.is_ready(size):
            dead = self.kept[part.name].running.process() is None
            if dead or time.monotonic() > until or self.stop.is_set():
                raise died(part.name, part.log)
            time.sleep(0.1)

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
            kept.running = parts.running(parts.launch(kept.part).pid)
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


def _own_pid() -> int:
    return psutil.Process().pid


def supervise(workspace: Workspace, say: Say) -> None:
    """Start everything and keep it up until this process is told to stop."""
    supervisor = Supervisor(workspace, say)
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: supervisor.stop.set())
    state = supervisor.start()
    for name, address in state.addresses.items():
        say(f"{name}: {address}")
    supervisor.watch()


def main() -> int:
    """Supervise in the background: what is said goes to the log."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s | %(message)s", stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        supervise(open_workspace(), log.info)
    except PartDied as error:
        log.error("%s%s", FAILED, error.facts["part"])
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
