"""Where do the guards of a version come from, and when are they whole?

Its spec says which there are; its reference, kept some time after it took office, what its training
rows held; the ledger, who its fallback is. So guards begin with what is known when a version is
loaded, and a second later are looked at again, until nothing is missing.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenure.errors import TenureError
from tenure.records import Assignment
from tenure.registry import open_ledger, open_store
from tenure.retirement import fallback_of
from tenure.serving.asks import Ask
from tenure.serving.guards import Flags, Guards
from tenure.serving.loading import load_runtime
from tenure.serving.metrics import Metrics
from tenure.serving.runtime import Predicted, Runtime
from tenure.serving.standing import Reference
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Guarded:
    """One version in memory with its guards, and what is still missing of them."""

    runtime: weakref.ref[Runtime]
    assignment: Assignment
    guards: Guards
    has_reference: bool = False
    head: object = None


class Guarding:
    """The guards of the versions in memory; made when they are loaded, read by requests.

    Args:
        workspace: where ledger and store are.
        metrics: counts what guards find.

    Attributes:
        first: called once there are guards at all, so that a server without any asks nobody.
    """

    def __init__(self, workspace: Workspace, metrics: Metrics) -> None:
        self._workspace, self._metrics = workspace, metrics
        self.first: Callable[[], None] = lambda: None
        self._known: dict[int, _Guarded] = {}

    def of(self, reference: Reference) -> Guards | None:
        """Return the guards of a version, None if it has none."""
        found = self._known.get(id(reference.runtime))
        return None if found is None else found.guards

    def logged(self, reference: Reference, ask: Ask, found: Predicted) -> list[str | None] | None:
        """Return what the log says of each row, None where nothing is to be said of any."""
        guards = self.of(reference)
        unsure = None if guards is None else guards.unsure(ask, found)
        seen: Flags | None = ask.flags
        if seen is None and unsure is None:
            return None
        both = [*(seen.found if seen else ()), *(unsure.found if unsure else ())]
        return Flags(both).by_row(ask.rows)

    def add(self, runtime: Runtime, assignment: Assignment) -> None:
        """Guard a version for as long as it is in memory, if its spec wants any guard."""
        spec = runtime.rules.guards
        if not spec.is_on:
            return
        guards = Guards(runtime.model, spec, _unprofiled(runtime))
        guards.count = self._metrics.count
        key, known = id(runtime), self._known
        gone = weakref.ref(runtime, lambda _: known.pop(key, None))
        known[key] = guarded = _Guarded(gone, assignment, guards)
        self._complete(guarded)
        self.first()

    def look(self) -> None:
        """Complete guards that lack something; what cannot be read now is looked for again."""
        for guarded in list(self._known.values()):
            self._complete(guarded)

    def _complete(self, guarded: _Guarded) -> None:
        runtime = guarded.runtime()
        spec = guarded.guards.spec
        if runtime is None or (guarded.has_reference and not spec.needs_fallback):
            return
        try:
            head = open_ledger(self._workspace).head()
            if head == guarded.head:
                return
            if spec.looks and not guarded.has_reference:
                guarded.has_reference = self._take_reference(guarded, runtime)
            else:
                guarded.has_reference = True
            if spec.needs_fallback:
                self._take_fallback(guarded)
            guarded.head = head
        except TenureError as error:
            _log.warning("the guards of '%s' are not whole: %s", runtime.model, error)

    def _take_reference(self, guarded: _Guarded, runtime: Runtime) -> bool:
        digest = open_ledger(self._workspace).reference(runtime.model, runtime.version)
        if digest is None:
            return False
        profiles = open_store(self._workspace).get_json(digest)["columns"]
        guarded.guards.learn(_profiled(runtime, profiles))
        return True

    def _take_fallback(self, guarded: _Guarded) -> None:
        before, of = guarded.guards.fallback, guarded.assignment
        number = fallback_of(of.model, self._workspace)
        if number is None or number == of.version:
            guarded.guards.fallback = None
            return
        if before is not None and before.version == number:
            return
        version = open_ledger(self._workspace).version(of.model, number)
        guarded.guards.fallback = Reference(
            model=of.model,
            version=number,
            epoch=of.epoch,
            slot=of.slot,
            since=of.since,
            runtime=load_runtime(version, self._workspace),
        )
        _log.info("version %s of '%s' answers what guards give to it", number, of.model)

    def loader(self, load: Callable[[Assignment], Runtime]) -> Callable[[Assignment], Runtime]:
        """Return a loader that guards what it loads."""

        def guarded(assignment: Assignment) -> Runtime:
            runtime = load(assignment)
            self.add(runtime, assignment)
            return runtime

        return guarded


def _unprofiled(runtime: Runtime) -> dict[str, dict[str, Any]]:
    """Return what is known without a reference: the categories that a feature had in training."""
    return {
        each.name: {"type": each.type, "categories": each.categories, "missing_share": None}
        for each in _untreated(runtime)
        if each.type == "category" and each.categories
    }


def _profiled(runtime: Runtime, profiles: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    types = {each.name: each.type for each in _untreated(runtime)}
    return {
        each["name"]: each | {"type": types[each["name"]]}
        for each in profiles
        if each["name"] in types
    }


def _untreated(runtime: Runtime) -> list[Any]:
    data = runtime.rules.data
    treated = set(data.treat) if data is not None else set()
    return [each for each in runtime.features if each.name not in treated]
