"""What does one server process serve at one moment, and what stands in the way of the rest?

A value that is never changed, only replaced: whoever took it sees one state, whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from tenure.records import Assignment, Slot
from tenure.serving.leaving import Freed
from tenure.serving.runtime import Runtime
from tenure.serving.sunset import Going

Place = tuple[str, Slot]
"""A model and one of its slots."""

_FIELDS = {Slot.CHAMPION: "serving", Slot.CHALLENGER: "challengers", Slot.SHADOW: "shadows"}


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
class Seen:
    """What a look at the ledger found.

    Attributes:
        slots: every slot.
        shares: by model, the share of its challenger.
        going: by model and number, the versions that are on their way out.
    """

    slots: tuple[Assignment, ...]
    shares: dict[str, float] = field(default_factory=dict)
    going: dict[tuple[str, int], Going] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is served and what is not, at one moment.

    Attributes:
        serving: by model, the champion that answers.
        challengers: by model, who answers a share of the requests.
        shadows: by model, who is asked beside the champion and never answers.
        shares: by model, the challenger's share of the requests; 0 if it is not there.
        going: by model and number, the versions that are on their way out, and still answer.
        wanted: by model, the champion that the ledger named when it was last read.
        wanted_beside: by model and slot, whom it named for the others.
        obstacles: by model, why the wanted champion does not serve.
        obstacles_beside: by model and slot, why who was named for the others does not.
        ledger: why the ledger cannot be read, None while it can.
        looked: whether the ledger was ever read.
        named: models that have a spec or a slot.
        closed: models whose own address is gone, though a fallback may hold the slot.
        held: by model, versions that left and that requests in flight still hold.
        freed: by model, what left memory last.
    """

    serving: dict[str, Reference] = field(default_factory=dict)
    challengers: dict[str, Reference] = field(default_factory=dict)
    shadows: dict[str, Reference] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    going: dict[tuple[str, int], Going] = field(default_factory=dict)
    wanted: dict[str, Assignment] = field(default_factory=dict)
    wanted_beside: dict[Place, Assignment] = field(default_factory=dict)
    obstacles: dict[str, Obstacle] = field(default_factory=dict)
    obstacles_beside: dict[Place, Obstacle] = field(default_factory=dict)
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

    def holder(self, place: Place) -> Reference | None:
        """Return who is in memory for a slot."""
        model, slot = place
        return getattr(self, _FIELDS[slot]).get(model)

    def holders(self, model: str) -> Iterator[Reference]:
        """Yield who is in memory for a model, the champion first."""
        for slot in Slot:
            found = self.holder((model, slot))
            if found is not None:
                yield found

    def obstacle(self, wanted: Assignment) -> Obstacle | None:
        """Return what kept a version from a slot at this very epoch."""
        if wanted.slot is Slot.CHAMPION:
            found = self.obstacles.get(wanted.model)
        else:
            found = self.obstacles_beside.get((wanted.model, wanted.slot))
        is_same = found is not None and (found.version, found.epoch) == (
            wanted.version,
            wanted.epoch,
        )
        return found if is_same else None

    def having(self, place: Place, reference: Reference | None) -> Standing:
        """Return this with another holder of a slot, before whom no obstacle is left; or none."""
        model, slot = place
        found = _with(getattr(self, _FIELDS[slot]), model, reference)
        cleared = self if reference is None else self.noting(place, None)
        return replace(cleared, **{_FIELDS[slot]: found})

    def noting(self, place: Place, obstacle: Obstacle | None) -> Standing:
        """Return this with another obstacle before a slot, or none."""
        model, slot = place
        if slot is Slot.CHAMPION:
            return replace(self, obstacles=_with(self.obstacles, model, obstacle))
        return replace(self, obstacles_beside=_with(self.obstacles_beside, place, obstacle))

    def reasons(self) -> list[str]:
        """Return in sentences what is not as it should be; none means all is well."""
        found = []
        if self.ledger is not None:
            found.append(f"{self.ledger} What is loaded serves on.")
        elif not self.looked:
            found.append("The ledger was not read yet.")
        for model, wanted in self.wanted.items():
            found += _about(wanted, self.serving.get(model), self.obstacles.get(model))
        for place, wanted in self.wanted_beside.items():
            found += self._beside(wanted, self.holder(place))
        held = (self.serving, self.challengers, self.shadows)
        troubles = [each.runtime.trouble for slot in held for each in slot.values()]
        found += [trouble for trouble in troubles if trouble is not None]
        gone = sorted(self.serving.keys() - self.wanted.keys()) if self.ledger is None else []
        found += [f"The ledger no longer names a champion of '{model}'." for model in gone]
        return found

    def _beside(self, wanted: Assignment, served: Reference | None) -> list[str]:
        if wanted.version is None or _is_followed(wanted, served):
            return []
        obstacle, champion = self.obstacle(wanted), self.serving.get(wanted.model)
        holds = f"Version {champion.version} answers alone." if champion else "Nothing serves."
        return [_late(wanted, obstacle, holds)]


def _with(before: dict, key: object, value: object) -> dict:
    left = {name: each for name, each in before.items() if name != key}
    return left if value is None else {**left, key: value}


def _is_followed(wanted: Assignment, served: Reference | None) -> bool:
    return served is not None and (served.version, served.epoch) == (wanted.version, wanted.epoch)


def _about(wanted: Assignment, served: Reference | None, obstacle: Obstacle | None) -> list[str]:
    if _is_followed(wanted, served):
        return []
    if wanted.version is None:
        said = f"The slot of '{wanted.model}' is vacant; what served is let go."
        return [said] if served else []
    holds = f"Version {served.version} keeps serving." if served else "Nothing serves."
    return [_late(wanted, obstacle, holds)]


def _late(wanted: Assignment, obstacle: Obstacle | None, holds: str) -> str:
    slot = "" if wanted.slot is Slot.CHAMPION else f"{wanted.slot.value}, "
    name = f"Version {wanted.version} of '{wanted.model}' ({slot}epoch {wanted.epoch})"
    if obstacle is None:
        return f"{name} is being loaded. {holds}"
    return f"{name} could not be loaded: {obstacle.reason} {holds}"
