"""Which server process serves which version, as others may read it?

Each process keeps one small file in the spool and replaces it whole; on a full disk it writes over
it, and a sum tells whoever reads meanwhile. `deploy` waits on these until every living process that
takes requests serves the new epoch. A file of a process that is gone counts for nothing.
"""

from __future__ import annotations

import errno
import mmap
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psutil

from tenure.records import Slot
from tenure.workspace import Workspace

BEAT_S = 2.0
_ROOM = 4096
"""Bytes that a file may grow by when it can only be written over."""
_SUM = b',"sum":'
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """One model as a process serves it."""

    version: int
    epoch: int
    slot: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """What one server process says of itself.

    Attributes:
        started: the process's start time (seconds since 1970), which tells a reused pid.
        serving: by model.
        obstacles: by model, `{"version", "epoch", "reason"}` of what could not be loaded.
        reasons: in sentences, what is not as it should be.
        dropped: log entries that were given up because the disk did not keep up.
        vacant: by model whose slot is vacant, the epoch at which it was left so.
        held: by model, versions that have left and that requests in flight still hold.
        freed: by model, the version that left memory last: `{"version", "bytes", "at"}`.
        asked_gone: by model and version, how often a retired version was asked for.
        beside: by model and slot, `{"version", "epoch"}` of challengers and shadows in memory.
        obstacles_beside: `{"model", "slot", "version", "epoch", "reason"}` of those that are not.
        tallies: `{"model", "slot", "version", "epoch", "answered", "failed"}` since the start, in
            requests.
        shadowed: requests that shadows were asked (`mirrored`), that were `dropped` as the queue
            was full, and that were `unfit` as a shadow takes other columns.
        loaded: by model and slot, the newest epoch whose version was loaded, or could not be.
        is_starting: whether it takes no requests yet; it will not before it serves what the ledger
            names by then.
    """

    pid: int
    started: float
    address: str
    at: str
    is_ready: bool
    is_draining: bool
    serving: dict[str, ServedModel] = field(default_factory=dict)
    obstacles: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    dropped: int = 0
    vacant: dict[str, int] = field(default_factory=dict)
    held: dict[str, list[int]] = field(default_factory=dict)
    freed: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked_gone: dict[str, dict[str, int]] = field(default_factory=dict)
    beside: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    obstacles_beside: list[dict[str, Any]] = field(default_factory=list)
    tallies: list[dict[str, Any]] = field(default_factory=list)
    shadowed: dict[str, int] = field(default_factory=dict)
    loaded: dict[str, int] = field(default_factory=dict)
    is_starting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """How far the living server processes have followed a slot.

    Attributes:
        processes: living server processes that take requests; those that are starting, if there is
            no other.
        serving: those of them that serve the epoch, or a later one, or leave it vacant as told.
        refused: what the others say stands in the way.
    """

    model: str
    epoch: int
    processes: int
    serving: int
    refused: tuple[str, ...]
    waited_s: float

    @property
    def is_complete(self) -> bool:
        """Whether every living process serves the epoch; also true if there is none."""
        return self.serving == self.processes


class StatusFile:
    """This process's own file in the spool."""

    def __init__(self, workspace: Workspace) -> None:
        self._folder = workspace.spool
        self.pid = os.getpid()
        self.started = psutil.Process().create_time()
        self.file = self._folder / f"status-{self.pid}.json"

    def write(self, status: ServerStatus) -> None:
        """Replace the file; readers see the old or the new one, whole.

        Raises:
            OSError: nothing can be written, not even where this file is.
        """
        said = orjson.dumps(asdict(status))[:-1]
        data = b"%b%b%d}" % (said, _SUM, zlib.crc32(said))
        fresh = self.file.with_suffix(".fresh")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_bytes(data + b" " * (len(data) // 2 + _ROOM))
            os.replace(fresh, self.file)
        except OSError as full:
            if not self._write_over(data):
                raise full

    def _write_over(self, data: bytes) -> bool:
        # The blocks are there: who waits for this process learns of it though the disk is full.
        try:
            with open(self.file, "r+b", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                if len(data) > size:
                    return False
                whole = data.ljust(size)
                try:
                    return os.pwrite(file.fileno(), whole, 0) == size
                except OSError as error:
                    if error.errno != errno.EFBIG:
                        return False
                with mmap.mmap(file.fileno(), size) as there:  # no limit on files counts here
                    there[:] = whole
                return True
        except OSError:
            return False

    def remove(self) -> None:
        """Take the file away when the process ends."""
        self.file.unlink(missing_ok=True)


def read_statuses(workspace: Workspace) -> list[ServerStatus]:
    """Return what the living server processes say, by pid."""
    found = (_read(file) for file in sorted(workspace.spool.glob("status-*.json")))
    return [status for status in found if status is not None and _lives(status)]


def remove_stale(workspace: Workspace) -> None:
    """Take away the files of processes that are gone."""
    for file in workspace.spool.glob("status-*.json"):
        status = _read(file)
        if status is None or not _lives(status):
            file.unlink(missing_ok=True)


def is_stopped(status: ServerStatus) -> bool:
    """Return whether a process was paused from outside: it answers nobody until it is let on."""
    try:
        paused = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
        return psutil.Process(status.pid).status() in paused
    except psutil.Error:
        return False


def wait_until_serving(
    model: str,
    epoch: int,
    workspace: Workspace,
    timeout_s: float = 30.0,
    *,
    slot: Slot = Slot.CHAMPION,
    every_s: float = 0.05,
    clock: Callable[[], float] = time.monotonic,
) -> Acknowledgement:
    """Wait until every living prediction server serves an epoch of a slot, or a later one.

    Ends early where no server lives (nothing is to be waited for) and where each process that does
    not serve it has said why it cannot. One that is starting is waited for only if no other takes
    requests: it takes none before it serves this epoch or a later one. Never raises: the slot has
    moved already, and the answer says who followed.
    """
    began = clock()
    while True:
        found = _acknowledged(model, slot, epoch, workspace, clock() - began)
        stuck = found.serving + len(found.refused) >= found.processes
        if found.is_complete or stuck or found.waited_s >= timeout_s:
            return found
        time.sleep(every_s)


def _acknowledged(
    model: str, slot: Slot, epoch: int, workspace: Workspace, waited_s: float
) -> Acknowledgement:
    living = [each for each in read_statuses(workspace) if not each.is_draining]
    statuses = [each for each in living if not each.is_starting] or living
    serving = 0
    refused = []
    for status in statuses:
        if serves(status, model, slot) >= epoch:
            serving += 1
            continue
        obstacle = _obstacle(status, model, slot)
        if obstacle is not None and obstacle["epoch"] >= epoch:
            refused.append(f"Process {status.pid}: {obstacle['reason']}")
    return Acknowledgement(
        model=model,
        epoch=epoch,
        processes=len(statuses),
        serving=serving,
        refused=tuple(refused),
        waited_s=waited_s,
    )


def serves(status: ServerStatus, model: str, slot: Slot) -> int:
    """Return at which epoch a process serves a slot, 0 if it does not."""
    if slot is Slot.CHAMPION:
        served = status.serving.get(model)
        return max(served.epoch if served else 0, status.vacant.get(model, 0))
    return status.beside.get(model, {}).get(slot.value, {}).get("epoch", 0)


def _obstacle(status: ServerStatus, model: str, slot: Slot) -> dict[str, Any] | None:
    if slot is Slot.CHAMPION:
        return status.obstacles.get(model)
    there = (e for e in status.obstacles_beside if (e["model"], e["slot"]) == (model, slot.value))
    return next(there, None)


def now_text() -> str:
    """Return the real time as statuses spell it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _read(file: Path) -> ServerStatus | None:
    for _ in range(_TRIES):
        try:
            return _parsed(file.read_bytes())
        except OSError:
            return None
        except (ValueError, TypeError, KeyError):
            continue  # it may be written over at this moment
    return None


def _parsed(text: bytes) -> ServerStatus:
    said = orjson.loads(text)
    if said.pop("sum") != zlib.crc32(text.rpartition(_SUM)[0]):
        raise ValueError
    said["serving"] = {name: ServedModel(**each) for name, each in said["serving"].items()}
    return ServerStatus(**said)


def _lives(status: ServerStatus) -> bool:
    try:
        process = psutil.Process(status.pid)
        return (
            abs(process.create_time() - status.started) < 1.0
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False
