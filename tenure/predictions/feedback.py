"""How does what people and systems say about predictions get kept, once each, and read again?

Labels and overrides by prediction id. They go into frames in the spool, synced before they are
acknowledged, and a finished file becomes one Parquet file a model, as the prediction log does. An
id may still be on its way to the log; so none is looked up here.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tenure.predictions.frames import ENDING, FrameFile, is_being_written, read_frames
from tenure.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

LABEL, OVERRIDE = "label", "override"
_LONGEST_SPOOL = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said about one prediction.

    Attributes:
        kind: LABEL, what turned out to be true, or OVERRIDE, what a person decided instead.
        value: a text, a number or a truth value.
        at: when it was so, as ISO 8601 with a zone; None for when it came.
        by: who decided; None for a label.
        reason: why; None for a label.
    """

    kind: str
    id: str
    value: Any
    at: str | None = None
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackLimits:
    """How much may wait, and when a file is ended."""

    waiting: int = 1_000
    file_bytes: int = 16 * 1024 * 1024
    file_age_s: float = 60.0


class FeedbackFull(Exception):
    """Too much waits for the disk."""


class FeedbackSpool:
    """The feedback of one process: what was acknowledged is on the disk.

    One thread writes, and syncs once for all that waited meanwhile.
    """

    def __init__(self, folder: Path, limits: FeedbackLimits | None = None) -> None:
        self.folder = folder
        self.limits = limits or FeedbackLimits()
        self._waiting: queue.Queue[tuple[dict[str, Any], Future[None]] | None] = queue.Queue()
        self._file: FrameFile | None = None
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, model: str, said: Sequence[Said], *, key: str) -> Future[None]:
        """Take what was said; done once it outlives a loss of power, an OSError if it cannot.

        Args:
            model: which model's predictions it is about.
            said: what was said.
            key: the id of the key that brought it, empty for none.

        Raises:
            FeedbackFull: too much waits.
        """
        if self._waiting.qsize() >= self.limits.waiting:
            raise FeedbackFull
        line = {
            "kind": "said",
            "model": model,
            "at_us": time.time_ns() // 1000,
            "key": key,
            "said": [
                [each.kind, each.id, each.value, each.at, each.by, each.reason] for each in said
            ],
        }
        done: Future[None] = Future()
        self._waiting.put((line, done))
        self._begin()
        return done

    def close(self) -> None:
        """Write what waits, and end the file."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        self._end()

    def _begin(self) -> None:
        # Most models never hear anything: the thread begins with the first word.
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._write_on, name="tenure-feedback", daemon=True
                )
                self._thread.start()

    def _write_on(self) -> None:
        while True:
            try:
                first = self._waiting.get(timeout=self.limits.file_age_s if self._file else None)
            except queue.Empty:
                self._end()
                continue
            taken = [first]
            while not self._waiting.empty():
                taken.append(self._waiting.get_nowait())
            self._write([each for each in taken if each is not None])
            if None in taken:
                return

    def _write(self, taken: list[tuple[dict[str, Any], Future[None]]]) -> None:
        try:
            if taken:
                if self._file is None:
                    self._file = FrameFile(self.folder)
                self._file.append([line for line, _ in taken])
                self._file.sync()
        except OSError as error:
            for _, done in taken:
                done.set_exception(error)
            return
        for _, done in taken:
            done.set_result(None)
        file = self._file
        if file is not None and self._is_due(file):
            self._end()

    def _is_due(self, file: FrameFile) -> bool:
        age_s = time.monotonic() - file.began_at
        return file.size >= self.limits.file_bytes or age_s >= self.limits.file_age_s

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def feedback_spool(workspace: Workspace) -> Path:
    """Return where server processes write what was said."""
    return workspace.spool / "feedback"


def feedback_folder(workspace: Workspace) -> Path:
    """Return where feedback's Parquet files are: MODEL/DAY/FILE.parquet."""
    return workspace.state / "feedback"


def carry_feedback(workspace: Workspace) -> int:
    """Turn every finished spool file into Parquet, once each; return how much was said in them."""
    from tenure.predictions.parquet import write_table

    count = 0
    for file in sorted(feedback_spool(workspace).glob(f"*{ENDING}")):
        try:
            source = open(file, "rb")  # noqa: SIM115
        except FileNotFoundError:
            continue
        with source:
            if is_being_written(source) or not file.exists():
                continue
            for model, rows in _by_model(source, file.name).items():
                write_table(_table(rows), _path(file.stem, model, workspace))
                count += len(rows)
            file.unlink()
    return count


def read_feedback(
    model: str, workspace: Workspace, *, since: datetime | None = None
) -> list[tuple[datetime, Said]]:
    """Return what was said about a model's predictions, and when it came, oldest first.

    Args:
        model: its name.
        workspace: whose.
        since: aware; what came at or after it.
    """
    import pyarrow.parquet as pq

    folder = feedback_folder(workspace)
    # Listed before the Parquet files: what is carried over meanwhile is in both, never in none.
    spooled = dict(_spooled(model, workspace))
    found: list[tuple[datetime, Said]] = []
    there = {each for each in folder.glob(f"{model}/*/*.parquet") if _may_hold(each, since)}
    for path in sorted(there):
        found += [_said(row) for row in pq.ParquetFile(path).read().to_pylist()]
    for path in sorted(spooled.keys() - set(folder.glob(f"{model}/*/*.parquet"))):
        found += [_said(row) for row in spooled[path]]
    if since is not None:
        found = [each for each in found if each[0] >= since]
    return sorted(found, key=lambda each: each[0])


def feedback_mark(model: str, workspace: Workspace) -> list[list[object]]:
    """Return what tells whether there may be something new about a model, without reading any."""
    kept = feedback_folder(workspace).glob(f"{model}/*/*.parquet")
    waiting = feedback_spool(workspace).glob(f"*{ENDING}")
    marks = []
    for file in sorted([*kept, *waiting]):
        try:
            marks.append([file.name, file.stat().st_size])
        except FileNotFoundError:
            continue  # carried over meanwhile
    return marks


def _spooled(model: str, workspace: Workspace) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    for file in sorted(feedback_spool(workspace).glob(f"*{ENDING}")):
        try:
            with open(file, "rb") as source:
                rows = _by_model(source, file.name).get(model)
        except FileNotFoundError:
            continue
        if rows:
            yield _path(file.stem, model, workspace), rows


def _path(spool: str, model: str, workspace: Workspace) -> Path:
    day = f"{spool[:4]}-{spool[4:6]}-{spool[6:8]}"
    return feedback_folder(workspace) / model / day / f"{spool}.parquet"


def _may_hold(path: Path, since: datetime | None) -> bool:
    return since is None or path.parent.name >= f"{since.astimezone(UTC) - _LONGEST_SPOOL:%Y-%m-%d}"


def _by_model(source: Any, name: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for line in read_frames(source, name):
        rows = found.setdefault(line["model"], [])
        for kind, said_of, value, at, by, reason in line["said"]:
            row = {"came_us": line["at_us"], "kind": kind, "id": said_of, "at": at, "by": by}
            rows.append(row | {"value": orjson.dumps(value).decode(), "reason": reason})
            rows[-1]["key"] = line["key"]
    return found


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    names = ("kind", "id", "value", "at", "by", "reason", "key")
    schema = pa.schema(
        [("came_us", pa.timestamp("us", tz="UTC")), *((name, pa.string()) for name in names)]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def _said(row: dict[str, Any]) -> tuple[datetime, Said]:
    came = row["came_us"]
    if not isinstance(came, datetime):
        came = datetime.fromtimestamp(came / 1e6, UTC)
    said = Said(
        kind=row["kind"],
        id=row["id"],
        value=orjson.loads(row["value"]),
        at=row["at"],
        by=row["by"],
        reason=row["reason"],
    )
    return came, said
