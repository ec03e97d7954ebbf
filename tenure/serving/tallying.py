"""How many requests did each version answer and fail, in which slot and epoch?

Counted in each process and told in its status file, so that a version that fails leaves a trace,
though what failed never reaches the prediction log. What a client did wrong counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tenure.serving.bodies import ClientLeft
from tenure.serving.problems import Problem
from tenure.serving.standing import Reference

FAULTS = frozenset({"unpredictable", "late", "failed"})
"""The problems that are the version's fault, or may be: then its champion has them too."""

Place = tuple[str, str, int, int]


class Tally:
    """The counts of one process, of the places that are served now and those served last."""

    def __init__(self) -> None:
        self._counts: dict[Place, list[int]] = {}

    def answered(self, reference: Reference) -> None:
        """Count an answer."""
        counts = self._counts.get(_place(reference))
        if counts is None:
            counts = self._of(reference)
        counts[0] += 1

    def raised(self, reference: Reference, error: BaseException) -> None:
        """Count an error if it is the version's fault."""
        is_fault = error.code in FAULTS if isinstance(error, Problem) else True
        if is_fault and isinstance(error, Exception) and not isinstance(error, ClientLeft):
            self._of(reference)[1] += 1

    def counts(self) -> list[dict[str, Any]]:
        """Return a line for each model, slot, version and epoch."""
        return [
            {
                "model": model,
                "slot": slot,
                "version": version,
                "epoch": epoch,
                "answered": answered,
                "failed": failed,
            }
            for (model, slot, version, epoch), (answered, failed) in list(self._counts.items())
        ]

    def forget(self, references: Iterable[Reference]) -> None:
        """Forget places that are not served any more, but the latest of each model and slot."""
        now = {_place(each) for each in references}
        newest: dict[tuple[str, str], int] = {}
        for model, slot, _, epoch in list(self._counts):
            newest[model, slot] = max(epoch, newest.get((model, slot), 0))
        for place in list(self._counts):
            if place not in now and place[3] < newest[place[0], place[1]]:
                del self._counts[place]

    def _of(self, reference: Reference) -> list[int]:
        place = _place(reference)
        counts = self._counts.get(place)
        if counts is None:
            counts = self._counts[place] = [0, 0]
        return counts


def _place(reference: Reference) -> Place:
    # The property `value` costs more than all else here.
    return reference.model, reference.slot._value_, reference.version, reference.epoch
