"""What is known of a version that takes over step by step?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tenure.records.versions import Slot


class RolloutState(StrEnum):
    """How far a rollout has come; a `held` one waits for a person, the last four are its ends."""

    RUNNING = "running"
    HELD = "held"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"
    OVERTAKEN = "overtaken"


OVER = frozenset(
    {
        RolloutState.PROMOTED,
        RolloutState.ROLLED_BACK,
        RolloutState.ABORTED,
        RolloutState.OVERTAKEN,
    }
)


def slot_of(share: float) -> Slot:
    """Return the slot that a version holds at a step: `shadow` at a share of 0."""
    return Slot.CHALLENGER if share else Slot.SHADOW


def step_name(share: float) -> str:
    """Return a step in words.

    >>> step_name(0.0), step_name(0.01), step_name(0.125), step_name(1.0)
    ('shadow', '1 %', '12.5 %', '100 %')
    """
    return f"{share * 100:g} %" if share else "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStep:
    """One step that was taken.

    `share` of the requests is answered by the version, 0 for the shadow; `epoch` is that of the
    slot it holds then, so each answer names the step that it belongs to. `evidence` is what the
    step was taken on: a digest of a judgement, or a person's word.
    """

    share: float
    epoch: int
    began_at: datetime
    actor: str
    reason: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A version on its way to the champion's slot. Identity: model, version, epoch, and which try.

    `shares` are the planned steps, growing, 0 for the shadow; after the last comes the promotion.
    `champion` is who serves beside it, `champion_epoch` the epoch that was decided on: once the
    slot moves for another reason, the rollout is overtaken. `outcome` is a sentence once it is
    over, `verdict` the digest of the judgement that ended or held it.
    """

    id: str
    model: str
    version: int
    champion: int
    champion_epoch: int
    shares: tuple[float, ...]
    state: RolloutState
    steps: tuple[RolloutStep, ...]
    started_by: str
    started_at: datetime
    reason: str
    evidence: str
    outcome: str = ""
    verdict: str | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    seq: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in OVER

    @property
    def step(self) -> int:
        """How many steps were taken before the one that it stands at."""
        return len(self.steps) - 1

    @property
    def now(self) -> RolloutStep:
        """The step that it stands at, or stood at when it ended."""
        return self.steps[-1]

    @property
    def share(self) -> float:
        """The share of requests that the version answers, while it is not over."""
        return self.now.share

    @property
    def slot(self) -> Slot:
        """The slot that the version holds, while it is not over."""
        return slot_of(self.now.share)

    @property
    def next_share(self) -> float:
        """The share of the next step; 1 if that is the promotion."""
        return self.shares[self.step + 1] if self.step + 1 < len(self.shares) else 1.0
