"""How do the numbers of several server processes become one answer?

Each process puts its numbers into a file of its own in the spool, every second. Whoever answers
adds up what is there. What a process that is gone had counted stays in the sum: a counter that
shrank would look like a restart of everything.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import orjson
import psutil

from tenure.serving.metrics import Metrics, added
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

_PAST = "past-metrics.json"


class MetricsFile:
    """This process's numbers in the spool; the file stays until it was added to the past."""

    def __init__(self, workspace: Workspace, metrics: Metrics) -> None:
        self._metrics = metrics
        self._started = psutil.Process().create_time()
        self.file = workspace.spool / f"metrics-{os.getpid()}-{int(self._started * 1000)}.json"

    def write(self) -> None:
        """Replace the file; a full disk is no reason to stop serving."""
        said = {"pid": os.getpid(), "started": self._started, "counted": self._metrics.snapshot()}
        fresh = self.file.with_suffix(".fresh")
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_bytes(orjson.dumps(said))
            os.replace(fresh, self.file)
        except OSError as error:
            _log.error("the file of metrics cannot be written: %s", error.strerror)


def counted(workspace: Workspace) -> dict[str, Any]:
    """Return what all processes counted, those that are gone among them; changes nothing."""
    while True:
        before = _past_bytes(workspace)
        found = _counted(workspace, before)
        # A file that was added to the past meanwhile would be in neither.
        if _past_bytes(workspace) == before:
            return found


def _counted(workspace: Workspace, so_far: bytes) -> dict[str, Any]:
    past, known = _past(so_far)
    found = [past] if past else []
    for file in sorted(workspace.spool.glob("metrics-*.json")):
        said = None if file.name in known else _read(file)
        if said is not None:
            found.append(said["counted"] if _lives(said) else _ended(said["counted"]))
    return added(found)


def fold(workspace: Workspace) -> None:
    """Add the numbers of processes that are gone to the past, once each; for one process only."""
    past, known = _past(_past_bytes(workspace))
    gone = []
    for file in sorted(workspace.spool.glob("metrics-*.json")):
        said = _read(file)
        if said is not None and not _lives(said):
            gone.append((file, said["counted"]))
    fresh = [counts for file, counts in gone if file.name not in known]
    if fresh or known - {file.name for file, _ in gone}:
        total = added([*([past] if past else []), *map(_ended, fresh)])
        # Their names stand beside the sum: whoever is killed here adds none of them twice.
        _write_past(workspace, total, sorted(file.name for file, _ in gone))
    for file, _ in gone:
        file.unlink(missing_ok=True)


def forget(workspace: Workspace) -> None:
    """Begin anew, as a server that starts does: no number of an earlier one counts."""
    fold(workspace)
    workspace.spool.joinpath(_PAST).unlink(missing_ok=True)


def _ended(counts: dict[str, Any]) -> dict[str, Any]:
    return counts | {"in_flight": 0}


def _past_bytes(workspace: Workspace) -> bytes:
    try:
        return workspace.spool.joinpath(_PAST).read_bytes()
    except OSError:
        return b""


def _past(said: bytes) -> tuple[dict[str, Any] | None, set[str]]:
    try:
        read = orjson.loads(said)
        return read["counted"], set(read["of"])
    except (ValueError, KeyError):
        return None, set()


def _write_past(workspace: Workspace, total: dict[str, Any], names: list[str]) -> None:
    file = workspace.spool / _PAST
    fresh = file.with_suffix(".fresh")
    fresh.write_bytes(orjson.dumps({"counted": total, "of": names}))
    os.replace(fresh, file)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        said = orjson.loads(file.read_bytes())
        return said if {"pid", "started", "counted"} <= said.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _lives(said: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(said["pid"])
        is_same = abs(process.create_time() - said["started"]) < 1.0
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
