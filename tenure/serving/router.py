"""How does what is served follow the ledger?

A thread looks at the ledger's head some ten times a second. When a champion's slot has moved, the
new version is loaded beside the old one, verified and warmed, and then, once the other processes of
the address have it as well, one reference is replaced: a request takes its reference once and is
answered by one version, whole. No model waits for another's load. What cannot be loaded
changes nothing, unless what serves was retired: that answers no more, whatever comes after it. A
ledger that is missing, damaged or locked changes nothing either. No ledger is made here.

A challenger and a shadow are followed alike, but for this: whom the ledger no longer names for such
a slot goes at once. A version that holds two slots, or moves from one to another, is loaded once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC

from tenure.errors import TenureError
from tenure.records import Assignment, Slot, Stage
from tenure.serving.leaving import Leaving
from tenure.serving.loads import Loads, key_of
from tenure.serving.picking import AdmitTester, nobody, pick
from tenure.serving.runtime import Runtime
from tenure.serving.standing import Obstacle, Place, Reference, Seen, Standing
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
_LOOK_AGAIN_S = 0.05
"""How soon it looks again while what is loaded waits for other processes."""
_RETRY_FIRST_S = 1.0
_RETRY_MOST_S = 30.0
GONE = frozenset({Stage.RETIRED, Stage.ARCHIVED, Stage.PURGED})
"""A version in one of these stages answers nothing."""


class Router:
    """Keeps one reference a model in step with the ledger.

    Args:
        read: returns what the ledger says of slots, or None if it has not changed since the last
            call; raises a TenureError where the ledger cannot be read.
        load: returns a verified, warmed runtime; raises a TenureError where that fails.
        names: returns the models that have a spec.
        stage: returns how fit a version is, None for one that is unknown; raises a TenureError
            where the ledger cannot be read.
        is_closed: says of a slot whether the model's own address is gone by it.
        changed: called after each change of what stands, from the router's thread.
        agreed: says of a version that is loaded, and for how long (seconds) its slot has waited for
            other processes, whether it may answer now.
        announce: told which epoch of a slot is loaded here, or cannot be.

    Attributes:
        admit_tester: says who may choose the slot that answers; nobody, if nothing is put here.
        looks: how often it has looked at the ledger and followed it.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        read: Callable[[], Seen | None],
        load: Callable[[Assignment], Runtime],
        names: Callable[[], frozenset[str]],
        stage: Callable[[str, int], Stage | None],
        is_closed: Callable[[Assignment], bool],
        changed: Callable[[], object],
        agreed: Callable[[Assignment, float], bool] = lambda wanted, waited_s: True,
        announce: Callable[[Assignment], None] = lambda wanted: None,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.workspace = workspace
        self.standing = Standing()
        self._read, self._load, self._names = read, load, names
        self.stage, self._is_closed = stage, is_closed
        self._changed, self._agreed, self._announce = changed, agreed, announce
        self.admit_tester: AdmitTester = nobody
        self.looks = 0
        self._leaving = Leaving()
        self._every_s = every_s
        self._stop, self._wake = threading.Event(), threading.Event()
        self._loads = Loads(lambda wanted: self._load(wanted), self._wake.set)
        self._waiting: dict[Place, float] = {}
        self._thread = threading.Thread(target=self._watch, name="tenure-router", daemon=True)

    def reference(self, model: str) -> Reference | None:
        """Return the champion of a model that answers now; ask once a request."""
        return self.standing.serving.get(model)

    def pick(
        self, model: str, version: str | None, headers: Mapping[bytes, bytes]
    ) -> Reference | None:
        """Return what answers a request, None where nothing does; ask once a request.

        Raises:
            Problem: a tester's header asks for what it may not have, or what is not there.
        """
        return pick(self.standing, model, version, headers, self.admit_tester)

    def start(self) -> None:
        """Begin to follow the ledger."""
        self._loads.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop following the ledger; what is loaded goes on answering."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._loads.stop()

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception:  # noqa: BLE001
                # A watcher that dies would serve an old version for ever; it says so and goes on.
                _log.exception("looking at the ledger failed")
            self._wake.wait(_LOOK_AGAIN_S if self._waiting else self._every_s)
            self._wake.clear()

    def look(self) -> None:
        """Look at the ledger once and do what it asks for."""
        before = self.standing
        freed = self._leaving.look()
        self._put(held=self._leaving.held(), freed={**self.standing.freed, **freed})
        self._see()
        wanted = [*self.standing.wanted.values(), *self.standing.wanted_beside.values()]
        for each in wanted:
            if self._stop.is_set():
                return
            self._follow(each)
        late = (each for each in wanted if not self._is_followed(each))
        self._loads.keep({key_of(each) for each in late})
        self.looks += 1
        if self.standing != before:
            self._changed()

    def _see(self) -> None:
        names = self._names()
        try:
            seen = self._read()
        except TenureError as error:
            self._put(ledger=str(error), named=names | self.standing.named)
            return
        if seen is None:
            self._put(ledger=None, looked=True, named=names | self.standing.wanted.keys())
            return
        wanted = {each.model: each for each in seen.slots if each.slot is Slot.CHAMPION}
        beside = {(e.model, e.slot): e for e in seen.slots if e.slot is not Slot.CHAMPION}
        closed = frozenset(slot.model for slot in wanted.values() if self._is_closed(slot))
        said = {"ledger": None, "looked": True, "named": names | wanted.keys()}
        told = {"shares": dict(seen.shares), "going": dict(seen.going)}
        self._put(wanted=wanted, wanted_beside=beside, closed=closed, **told, **said)

    def _put(self, **changes: object) -> None:
        if any(getattr(self.standing, name) != value for name, value in changes.items()):
            self.standing = replace(self.standing, **changes)  # type: ignore[arg-type]

    def _is_followed(self, wanted: Assignment) -> bool:
        served = self.standing.holder((wanted.model, wanted.slot))
        named = (wanted.version, wanted.epoch)
        return served is not None and (served.version, served.epoch) == named

    def _follow(self, wanted: Assignment) -> None:
        served = self.standing.holder((wanted.model, wanted.slot))
        if wanted.version is None:
            self._empty(wanted, served)
            return
        obstacle = self.standing.obstacle(wanted)
        is_early = obstacle is not None and time.monotonic() < obstacle.again_at
        if is_early or self._is_followed(wanted):
            return
        found: Runtime | str | None = self._loaded(wanted)
        if found is None and served is not None and wanted.slot is not Slot.CHAMPION:
            self._drop(served)
            served = None
        found = found or self._loads.ask(wanted)
        if found is None:
            return  # it is being loaded
        self._announce(wanted)
        if isinstance(found, str):
            self._note(wanted, found, obstacle.tried if obstacle is not None else 0)
            if served is not None and self._is_gone(served):
                self._drop(served)
        elif self._may_answer(wanted):
            self._serve(_referring(wanted, found), served)

    def _may_answer(self, wanted: Assignment) -> bool:
        # Since the slot began to wait, not this epoch: moves that come faster than loads end too.
        now = time.monotonic()
        since = self._waiting.setdefault((wanted.model, wanted.slot), now)
        return self._agreed(wanted, now - since)

    def _loaded(self, wanted: Assignment) -> Runtime | None:
        """Return a version that some slot of the model holds in memory already."""
        there = self.standing.holders(wanted.model)
        return next((each.runtime for each in there if each.version == wanted.version), None)

    def _is_gone(self, served: Reference) -> bool:
        try:
            return self.stage(served.model, served.version) in GONE
        except TenureError:
            return False

    def _empty(self, wanted: Assignment, served: Reference | None) -> None:
        self._waiting.pop((wanted.model, wanted.slot), None)
        if served is not None:
            self._drop(served)
        elif (place := (wanted.model, wanted.slot)) in self.standing.obstacles_beside:
            self.standing = self.standing.noting(place, None)

    def _drop(self, served: Reference) -> None:
        self.standing = self.standing.having((served.model, served.slot), None)
        self._let_go(served)
        _log.info("version %s of '%s' serves no more", served.version, served.model)

    def _serve(self, reference: Reference, before: Reference | None) -> None:
        """Let a version answer; `before` is who held the slot until now."""
        self._waiting.pop((reference.model, reference.slot), None)
        self.standing = self.standing.having((reference.model, reference.slot), reference)
        if before is not None:
            self._let_go(before)
        slot, model = reference.slot.value, reference.model
        _log.info("version %s of '%s' serves as %s", reference.version, model, slot)

    def _let_go(self, left: Reference) -> None:
        """Follow what no slot of the model holds any more until it has left memory."""
        if all(each.runtime is not left.runtime for each in self.standing.holders(left.model)):
            self._leaving.add(left.runtime)
        self._put(held=self._leaving.held())

    def _note(self, wanted: Assignment, reason: str, tried: int) -> None:
        assert wanted.version is not None
        self._waiting.pop((wanted.model, wanted.slot), None)
        wait_s = min(_RETRY_FIRST_S * 2**tried, _RETRY_MOST_S)
        obstacle = Obstacle(
            version=wanted.version,
            epoch=wanted.epoch,
            reason=reason,
            tried=tried + 1,
            again_at=time.monotonic() + wait_s,
        )
        model = wanted.model
        _log.error("version %s of '%s' could not be loaded: %s", wanted.version, model, reason)
        self.standing = self.standing.noting((model, wanted.slot), obstacle)


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
