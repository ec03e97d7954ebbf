"""What does a plan say? Light to import: flows hand these values on."""

from __future__ import annotations

from dataclasses import dataclass

from tenure.records import TrainingSet

HOLDOUT, PROGRESSIVE = "holdout", "progressive"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOrder:
    """One fit: on all rows of a training set, or holding some of them out."""

    training_set: TrainingSet
    holdout: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What one night fits.

    Attributes:
        model: its name.
        mode: `holdout` (tonight's fits are judged on rows that they did not see) or `progressive`
            (earlier fits of the same recipes are judged on the newest batches).
        training_sets: one a span that can be trained on, in the spec's order.
        fits: what to fit, in order.
        notes: sentences about spans that were left out and the like.
    """

    model: str
    mode: str
    training_sets: tuple[TrainingSet, ...]
    fits: tuple[FitOrder, ...]
    notes: tuple[str, ...] = ()
