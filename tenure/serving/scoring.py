"""How does a folder of files with rows become a folder of predictions, each file once?

A file's bytes are its identity: its predictions are one Parquet file, named by it and by the digest
of those bytes, which appears whole by a rename and holds its own record. So a run that was killed
goes on where it was, and a file that was scored is not scored again. One version answers for one
whole file.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tenure.errors import BadFile, BadRows, NoChampion, ScoringRefused, TenureError
from tenure.intake.typed_rows import read_rows
from tenure.records import Assignment, Column
from tenure.registry import open_ledger
from tenure.serving.loading import load_runtime
from tenure.serving.outlets import Folder, Scored
from tenure.serving.runtime import Predicted, Runtime
from tenure.spec import load_spec
from tenure.spec.model import ModelSpec, ScoringSpec
from tenure.spec.treatment import treat_frame
from tenure.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_log = logging.getLogger(__name__)

CHUNK_ROWS = 50_000

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSummary:
    """What one run of scoring did.

    Attributes:
        scored: names of the files that were scored now.
        known: how many files had been scored before.
        rows: how many rows were scored now.
        versions: which versions did it.
        failed: name and reason of each file that cannot be scored; tried again next time.
        waiting: names of files that are still being written.
    """

    model: str
    scored: tuple[str, ...]
    known: int
    rows: int
    versions: tuple[int, ...]
    failed: tuple[tuple[str, str], ...]
    waiting: tuple[str, ...]
    destination: str


class _Champion:
    """The version that answers; looked up for each file, loaded when it is another one."""

    def __init__(self, model: str, workspace: Workspace) -> None:
        self._model, self._workspace = model, workspace
        self._runtime: Runtime | None = None

    def now(self) -> tuple[Assignment, Runtime]:
        ledger = open_ledger(self._workspace)
        slot = ledger.slot(self._model)
        if slot is None or slot.version is None:
            raise NoChampion(model=self._model)
        if self._runtime is None or self._runtime.version != slot.version:
            version = ledger.version(self._model, slot.version)
            self._runtime = load_runtime(version, self._workspace, isolated=False)
        return slot, self._runtime


def score(
    model: str, workspace: Workspace, *, actor: str, progress: Progress | None = None
) -> ScoreSummary:
    """Score every file of the spec's source that was not scored yet.

    Args:
        model: its name.
        workspace: where it is.
        actor: who asked; stands in each manifest.
        progress: called with how many of how many files are done, and the next one's name.

    Raises:
        ModelNotFound, BadSpec, NoChampion: there is nothing to score with.
        ScoringRefused: the spec says not where, or there is no such folder.
        ArtifactRefused, ObjectMissing, ObjectDamaged: the champion is not fit to load.
    """
    spec = load_spec(model, workspace)
    source, destination = _places(spec, workspace)
    champion = _Champion(model, workspace)
    champion.now()
    work = _Work(spec, source, destination, champion, actor)
    files = source.names(_scoring(spec).pattern)
    for place, name in enumerate(files):
        if progress is not None:
            progress(place, len(files), name)
        work.take(name)
    if progress is not None:
        progress(len(files), len(files), "")
    return work.summary()


@dataclass
class _Work:
    """One run's way through the files of a source."""

    spec: ModelSpec
    source: Folder
    destination: Folder
    champion: _Champion
    actor: str
    scored: list[Scored] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    known: int = 0

    def take(self, name: str) -> None:
        content = self.source.settled_content(name)
        if content is None:
            self.waiting.append(name)
            return
        digest = hashlib.sha256(content).hexdigest()
        if self.destination.has_scored(name, digest):
            self.known += 1
            return
        try:
            self.scored.append(self._score(name, content, digest))
        except (BadFile, BadRows, ValueError, TypeError, ArithmeticError) as error:
            self.failed.append((name, _reason(error)))
            _log.warning("a file of '%s' cannot be scored: %s", self.spec.name, _reason(error))

    def _score(self, name: str, content: bytes, digest: str) -> Scored:
        slot, runtime = self.champion.now()
        data = self.spec.data
        keys = _key_columns(self.spec, runtime)
        rows = read_rows(name, content, (*runtime.asked, *keys), data)
        kept = treat_frame(rows.filter([key.name for key in keys]), data, runtime.workspace)
        record = Scored(
            model=self.spec.name,
            input=name,
            digest=digest,
            rows=len(rows),
            version=runtime.version,
            epoch=slot.epoch,
            actor=self.actor,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        chunks = (
            _chunk(rows.iloc[start : start + CHUNK_ROWS], start, runtime, kept, record)
            for start in range(0, len(rows), CHUNK_ROWS)
        )
        self.destination.keep(record, chunks)
        return record

    def summary(self) -> ScoreSummary:
        return ScoreSummary(
            model=self.spec.name,
            scored=tuple(each.input for each in self.scored),
            known=self.known,
            rows=sum(each.rows for each in self.scored),
            versions=tuple(sorted({each.version for each in self.scored})),
            failed=tuple(self.failed),
            waiting=tuple(self.waiting),
            destination=self.destination.where,
        )


def _scoring(spec: ModelSpec) -> ScoringSpec:
    if spec.scoring is None:
        detail = "its spec has no `scoring: {source, destination}`"
        raise ScoringRefused(model=spec.name, detail=detail)
    return spec.scoring


def _places(spec: ModelSpec, workspace: Workspace) -> tuple[Folder, Folder]:
    scoring = _scoring(spec)
    source = Folder(workspace.locate(scoring.source))
    destination = Folder(workspace.locate(scoring.destination))
    if not source.exists():
        raise ScoringRefused(model=spec.name, detail=f"there is no folder {source.where}")
    return source, destination


def _reason(error: Exception) -> str:
    # scikit-learn's texts may quote a row.
    return str(error) if isinstance(error, TenureError) else f"{type(error).__name__}."


def _key_columns(spec: ModelSpec, runtime: Runtime) -> tuple[Column, ...]:
    asked = {column.name for column in runtime.asked}
    known = spec.data.columns
    return tuple(
        Column(name=name, type=known.get(name, "string"))
        for name in spec.data.key
        if name not in asked
    )


def _chunk(
    rows: pd.DataFrame, start: int, runtime: Runtime, kept: pd.DataFrame, record: Scored
) -> pa.Table:
    import pyarrow as pa

    found = runtime.predict(runtime.treated(rows), probabilities=True)
    columns: dict[str, Any] = {
        "prediction_id": pa.array(
            [f"{record.digest[:12]}-{start + place}" for place in range(len(rows))]
        ),
        "row": pa.array(range(start, start + len(rows)), pa.int64()),
    }
    for key in kept.columns:
        columns[key] = pa.Array.from_pandas(kept[key].iloc[start : start + len(rows)])
    columns |= _predicted(found, runtime)
    columns["version"] = pa.array([record.version] * len(rows), pa.int64())
    columns["epoch"] = pa.array([record.epoch] * len(rows), pa.int64())
    return pa.table(columns)


def _predicted(found: Predicted, runtime: Runtime) -> dict[str, Any]:
    import pyarrow as pa

    kind = pa.float64() if not runtime.classes else None
    columns: dict[str, Any] = {"prediction": pa.array(found.values, kind)}
    if found.probabilities is not None:
        for place, label in enumerate(runtime.classes):
            shares = [each[place] for each in found.probabilities]
            columns[f"probability.{label}"] = pa.array(shares, pa.float64())
    return columns
