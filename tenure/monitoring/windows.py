"""Which windows of a champion have closed and were not read yet?

Read from the ledger, the snapshots and the log alone, so that whoever asks later finds the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tenure.monitoring import outputs
from tenure.records import Assignment, Candidate, Snapshot, Window
from tenure.registry import open_ledger
from tenure.spec import load_spec
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

MOST = 20


def due_windows(model: str, workspace: Workspace) -> list[Window]:
    """Return the windows that have closed and have no reading, oldest first, at most MOST.

    A window whose labels have grown since it was read is due again. A model without a champion, or
    one that is not monitored, has none.

    Args:
        model: its name.
        workspace: where ledger, data and log are.

    Raises:
        ModelNotFound, BadSpec: there is no readable spec.
    """
    spec, ledger = load_spec(model, workspace), open_ledger(workspace)
    slot = ledger.slot(model)
    if not spec.monitoring.enabled or slot is None or slot.version is None:
        return []
    candidate = ledger.candidate(ledger.version(model, slot.version).candidate)
    assert candidate is not None
    closed = closed_windows(spec, slot, candidate, workspace)
    fresh = [each for each in closed if ledger.reading_of(model, slot.version, each) is None]
    return fresh[:MOST]


def closed_windows(
    spec: ModelSpec, slot: Assignment, candidate: Candidate, workspace: Workspace
) -> Iterator[Window]:
    """Give the windows of a champion that have closed, oldest first."""
    ledger = open_ledger(workspace)
    after = first_after(slot, candidate, workspace)
    yield from _of_batches(spec, ledger.snapshots(spec.name, after_seq=after))


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
