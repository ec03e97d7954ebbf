"""Which version answers now, and what stands in the way of the one that should?

A thread looks at the ledger's head some ten times a second. When a champion's slot has moved, the
new version is loaded beside the old one, verified and warmed, and then one reference is replaced: a
request takes its reference once and is answered by one version, whole. What cannot be loaded
changes nothing, unless what serves was retired: that answers no more, whatever comes after it. A
ledger that is missing, damaged or locked changes nothing either. No ledger is made here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tenure.errors import TenureError
from tenure.records import Assignment, Slot, Stage
from tenure.serving.leaving import Freed, Leaving
from tenure.serving.runtime import Runtime
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
_RETRY_FIRST_S = 1.0
_RETRY_MOST_S = 30.0
GONE = frozenset({Stage.RETIRED, Stage.ARCHIVED, Stage.PURGED})
"""A version in one of these stages answers nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What answers for a model: taken once a request, never changed, only replaced."""

    model: str
    version: int
    epoch: int
    slot: Slot
    since: datetime
    runtime: Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a version that the ledger names does not serve, and when it is tried again."""

    version: int
    epoch: int
    reason: str
    tried: int
    again_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is served and what is not, at one moment.

    Attributes:
        serving: by model, what answers.
        wanted: by model, the version and epoch that the ledger named when it was last read.
        obstacles: by model, why the wanted version does not serve.
        ledger: why the ledger cannot be read, None while it can.
        looked: whether the ledger was ever read.
        named: models that have a spec or a slot.
        closed: models whose own address is gone, though a fallback may hold the slot.
        held: by model, versions that left and that requests in flight still hold.
        freed: by model, what left memory last.
    """

    serving: dict[str, Reference] = field(default_factory=dict)
    wanted: dict[str, Assignment] = field(default_factory=dict)
    obstacles: dict[str, Obstacle] = field(default_factory=dict)
    ledger: str | None = None
    looked: bool = False
    named: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    held: dict[str, tuple[int, ...]] = field(default_factory=dict)
    freed: dict[str, Freed] = field(default_factory=dict)

    @property
    def vacant(self) -> dict[str, Assignment]:
        """By model whose slot is vacant and that serves nothing, since when and why."""
        return {
            model: each
            for model, each in self.wanted.items()
            if each.version is None and model not in self.serving
        }

    @property
    def is_ready(self) -> bool:
        """Whether every champion of the ledger has a verified version in memory."""
        wanted = {model for model, each in self.wanted.items() if each.version is not None}
        return self.looked and wanted <= self.serving.keys()

    def reasons(self) -> list[str]:
        """Return in sentences what is not as it should be; none means all is well."""
        found = []
        if self.ledger is not None:
            found.append(f"{self.ledger} What is loaded serves on.")
        elif not self.looked:
            found.append("The ledger was not read yet.")
        for model, wanted in self.wanted.items():
            found += _about(model, wanted, self.serving.get(model), self.obstacles.get(model))
        gone = sorted(self.serving.keys() - self.wanted.keys()) if self.ledger is None else []
        found += [f"The ledger no longer names a champion of '{model}'." for model in gone]
        return found


def _about(
    model: str, wanted: Assignment, served: Reference | None, obstacle: Obstacle | None
) -> list[str]:
    if served is not None and (served.version, served.epoch) == (wanted.version, wanted.epoch):
        return []
    if wanted.version is None:
        return [f"The slot of '{model}' is vacant; what served is let go."] if served else []
    holds = f"Version {served.version} keeps serving." if served else "Nothing serves."
    name = f"version {wanted.version} of '{model}' (epoch {wanted.epoch})"
    if obstacle is None:
        return [f"{name[0].upper()}{name[1:]} is being loaded. {holds}"]
    return [f"{name[0].upper()}{name[1:]} could not be loaded: {obstacle.reason} {holds}"]


class Router:
    """Keeps one reference a model in step with the ledger.

    Args:
        read: returns every slot of the ledger, or None if it has not changed since the last call;
            raises a TenureError where the ledger cannot be read.
        load: returns a verified, warmed runtime; raises a TenureError where that fails.
        names: returns the models that have a spec.
        stage: returns how fit a version is, None for one that is unknown; raises a TenureError
            where the ledger cannot be read.
        is_closed: says of a slot whether the model's own address is gone by it.
        changed: called after each change of what stands, from the router's thread.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        read: Callable[[], list[Assignment] | None],
        load: Callable[[Assignment], Runtime],
        names: Callable[[], frozenset[str]],
        stage: Callable[[str, int], Stage | None],
        is_closed: Callable[[Assignment], bool],
        changed: Callable[[Standing], None],
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.workspace = workspace
        self.standing = Standing()
        self._read, self._load, self._names = read, load, names
        self.stage, self._is_closed = stage, is_closed
        self._changed = changed
        self._leaving = Leaving()
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tenure-router", daemon=True)

    def reference(self, model: str) -> Reference | None:
        """Return what answers for a model now; ask once a request."""
        return self.standing.serving.get(model)

    def start(self) -> None:
        """Begin to follow the ledger."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following the ledger; what is loaded goes on answering."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception:  # noqa: BLE001
                # A watcher that dies would serve an old version for ever; it says so and goes on.
                _log.exception("looking at the ledger failed")
            self._stop.wait(self._every_s)

    def look(self) -> None:
        """Look at the ledger once and do what it asks for."""
        before = self.standing
        freed = self._leaving.look()
        self._put(held=self._leaving.held(), freed={**self.standing.freed, **freed})
        self._see()
        for model, wanted in self.standing.wanted.items():
            if self._stop.is_set():
                return
            self._follow(model, wanted)
        if self.standing != before:
            self._changed(self.standing)

    def _see(self) -> None:
        names = self._names()
        try:
            slots = self._read()
        except TenureError as error:
            self._put(ledger=str(error), named=names | self.standing.named)
            return
        if slots is None:
            self._put(ledger=None, looked=True, named=names | self.standing.wanted.keys())
            return
        wanted = {slot.model: slot for slot in slots if slot.slot is Slot.CHAMPION}
        closed = frozenset(slot.model for slot in wanted.values() if self._is_closed(slot))
        said = {"ledger": None, "looked": True, "named": names | wanted.keys()}
        self._put(wanted=wanted, closed=closed, **said)

    def _put(self, **changes: object) -> None:
        if any(getattr(self.standing, name) != value for name, value in changes.items()):
            self.standing = replace(self.standing, **changes)  # type: ignore[arg-type]

    def _follow(self, model: str, wanted: Assignment) -> None:
        served = self.standing.serving.get(model)
        if wanted.version is None:
            if served is not None:
                self._drop(served)
            return
        if served is not None and (served.version, served.epoch) == (
            wanted.version,
            wanted.epoch,
        ):
            return
        obstacle = self._obstacle(model, wanted)
        if obstacle is not None and time.monotonic() < obstacle.again_at:
            return
        if served is not None and served.version == wanted.version:
            self._serve(replace(served, epoch=wanted.epoch, since=wanted.since))
            return
        self._changed(self.standing)
        tried = obstacle.tried if obstacle is not None else 0
        try:
            runtime = self._load(wanted)
        except TenureError as error:
            self._note(model, wanted, str(error), tried)
        except Exception as error:  # noqa: BLE001
            _log.exception("version %s of '%s' could not be loaded", wanted.version, model)
            self._note(model, wanted, f"{type(error).__name__}.", tried)
        else:
            self._serve(_referring(wanted, runtime), served)
            return
        if served is not None and self._is_gone(served):
            self._drop(served)

    def _is_gone(self, served: Reference) -> bool:
        try:
            return self.stage(served.model, served.version) in GONE
        except TenureError:
            return False

    def _drop(self, served: Reference) -> None:
        left = {name: each for name, each in self.standing.serving.items() if name != served.model}
        self._leaving.add(served.runtime)
        self._put(serving=left, held=self._leaving.held())
        _log.info("version %s of '%s' serves no more", served.version, served.model)

    def _obstacle(self, model: str, wanted: Assignment) -> Obstacle | None:
        found = self.standing.obstacles.get(model)
        is_same = found is not None and (found.version, found.epoch) == (
            wanted.version,
            wanted.epoch,
        )
        return found if is_same else None

    def _serve(self, reference: Reference, before: Reference | None = None) -> None:
        """Let a version answer; `before` is who leaves by it, None if it is the same one."""
        model = reference.model
        if before is not None:
            self._leaving.add(before.runtime)
        obstacles = {name: each for name, each in self.standing.obstacles.items() if name != model}
        serving = {**self.standing.serving, model: reference}
        self._put(serving=serving, obstacles=obstacles, held=self._leaving.held())
        _log.info("version %s of '%s' serves", reference.version, model)

    def _note(self, model: str, wanted: Assignment, reason: str, tried: int) -> None:
        assert wanted.version is not None
        wait_s = min(_RETRY_FIRST_S * 2**tried, _RETRY_MOST_S)
        obstacle = Obstacle(
            version=wanted.version,
            epoch=wanted.epoch,
            reason=reason,
            tried=tried + 1,
            again_at=time.monotonic() + wait_s,
        )
        _log.error("version %s of '%s' could not be loaded: %s", wanted.version, model, reason)
        self._put(obstacles={**self.standing.obstacles, model: obstacle})


def _referring(wanted: Assignment, runtime: Runtime) -> Reference:
    assert wanted.version is not None
    return Reference(
        model=wanted.model,
        version=wanted.version,
        epoch=wanted.epoch,
        slot=wanted.slot,
        since=wanted.since.astimezone(UTC),
        runtime=runtime,
    )
