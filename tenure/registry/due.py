"""What does the ledger say is still to be done?

An event may be lost and a run may die; what is due is read from the ledger alone, so whoever asks
later finds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import orjson

from tenure.errors import CandidateNotFound, RolloutOpen
from tenure.records import Batch, BatchState, Candidate, Evaluation, Snapshot, Version
from tenure.registry.opening import open_ledger
from tenure.workspace import Workspace

ALL = 1_000_000


class HasPlace(Protocol):
    """Something that lies in a source, as it stood when it was looked at."""

    @property
    def location(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def modified_at(self) -> datetime: ...  # noqa: D102


A = TypeVar("A", bound=HasPlace)


def unseen(model: str, arrivals: Iterable[A], workspace: Workspace) -> list[A]:
    """Return the arrivals whose bytes nobody has looked at: new places, or changed since.

    Looks at place, size and time only; whoever takes a file decides by the digest of its bytes.
    """
    known: dict[str, list[Batch]] = {}
    for batch in open_ledger(workspace).batches(model, limit=ALL):
        known.setdefault(batch.location, []).append(batch)
    doubles = _read_doubles(model, workspace)
    return [
        arrival
        for arrival in arrivals
        if doubles.get(arrival.location) != _looks(arrival)
        and not any(
            batch.size == arrival.size and batch.arrived_at >= arrival.modified_at
            for batch in known.get(arrival.location, ())
        )
    ]


def note_double(arrival: HasPlace, batch: Batch, workspace: Workspace) -> None:
    """Remember a file whose bytes had arrived before, so that it is not read again and again.

    What is remembered may be lost: then the file is read once more. One process a model may call
    this at a time.
    """
    if batch.location == arrival.location and batch.arrived_at >= arrival.modified_at:
        return
    doubles = _read_doubles(batch.model, workspace) | {arrival.location: _looks(arrival)}
    file = _doubles_file(batch.model, workspace)
    file.parent.mkdir(exist_ok=True)
    fresh = file.with_suffix(".fresh")
    fresh.write_bytes(orjson.dumps(doubles))
    fresh.replace(file)


def _looks(arrival: HasPlace) -> list[object]:
    return [arrival.size, arrival.modified_at.isoformat()]


def _doubles_file(model: str, workspace: Workspace) -> Path:
    return workspace.state / "doubles" / f"{model}.json"


def _read_doubles(model: str, workspace: Workspace) -> dict[str, list[object]]:
    try:
        return orjson.loads(_doubles_file(model, workspace).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}


def batches_to_judge(model: str, workspace: Workspace, *, waiting_s: float = 0.0) -> list[Batch]:
    """Return the batches that arrived and were not judged, oldest first.

    Args:
        model: whose batches.
        workspace: whose ledger.
        waiting_s: only those that have waited for so many seconds.
    """
    arrived = open_ledger(workspace).batches(model, state=BatchState.ARRIVED, limit=ALL)
    until = datetime.now(UTC) - timedelta(seconds=waiting_s)
    return [batch for batch in reversed(arrived) if batch.arrived_at <= until]


def untrained(model: str, workspace: Workspace) -> Snapshot | None:
    """Return the newest snapshot if no version was trained on it yet."""
    ledger = open_ledger(workspace)
    newest = ledger.newest_fit(model)
    candidate = ledger.candidate(newest.candidate) if newest else None
    after = candidate.last_snapshot_seq if candidate else 0
    snapshots = ledger.snapshots(model, after_seq=after)
    return snapshots[-1] if snapshots else None


def version_of(candidates: Sequence[Candidate], workspace: Workspace) -> Version | None:
    """Return the version that one of these fits already became."""
    ledger = open_ledger(workspace)
    for candidate in candidates:
        version = ledger.version_of_candidate(candidate.id)
        if version is not None:
            return version
    return None


def judged_candidate(judged: Evaluation, workspace: Workspace) -> Candidate:
    """Return the candidate that an evaluation chose.

    Raises:
        CandidateNotFound: it is not on record.
    """
    candidate = open_ledger(workspace).candidate(judged.candidate)
    if candidate is None:
        raise CandidateNotFound(candidate=judged.candidate)
    return candidate


def is_settled(version: Version, workspace: Workspace) -> bool:
    """Say whether nothing is left to do about a version that was judged.

    It is not settled if the gate promoted it and the slot still stands where the gate saw it: then
    whoever judged it died before the slot moved. One that is, or was, rolled out against that
    champion is settled: `reconcile` moves it on, and what came back is not tried again.
    """
    ledger = open_ledger(workspace)
    judged = ledger.evaluation(version.model, version.number)
    slot = ledger.slot(version.model)
    epoch = slot.epoch if slot else 0
    rolled = ((each.version, each.champion_epoch) for each in ledger.rollouts(version.model))
    if (version.number, epoch) in rolled:
        return True
    return not (judged.promotes and epoch == judged.champion_epoch)


def note_waiting(
    version: Version, judged: Evaluation, busy: RolloutOpen, workspace: Workspace, *, actor: str
) -> None:
    """Put on record that a version won and does not take office yet, and why."""
    open_ledger(workspace).note(
        "promotion_refused",
        model=version.model,
        actor=actor,
        reason=str(busy),
        evidence=judged.digest,
        body={"version": version.number, "refused_as": busy.code},
    )
