"""How does a file become a batch on record?

Its bytes are hashed and the ledger's row is written; nothing is copied. The same bytes, under
whatever name, are one batch.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from tenure.errors import NotInSource, StillBeingWritten
from tenure.intake.sources import Arrival, Source, is_open_for_writing, open_location, source_of
from tenure.records import Batch
from tenure.registry import open_ledger
from tenure.registry.specs import spec_in_force

if TYPE_CHECKING:
    from tenure.workspace import Workspace

_CHUNK = 1 << 20


def receive(model: str, location: str | Arrival, workspace: Workspace, *, actor: str) -> Batch:
    """Put a file of the model's source on record as a batch; bytes seen before stay that batch.

    Args:
        model: its name.
        location: the file's name in the source, its full location, or what `locate` found.
        workspace: where the ledger is.
        actor: who brings it.

    Raises:
        NotInSource: the location is none of the model's source, or no file is there.
        StillBeingWritten: somebody has it open for writing, or it changed while it was read.
        SourceUnreachable: it cannot be read.
    """
    return receive_new(model, location, workspace, actor=actor)[0]


def receive_new(
    model: str, location: str | Arrival, workspace: Workspace, *, actor: str
) -> tuple[Batch, bool]:
    """As `receive`; say also whether these bytes were new to the ledger."""
    source = source_of(spec_in_force(model, workspace), workspace)
    named = location.location if isinstance(location, Arrival) else location
    name = source.name_of(workspace.locate(named) if "/" in named else named)
    digest, size = _read_standing_still(source, name)
    ledger = open_ledger(workspace)
    is_new = ledger.batch(model, digest) is None
    batch = ledger.arrive(
        model, digest=digest, name=name, location=source.place(name), size=size, actor=actor
    )
    return batch, is_new


def _read_standing_still(source: Source, name: str) -> tuple[str, int]:
    place = source.place(name)
    try:
        if source.is_local and is_open_for_writing(place):
            raise StillBeingWritten(model=source.model, name=name)
        with open_location(source, name) as handle:
            before = _facts(handle)
            digest, size = _hashed(handle)
            if _facts(handle) != before:
                raise StillBeingWritten(model=source.model, name=name)
    except FileNotFoundError:
        raise NotInSource(model=source.model, name=name, source=source.where) from None
    return digest, size


def _facts(handle: Any) -> tuple[int, ...]:
    try:
        facts = os.fstat(handle.fileno())
    except (OSError, AttributeError):
        return ()  # an object of a URL is whole or not there
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def _hashed(handle: BinaryIO) -> tuple[str, int]:
    found, size = hashlib.sha256(), 0
    while chunk := handle.read(_CHUNK):
        found.update(chunk)
        size += len(chunk)
    return found.hexdigest(), size
