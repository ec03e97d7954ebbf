"""Which windows of a champion have closed and were not read yet?

Read from the ledger, the snapshots and the log alone, so that whoever asks later finds the same.
Windows of arrived data begin where the champion's training data end; windows of logged predictions
begin when it takes office.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tenure.monitoring import outputs
from tenure.monitoring.corrections import corrected
from tenure.monitoring.late_labels import grown
from tenure.monitoring.rows import is_logged, logged_rows
from tenure.records import Assignment, Candidate, Reading, Snapshot, Window
from tenure.registry import Ledger, open_ledger
from tenure.registry.specs import spec_in_force
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

MOST = 20
_RECENT = 50
_ALMOST = 0.05
"""A window of data counts as over once rows of its last twentieth are there: no batch ends with the
very last moment of its day."""


def due_windows(model: str, workspace: Workspace) -> list[Window]:
    """Return the windows that have closed and have no reading, oldest first, at most MOST.

    A window whose labels have grown, or were corrected, since it was read is due again, after
    those. A model without a champion, or one that is not monitored, has none.

    Args:
        model: its name.
        workspace: where ledger, data and log are.

    Raises:
        ModelNotFound, BadSpec: there is no readable spec.
    """
    spec, ledger = spec_in_force(model, workspace), open_ledger(workspace)
    slot = ledger.slot(model)
    if not spec.monitoring.enabled or slot is None or slot.version is None:
        return []
    candidate = ledger.candidate(ledger.version(model, slot.version).candidate)
    assert candidate is not None
    read = ledger.readings(model, slot.version, limit=_RECENT)
    closed = _closed(spec, slot, candidate, read, workspace)
    fresh = _unread(closed, read, ledger, slot.version)
    mine = [each for each in read if each.epoch == slot.epoch]
    again = (
        grown(spec, slot, read, workspace)
        if is_logged(spec)
        else corrected(spec, mine, candidate, workspace)
    )
    return [*fresh, *again][:MOST]


def _unread(
    closed: Sequence[Window], read: Sequence[Reading], ledger: Ledger, version: int
) -> list[Window]:
    """Return the windows without a reading; those long before the newest one read are not asked."""
    known = {each.window for each in read}
    places = [place for place, each in enumerate(closed) if each in known]
    since = max(places[-1] - MOST, 0) if places else 0
    return [
        each
        for each in closed[since:]
        if each not in known and ledger.reading_of(each.model, version, each) is None
    ][:MOST]


def _closed(
    spec: ModelSpec,
    slot: Assignment,
    candidate: Candidate,
    read: Sequence[Reading],
    workspace: Workspace,
) -> list[Window]:
    """Return the windows of a champion that have closed, oldest first."""
    kind = spec.monitoring.window.kind
    if is_logged(spec):
        if kind == "days":
            return list(_days(spec, slot.since, workspace.clock.now()))
        return list(_of_logged_rows(spec, slot, read, workspace))
    after = first_after(slot, candidate, workspace)
    snapshots = open_ledger(workspace).snapshots(spec.name, after_seq=after)
    match kind:
        case "days":
            return _of_data_days(spec, slot, after, snapshots, workspace)
        case "rows":
            return list(_of_arrived_rows(spec, snapshots))
        case _:
            return list(_of_batches(spec, snapshots))


def first_after(slot: Assignment, candidate: Candidate, workspace: Workspace) -> int:
    """Return the sequence number after which data are new to a champion.

    That is the end of its training data; for a version that came back, or that stands in, the
    moment at which it took office: what came between was judged by others.
    """
    assert slot.version is not None
    ledger = open_ledger(workspace)
    earlier = [each.version or 0 for each in ledger.tenures(slot.model) if each.epoch < slot.epoch]
    is_new = slot.version > max(earlier, default=0)
    if is_new and not outputs.is_fallback(ledger.evaluation(slot.model, slot.version)):
        return candidate.last_snapshot_seq
    return max(slot.seq, candidate.last_snapshot_seq)


def _of_batches(spec: ModelSpec, snapshots: Sequence[Snapshot]) -> Iterator[Window]:
    size = int(spec.monitoring.window.size)
    for begin in range(0, len(snapshots) - size + 1, size):
        part = snapshots[begin : begin + size]
        yield Window(model=spec.name, kind="batches", first_seq=part[0].seq, last_seq=part[-1].seq)


def _of_arrived_rows(spec: ModelSpec, snapshots: Sequence[Snapshot]) -> Iterator[Window]:
    """Give windows of whole batches, each closed by the batch that fills it."""
    first, rows = None, 0
    for each in snapshots:
        first, rows = first or each.seq, rows + each.rows
        if rows >= spec.monitoring.window.size:
            yield Window(model=spec.name, kind="rows", first_seq=first, last_seq=each.seq)
            first, rows = None, 0


def _of_logged_rows(
    spec: ModelSpec, slot: Assignment, read: Sequence[Reading], workspace: Workspace
) -> Iterator[Window]:
    """Give windows of so many logged predictions, each from the end of the one read before it."""
    assert slot.version is not None
    ends = [
        each.window.end_at
        for each in read
        if each.window.kind == "rows" and each.window.end_at and each.epoch == slot.epoch
    ]
    start, size = max(ends, default=slot.since), int(spec.monitoring.window.size)
    logged = logged_rows(spec, slot.version, start, None, workspace, columns=["at"])
    times = [each.to_pydatetime() for each in logged["at"]]
    while len(times) >= size:
        end = times[size - 1] + timedelta(microseconds=1)
        yield Window(model=spec.name, kind="rows", start_at=start, end_at=end)
        start, times = end, [each for each in times[size:] if each >= end]


def _days(spec: ModelSpec, start: datetime, until: datetime) -> Iterator[Window]:
    length = timedelta(days=spec.monitoring.window.size)
    bounds = [start + place * length for place in range(int((until - start) / length) + 1)]
    for begin, end in pairwise(bounds):
        yield Window(model=spec.name, kind="days", start_at=begin, end_at=end)


def _of_data_days(
    spec: ModelSpec,
    slot: Assignment,
    after: int,
    snapshots: Sequence[Snapshot],
    workspace: Workspace,
) -> list[Window]:
    """Return windows by data time, from the first midnight after the training data.

    One closes when later rows are there. A source that has fallen silent closes them too, one a
    length of time on the clock: silence is no health.
    """
    ledger = open_ledger(workspace)
    before = [each.end_at for each in ledger.snapshots(spec.name) if each.seq <= after]
    known = [at for at in before if at is not None]
    fresh = [each.end_at for each in snapshots if each.end_at is not None]
    if not known and not fresh:
        return []
    start = _midnight_after(max(known) if known else min(fresh), spec)
    length = timedelta(days=spec.monitoring.window.size)
    newest = max([start, *fresh]) + _ALMOST * length
    heard = slot.since
    if snapshots:
        batch = ledger.batch(spec.name, snapshots[-1].batch)
        heard = max(heard, batch.arrived_at) if batch else heard
    silent = int((workspace.clock.now() - heard) / length) - 1
    return list(_days(spec, start, newest + max(silent, 0) * length))


def _midnight_after(at: datetime, spec: ModelSpec) -> datetime:
    zone = ZoneInfo(spec.data.time.timezone if spec.data.time else "UTC")
    day = (at.astimezone(zone) + timedelta(days=1)).date()
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
