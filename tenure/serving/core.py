"""How does a request for predictions get its answer, whatever door it came through?

In this order: which version answers, the body, its values checked against what that version takes,
the guards' look at them, the predictions with their log entry, the guards' judgement, the shadow.
One reference is held from the first step to the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tenure.predictions import PredictionLog
from tenure.serving import absent
from tenure.serving.asks import Ask
from tenure.serving.bodies import read_body
from tenure.serving.doors import Request
from tenure.serving.engine import Engine
from tenure.serving.guards import joined
from tenure.serving.lanes import Waiting
from tenure.serving.limits import Limits
from tenure.serving.problems import Problem
from tenure.serving.router import GONE, Reference, Router
from tenure.serving.runtime import Predicted, Runtime
from tenure.serving.tallying import Tally

if TYPE_CHECKING:
    from tenure.serving.companions import Guarding, Shadows
    from tenure.serving.crashes import Busy

Read = Callable[[bytes, Runtime], Ask]
NO_HEADERS: Mapping[bytes, bytes] = {}


@dataclass(slots=True)
class Outcome:
    """One answered request; never changed.

    Attributes:
        reference: what answered.
        ask: what was asked.
        found: what was answered.
        flags: what the version's guards said of it, None if nothing.
    """

    reference: Reference
    ask: Ask
    found: Predicted
    flags: Any = None


class Core:
    """What all doors share.

    Args:
        router: knows what answers for a model.
        log: takes what was answered.
        limits: what a request may cost.

    Attributes:
        busy: says of this process what it is busy with, should it crash; None for nobody.
        guarding: knows the guards of each version; None for none.
        shadows: mirrors what was answered; None for nothing.
    """

    def __init__(self, router: Router, log: PredictionLog, limits: Limits) -> None:
        self.router = router
        self.log = log
        self.limits = limits
        self.engine = Engine(log, limits)
        self.tally = Tally()
        self.busy: Busy | None = None
        self.guarding: Guarding | None = None
        self.shadows: Shadows | None = None
        self.is_draining = False
        self.gone = absent.Counting()

    async def predict(
        self, model: str, version: str | None, request: Request, read: Read
    ) -> Outcome:
        """Answer one request for predictions.

        Args:
            model: the name in the address.
            version: the number in the address, None for whoever holds the slot.
            request: whose body is read.
            read: makes of a body what is asked; it raises a Problem for what a client did wrong.

        Raises:
            Problem: what the client reads instead.
            ClientLeft: there is nobody to answer.
        """
        reference = await self.find(model, version, is_prediction=True, headers=request.headers)
        request.reference = reference
        body = await read_body(request.headers, request.receive, self.limits)
        ask = read(body, reference.runtime)
        request.rows = ask.rows
        try:
            if self.guarding is None:
                found, flags = await self.engine.answer(reference, ask, request.receive), None
            else:
                reference, ask, found, flags = await self._guarded(
                    self.guarding, reference, ask, request
                )
        except Exception as error:
            self.tally.raised(reference, error)
            raise
        self.tally.answered(reference)
        if self.shadows is not None:
            self.shadows.mirror(reference, ask)
        return Outcome(reference, ask, found, flags)

    def quick_reference(
        self, model: str, version: str | None, headers: Mapping[bytes, bytes]
    ) -> Reference | None:
        """Return what answers a request that chooses no slot.

        None where `find` must say why nothing does, or the version has guards.
        """
        standing = self.router.standing
        if version is None and model in standing.closed:
            return None
        if version is None and not standing.shares.get(model):
            found = standing.serving.get(model)
        else:
            found = self.router.pick(model, version, headers)
        if found is None or (self.guarding is not None and self.guarding.of(found) is not None):
            return None
        return found

    def planned(self, reference: Reference, ask: Ask, began_at: float) -> Outcome | Waiting | None:
        """Return what a version says of one row: its plan now, or its estimator later.

        What waits comes to an outcome, or to a problem.

        Args:
            reference: what answers; it has no guards.
            ask: one row.
            began_at: when the request had been read (`time.perf_counter`).
        """
        engine = self.engine
        found = engine.planned(reference, ask, began_at)
        if isinstance(found, Predicted):
            return self._answered(reference, ask, found)
        found = found or engine.later(reference, ask, began_at)
        if found is None:
            return None
        return found.after(lambda found: self._told(reference, ask, found))

    def _told(
        self, reference: Reference, ask: Ask, found: Predicted | Problem
    ) -> Outcome | Problem:
        if isinstance(found, Problem):
            self.tally.raised(reference, found)
            return found
        return self._answered(reference, ask, found)

    def _answered(self, reference: Reference, ask: Ask, found: Predicted) -> Outcome:
        self.tally.answered(reference)
        if self.shadows is not None and self.router.standing.shadows:
            self.shadows.mirror(reference, ask)
        return Outcome(reference, ask, found)

    async def _guarded(
        self, guarding: Guarding, reference: Reference, ask: Ask, request: Request
    ) -> tuple[Reference, Ask, Predicted, Any]:
        guards = guarding.of(reference)
        if guards is None:
            return reference, ask, await self.engine.answer(reference, ask, request.receive), None
        flags = guards.look(ask)
        if flags is not None:
            ask = replace(ask, flags=flags)
        if flags is None or not flags.falls_back:
            found = await self.engine.answer(reference, ask, request.receive)
            unsure = guards.judge(ask, found)
            if unsure is None or not unsure.falls_back:
                return reference, ask, found, joined(flags, unsure)
            flags = joined(flags, unsure)
        reference = request.reference = guards.instead()
        ask = replace(ask, flags=flags)
        return reference, ask, await self.engine.answer(reference, ask, request.receive), flags

    async def find(
        self,
        model: str,
        version: str | None,
        *,
        is_prediction: bool,
        headers: Mapping[bytes, bytes] = NO_HEADERS,
    ) -> Reference:
        """Return what answers at an address.

        Raises:
            Problem: nothing does; it says why.
        """
        if version is None and model in self.router.standing.closed:
            raise absent.closed(model, self.router.standing)
        if version is None and not is_prediction:
            # What is told of a model is its champion's: only predictions are parted.
            found = self.router.reference(model)
        else:
            found = self.router.pick(model, version, headers)
        if found is not None:
            return found
        if version is None:
            raise absent.without(model, self.router.standing)
        reference = self.router.reference(model)
        stage = await asyncio.to_thread(self.router.stage, model, int(version))
        if stage in GONE and is_prediction:
            self.gone.add(model, version)
        raise absent.not_serving(model, int(version), stage, reference)

    def close(self) -> None:
        """End computing once what is begun is done."""
        self.engine.close()
