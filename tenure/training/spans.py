"""Which stretch of a model's data does a span mean?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tenure.records import Snapshot, TrainingSet, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Snapshots of a span, in order, and the time after which their rows count."""

    span: str
    snapshots: tuple[Snapshot, ...]
    start_at: datetime | None = None


def stretch_of(span: str, snapshots: Sequence[Snapshot]) -> Stretch:
    """Return the stretch of data that a span means.

    `all` is everything; `12 batches` the newest twelve; `8 weeks` and `90 days` reach back from the
    newest row by data time. Bounds that leave nothing out are dropped, so that equal data is one
    training set by whatever name.

    Args:
        span: `all`, `N batches`, `N weeks` or `N days`.
        snapshots: all of the model's, by sequence, at least one.

    Raises:
        ValueError: the span counts time and a snapshot has none.
    """
    if span == "all":
        return Stretch(span=span, snapshots=tuple(snapshots))
    count, unit = span.split(" ")
    if unit == "batches":
        return Stretch(span=span, snapshots=tuple(snapshots)[-int(count) :])
    if any(each.start_at is None or each.end_at is None for each in snapshots):
        raise ValueError(span)
    end_at = max(each.end_at for each in snapshots if each.end_at)
    start_at = end_at - timedelta(**{unit: int(count)})
    inside = tuple(each for each in snapshots if each.end_at and each.end_at > start_at)
    cuts = any(each.start_at and each.start_at <= start_at for each in inside)
    return Stretch(span=span, snapshots=inside, start_at=start_at if cuts else None)


def training_set(
    model: str, stretch: Stretch, *, rows: int, row_filter: str, end_at: datetime | None
) -> TrainingSet:
    """Return the record of a stretch; its digest says snapshots, bounds and filter."""
    snapshots = tuple(each.digest for each in stretch.snapshots)
    start_at = stretch.start_at.astimezone(UTC) if stretch.start_at else None
    bounds = [start_at.isoformat() if start_at else None, None]
    identity = {"snapshots": snapshots, "bounds": bounds, "row_filter": row_filter}
    return TrainingSet(
        model=model,
        digest=digest_of(identity),
        snapshots=snapshots,
        span=stretch.span,
        rows=rows,
        start_at=start_at,
        end_at=end_at,
        row_filter=row_filter,
    )
