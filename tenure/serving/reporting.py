"""How does a server process let others know what it serves?

It replaces its status file after each change of what stands, and at least every few seconds.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tenure.predictions import PredictionLog
from tenure.predictions.status import (
    BEAT_S,
    ServedModel,
    ServerStatus,
    StatusFile,
    now_text,
    remove_stale,
)
from tenure.serving.agreeing import place_of
from tenure.serving.router import Router
from tenure.serving.shadowing import Mirror
from tenure.serving.standing import Standing
from tenure.serving.tallying import Tally
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.records import Assignment

_log = logging.getLogger(__name__)


class Reporter:
    """Keeps one process's status file.

    Attributes:
        router: knows what stands.
        is_starting: whether this process takes no requests yet, and is not waited for.
        has_joined: whether it takes requests; between the two it says that it is to be waited for,
            and may still step back.
    """

    def __init__(self, workspace: Workspace, log: PredictionLog, *, address: str) -> None:
        self.address = address
        self.is_draining: Callable[[], bool] = lambda: False
        self.asked_gone: Callable[[], dict[str, dict[str, int]]] = dict
        self.is_starting, self.has_joined = False, True
        self.router: Router | None = None
        self.loaded: dict[str, int] = {}
        self.tally: Tally | None = None
        self.mirror: Mirror | None = None
        self._workspace = workspace
        self._log = log
        self._file = StatusFile(workspace)
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="tenure-status", daemon=True)

    def start(self) -> None:
        """Take away what dead processes left, and begin to report."""
        remove_stale(self._workspace)
        self.tell()
        self._thread.start()

    def announce(self, wanted: Assignment) -> None:
        """Say that this process has loaded an epoch of a model's slot, or cannot."""
        place = place_of(wanted)
        if self.loaded.get(place) != wanted.epoch:
            self.loaded[place] = wanted.epoch
            self.tell()

    def stop(self) -> None:
        """Stop reporting and take the file away."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._file.remove()

    def tell(self) -> bool:
        """Replace the status file and say if that was possible; if not, the server serves on."""
        if self.router is None:
            return False
        with self._guard:  # what stands is taken here: nobody puts an older state after a newer one
            try:
                self._file.write(self._status(self.router.standing))
            except OSError as error:
                _log.error("the status file cannot be written: %s", error.strerror)
                return False
        return True

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_S):
            self.tell()

    def _status(self, standing: Standing) -> ServerStatus:
        return ServerStatus(
            pid=self._file.pid,
            started=self._file.started,
            address=self.address,
            at=now_text(),
            is_ready=standing.is_ready and self.has_joined and not self.is_draining(),
            is_draining=self.is_draining(),
            serving={
                name: ServedModel(
                    version=each.version,
                    epoch=each.epoch,
                    slot=each.slot.value,
                    since=each.since.isoformat(),
                )
                for name, each in standing.serving.items()
            },
            obstacles={
                name: {"version": each.version, "epoch": each.epoch, "reason": each.reason}
                for name, each in standing.obstacles.items()
            },
            reasons=standing.reasons(),
            dropped=self._log.dropped,
            vacant={name: each.epoch for name, each in standing.vacant.items()},
            held={name: list(versions) for name, versions in standing.held.items()},
            freed={name: asdict(each) for name, each in standing.freed.items()},
            asked_gone=self.asked_gone(),
            loaded=dict(self.loaded),
            is_starting=self.is_starting,
            beside=_beside(standing),
            obstacles_beside=[
                {
                    "model": model,
                    "slot": slot.value,
                    "version": each.version,
                    "epoch": each.epoch,
                    "reason": each.reason,
                }
                for (model, slot), each in standing.obstacles_beside.items()
            ],
            tallies=self._tallies(standing),
            shadowed=_shadowed(self.mirror),
        )

    def _tallies(self, standing: Standing) -> list[dict[str, Any]]:
        if self.tally is None:
            return []
        held = (standing.serving, standing.challengers, standing.shadows)
        self.tally.forget(each for references in held for each in references.values())
        return self.tally.counts()


def _beside(standing: Standing) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for references in (standing.challengers, standing.shadows):
        for model, each in references.items():
            placed = {"version": each.version, "epoch": each.epoch}
            found.setdefault(model, {})[each.slot.value] = placed
    return found


def _shadowed(mirror: Mirror | None) -> dict[str, int]:
    if mirror is None:
        return {}
    counts = ("mirrored", "dropped", "unfit")
    return {name: getattr(mirror, name) for name in counts}
