"""What may a user write about how a new version takes over?"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tenure.spec.section import Section, Share

Step = Literal["shadow"] | Annotated[float, Field(gt=0, lt=1)]


class RolloutSpec(Section):
    """By which steps a version that passed the gate takes over, and what ends it early."""

    steps: list[Step] = Field(
        default_factory=lambda: ["shadow", 0.01, 0.1, 0.5], min_length=1, max_length=20
    )
    """`shadow` (asked beside the champion, never answering), then growing shares of the requests;
    after the last one it is champion."""
    bake_minutes: Annotated[float, Field(ge=0)] = 60.0
    """How long each step is held at least."""
    min_requests: Annotated[int, Field(ge=1)] = 100
    """Requests that the version must have answered in a step before it is judged well."""
    max_wait_hours: Annotated[float, Field(gt=0)] = 72.0
    """How long a step waits for so many requests."""
    on_too_few: Literal["hold", "advance", "roll_back"] = "hold"
    """What happens then: `hold` waits for a person."""
    max_error_share: Share = 0.01
    """Share of requests that it failed, beyond the champion's own; beyond chance, it goes back."""
    max_latency_ratio: Annotated[float, Field(ge=1)] | None = 2.0
    """How many times as long as the champion it may take, at the 95th percentile."""
    max_difference: Share | None = 0.25
    """How far its answers may lie from the champion's: the greatest gap between the two
    distributions, beyond chance."""
    max_loss: Annotated[float, Field(ge=0)] | None = 0.0
    """Where labels have arrived, from the spec's source or as feedback: how much worse than the
    champion it may be in the primary metric, in the metric's unit; beyond chance, it goes back."""

    @model_validator(mode="after")
    def _steps_grow(self) -> RolloutSpec:
        if any(later <= earlier for earlier, later in pairwise(self.shares)):
            raise ValueError("steps that grow, `shadow` first")
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """The steps as shares, 0 for the shadow."""
        return tuple(0.0 if step == "shadow" else step for step in self.steps)
