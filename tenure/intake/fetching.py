"""Where are the bytes of a batch, and how are those of a bad one kept?

Until it is judged a batch's bytes lie in the source alone; every reading of them is checked against
the batch's digest. Bytes that go into quarantine are copied once, sealed where they may hold
something that nobody may read.
"""

from __future__ import annotations

import hashlib
import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO

from tenure.intake.reading import Broken, Format, format_of, too_many
from tenure.intake.sources import open_location, source_of
from tenure.records import Batch, ViolationKind
from tenure.registry import open_store
from tenure.registry.sealing import MARK, seal, unseal_bytes

if TYPE_CHECKING:
    from tenure.spec.model import ModelSpec
    from tenure.workspace import Workspace

_CHUNK = 1 << 20
_GONE = "Its bytes are not in the source any more, or were changed since it arrived."


class Gone(Exception):
    """The bytes that arrived are not there any more."""


class _Hashing:
    """A reader that knows the digest of what was read through it."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self.found = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._handle.read(size)
        self.found.update(chunk)
        return chunk


def fetch(batch: Batch, spec: ModelSpec, workspace: Workspace) -> bytes:
    """Return the bytes of a batch, from quarantine or from the source.

    Raises:
        Broken: they are gone or changed, or there are more lines than the spec allows rows.
        SourceUnreachable: the source cannot be read now.
        SealBroken, ObjectMissing, ObjectDamaged: the kept bytes cannot be used.
    """
    if batch.kept_object:
        return kept_bytes(batch, workspace)
    source = source_of(spec, workspace)
    try:
        with open_location(source, batch.location) as handle:
            return _read_all(handle, batch, spec)
    except (FileNotFoundError, Gone):
        raise Broken(ViolationKind.UNREADABLE, _GONE) from None


def kept_bytes(batch: Batch, workspace: Workspace) -> bytes:
    """Return the bytes that are kept of a quarantined batch, unsealed if they were sealed."""
    assert batch.kept_object
    data = open_store(workspace).get_bytes(batch.kept_object)
    return data if batch.kept_object == batch.digest else unseal_bytes(data, workspace)


def is_kept_sealed(batch: Batch) -> bool:
    """Say whether the bytes in quarantine are sealed."""
    return batch.kept_object is not None and batch.kept_object != batch.digest


def _read_all(handle: BinaryIO, batch: Batch, spec: ModelSpec) -> bytes:
    reader, parts, lines = _Hashing(handle), [], 0
    most = spec.data.max_rows
    form = format_of(batch.name, spec.data)
    counts = form is not Format.PARQUET
    while chunk := reader.read(_CHUNK):
        parts.append(chunk)
        counts = counts and (form is Format.JSONL or b'"' not in chunk)
        lines += chunk.count(b"\n")
        if counts and lines > most + 1:
            raise too_many(most + 1, most)
    if reader.found.hexdigest() != batch.digest:
        raise Gone
    return b"".join(parts)


def keep_bytes(batch: Batch, spec: ModelSpec, workspace: Workspace, *, sealed: bool) -> str | None:
    """Copy the bytes of a batch into the store; return their object, None if they are gone.

    Args:
        batch: which.
        spec: of the model; says where the source is.
        workspace: where the store is.
        sealed: whether they may be kept only sealed.
    """
    if batch.kept_object and (is_kept_sealed(batch) or not sealed):
        return batch.kept_object
    with tempfile.NamedTemporaryFile(dir=workspace.state, prefix="keeping.") as copy:
        try:
            _copy(batch, spec, workspace, copy, sealed=sealed)
        except (FileNotFoundError, Gone):
            return None
        copy.flush()
        return open_store(workspace).put_file(copy.name)[0]


def _copy(
    batch: Batch, spec: ModelSpec, workspace: Workspace, target: Any, *, sealed: bool
) -> None:
    with _opened(batch, spec, workspace) as handle:
        reader = _Hashing(handle)
        if sealed:
            seal(reader, target, workspace)  # type: ignore[arg-type]
        else:
            while chunk := reader.read(_CHUNK):
                target.write(chunk)
    if reader.found.hexdigest() != batch.digest:
        raise Gone


def _opened(batch: Batch, spec: ModelSpec, workspace: Workspace) -> BinaryIO:
    if batch.kept_object:
        return open_store(workspace).open_object(batch.kept_object)
    return open_location(source_of(spec, workspace), batch.location)


def has_bytes(batch: Batch, spec: ModelSpec, workspace: Workspace) -> bool:
    """Say whether the bytes of a batch are still to be had."""
    try:
        fetch(batch, spec, workspace)
    except Broken as broken:
        return broken.message != _GONE
    return True


__all__ = ["MARK", "Gone", "fetch", "has_bytes", "is_kept_sealed", "keep_bytes", "kept_bytes"]
