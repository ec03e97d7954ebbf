"""Which rows and answers are held up while a model serves, and what happens to them?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from tenure.spec.section import Section, Share

Consequence = Literal["off", "flag", "refuse", "fallback"]
"""Nothing; named in the answer and the log; the request refused; answered by the fallback."""


class LowConfidence(Section):
    """When is a classifier too unsure of itself?"""

    below: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """The share of the likeliest class from which on it is sure enough."""
    do: Literal["flag", "refuse", "fallback"] = "flag"
    """What happens to a request with a row below."""


class GuardsSpec(Section):
    """Which rows and answers are held up, by what the version saw when it was trained."""

    out_of_range: Consequence = "off"
    """A number below the least or above the greatest of the training rows."""
    margin: Share = 0.0
    """How far beyond a number may lie, as a share of the range in training."""
    unseen_category: Consequence = "off"
    """A category that no training row had."""
    missing: Consequence = "off"
    """A missing value in a column that had none when the version was trained."""
    low_confidence: LowConfidence | None = None
    """An answer that a classifier is not sure of."""

    def outcomes(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield where each guard's consequence stands below `guards`, and which it is."""
        for name in ("out_of_range", "unseen_category", "missing"):
            yield (name,), getattr(self, name)
        if self.low_confidence is not None:
            yield ("low_confidence", "do"), self.low_confidence.do

    @property
    def is_on(self) -> bool:
        """Whether anything is held up at all."""
        return self.looks or self.low_confidence is not None

    @property
    def looks(self) -> bool:
        """Whether anything is held up before it is predicted."""
        return any(
            each != "off" for each in (self.out_of_range, self.unseen_category, self.missing)
        )

    @property
    def needs_fallback(self) -> bool:
        """Whether some request may be answered by the fallback."""
        return any(said == "fallback" for _, said in self.outcomes())
