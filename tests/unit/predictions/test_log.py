"""What was answered is in the log once, whoever is killed and however often it is carried over."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenure import predictions
from tenure.predictions import Answered, LoggedVersion, LogLimits, PredictionLog, RowIds, parquet
from tenure.predictions.frames import FrameFile
from tenure.predictions.schema import lines_of, version_line
from tenure.records import Column
from tenure.workspace import Workspace

INPUTS = (
    Column(name="amount", type="float64"),
    Column(name="items", type="int64"),
    Column(name="country", type="category", categories=("at",)),
    Column(name="is_new", type="bool"),
    Column(name="day", type="date"),
    Column(name="at", type="datetime"),
)
VERSION = LoggedVersion(model="fraud", version=3, inputs=INPUTS, classes=("fine", "fraud"))
AT = datetime(2026, 5, 3, 14, 3, tzinfo=UTC)


def answered(*ids: str, of: LoggedVersion = VERSION, at: datetime = AT) -> Answered:
    rows = len(ids)
    inputs = {
        "amount": [1.5] * rows,
        "items": [2] * rows,
        "country": ["at"] * rows,
        "is_new": [True] * rows,
        "day": ["2026-05-03"] * rows,
        "at": ["2026-05-03T14:03:00+00:00"] * rows,
    }
    return Answered(
        of=of,
        epoch=7,
        slot="champion",
        at_us=int(at.timestamp() * 1e6),
        ids=list(ids),
        inputs=inputs if of.inputs else None,
        predictions=["fraud"] * rows,
        probabilities=[[0.25, 0.75]] * rows if of.classes else None,
        latency_us=1500,
    )


def write(workspace: Workspace, *entries: Answered) -> Path:
    """Write entries as a process does that then ends."""
    file = FrameFile(predictions.spool_folder(workspace))
    for entry in entries:
        file.append([version_line(entry.of), *lines_of([entry])])
    file.close()
    return file.path


def ids(workspace: Workspace, **bounds: Any) -> list[str]:
    return predictions.read("fraud", workspace, **bounds)["id"].tolist()


def test_an_entry_comes_back_typed_before_and_after_it_is_carried_over(
    workspace: Workspace,
) -> None:
    write(workspace, answered("a", "b"))
    spooled = predictions.read("fraud", workspace)
    assert predictions.carry(workspace) == predictions.Carried(files=1, rows=2)
    kept = predictions.read("fraud", workspace)
    assert spooled.equals(kept)
    assert {name: str(kind) for name, kind in kept.dtypes.items()} == {
        "id": "str",
        "at": "datetime64[us, UTC]",
        "model": "str",
        "version": "int64",
        "epoch": "int64",
        "slot": "str",
        "latency_ms": "float64",
        "prediction": "str",
        "probability.fine": "float64",
        "probability.fraud": "float64",
        "input.amount": "float64",
        "input.items": "int64",
        "input.country": "str",
        "input.is_new": "bool",
        "input.day": "object",
        "input.at": "datetime64[us, UTC]",
    }
    assert kept.iloc[0][["id", "version", "epoch", "latency_ms"]].tolist() == ["a", 3, 7, 1.5]


def test_a_time_window_takes_its_start_and_leaves_its_end(workspace: Workspace) -> None:
    write(workspace, *(answered(f"{m}", at=AT + timedelta(minutes=m)) for m in range(4)))
    for _ in range(2):
        window = {"since": AT + timedelta(minutes=1), "until": AT + timedelta(minutes=3)}
        assert ids(workspace, **window) == ["1", "2"]
        predictions.carry(workspace)


def test_versions_with_other_columns_stand_side_by_side(workspace: Workspace) -> None:
    bare = LoggedVersion(model="fraud", version=4, inputs=(), classes=())
    other = LoggedVersion(model="price", version=1, inputs=(), classes=())
    write(workspace, answered("a"), answered("b", of=bare), answered("c", of=other))
    predictions.carry(workspace)
    frame = predictions.read("fraud", workspace)
    assert frame["version"].tolist() == [3, 4]
    assert frame["probability.fraud"].isna().tolist() == [False, True]
    assert predictions.read("price", workspace)["id"].tolist() == ["c"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(), st.integers(-(2**63), 2**63 - 1)), min_size=2, max_size=9))
def test_rows_that_came_as_arrays_are_read_as_those_that_came_as_lists(
    workspace: Workspace, rows: list[tuple[float, int]]
) -> None:
    columns = (Column(name="share", type="float64"), Column(name="count", type="int64"))
    of = LoggedVersion(model="fraud", version=3, inputs=columns, classes=(0, 1))
    shares = np.array([share for share, _ in rows])
    arrays = {"share": shares, "count": np.array([count for _, count in rows])}
    both = np.column_stack([shares, shares])
    as_json = [None if not np.isfinite(share) else share for share in shares.tolist()]
    lists = {"share": as_json, "count": [count for _, count in rows]}
    found = []
    for inputs, answers, likely, ids in (
        (arrays, shares, both, RowIds("x", len(rows))),
        (lists, as_json, [[each, each] for each in as_json], [f"x-{n}" for n in range(len(rows))]),
    ):
        one = Answered(
            of=of,
            epoch=7,
            slot="champion",
            at_us=int(AT.timestamp() * 1e6),
            ids=ids,
            inputs=inputs,  # type: ignore[arg-type]
            predictions=answers,  # type: ignore[arg-type]
            probabilities=likely,  # type: ignore[arg-type]
            latency_us=1,
        )
        place = replace(workspace, root=workspace.root / uuid4().hex)
        write(place, one)
        fresh = predictions.read("fraud", place)
        assert predictions.carry(place).rows == len(rows)
        pd.testing.assert_frame_equal(fresh, predictions.read("fraud", place))
        found.append(fresh)
    pd.testing.assert_frame_equal(*found)


def test_an_empty_log_is_an_empty_frame(workspace: Workspace) -> None:
    assert len(predictions.read("fraud", workspace)) == 0
    assert predictions.carry(workspace).files == 0


def test_a_file_that_is_still_written_is_read_and_not_carried_over(workspace: Workspace) -> None:
    log = PredictionLog(predictions.spool_folder(workspace))
    log.append(answered("a"))
    log.flush()
    assert predictions.carry(workspace).files == 0
    assert ids(workspace) == ["a"]
    log.close()
    assert predictions.carry(workspace).files == 1
    assert ids(workspace) == ["a"]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_tail_loses_only_itself(workspace: Workspace, cut: int) -> None:
    path = write(workspace, answered("a"), answered("b"), answered("c"))
    path.write_bytes(path.read_bytes()[:-cut])
    assert ids(workspace) == ["a", "b"]
    predictions.carry(workspace)
    assert ids(workspace) == ["a", "b"]


def test_a_flipped_bit_is_noticed(workspace: Workspace) -> None:
    path = write(workspace, answered("a"), answered("b"))
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)
    assert ids(workspace) == ["a"]


@pytest.mark.parametrize("stage", ["os.replace", "Path.unlink", "os.fsync"])
def test_a_carry_over_that_is_killed_and_repeated_keeps_each_row_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    write(workspace, answered("a", "b"), answered("c", of=_other()))
    write(workspace, answered("d"))

    def die(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def doomed() -> None:
        match stage:
            case "os.replace":
                monkeypatch.setattr(parquet.os, "replace", die)
            case "os.fsync":
                monkeypatch.setattr(parquet.os, "fsync", die)
            case _:
                monkeypatch.setattr(Path, "unlink", die)
        predictions.carry(workspace)

    assert _in_child(doomed) == -signal.SIGKILL
    assert ids(workspace) == ["a", "b", "d"]
    predictions.carry(workspace)
    predictions.carry(workspace)
    assert ids(workspace) == ["a", "b", "d"]
    assert predictions.read("price", workspace)["id"].tolist() == ["c"]
    assert list(predictions.spool_folder(workspace).iterdir()) == []


def test_a_killed_writer_loses_nothing_that_was_written(workspace: Workspace) -> None:
    def doomed() -> None:
        log = PredictionLog(predictions.spool_folder(workspace))
        log.append(answered("a", "b"))
        log.flush()
        log.append(answered("c"))
        os.kill(os.getpid(), signal.SIGKILL)

    assert _in_child(doomed) == -signal.SIGKILL
    assert ids(workspace) == ["a", "b"]
    assert predictions.carry(workspace).rows == 2
    assert ids(workspace) == ["a", "b"]


def test_a_full_disk_is_waited_out_and_loses_nothing_that_fits_the_buffer(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PredictionLog(predictions.spool_folder(workspace), LogLimits(buffered_rows=3))
    log.append(answered("a"))
    log.flush()
    real = os.write

    def full(descriptor: int, data: Any) -> int:
        real(descriptor, bytes(data)[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tenure.predictions.frames.os.write", full)
        log.append(answered("b", "c"))
        log.flush()
        assert log.trouble == "No space left on device"
        log.append(answered("d"))
        log.append(answered("lost"))
        assert log.dropped == 1
    log.close()
    assert (log.trouble, log.dropped) == (None, 1)
    assert ids(workspace) == ["a", "b", "c", "d"]


def test_what_cannot_be_written_at_the_end_is_counted(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PredictionLog(predictions.spool_folder(workspace))
    log.append(answered("a", "b"))

    def closed(*_: Any, **__: Any) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tenure.predictions.frames.os.open", closed)
    log.close()
    assert (log.dropped, log.trouble) == (2, "Permission denied")


def test_a_file_ends_when_it_is_large_enough(workspace: Workspace) -> None:
    log = PredictionLog(
        predictions.spool_folder(workspace), LogLimits(file_bytes=1, write_every_s=0.01)
    )
    log.start()
    log.append(answered("a"))
    _until(lambda: predictions.carry(workspace).files == 1)
    log.append(answered("b"))
    _until(lambda: predictions.carry(workspace).files == 1)
    log.close()
    assert ids(workspace) == ["a", "b"]


def _other() -> LoggedVersion:
    return LoggedVersion(model="price", version=1, inputs=(), classes=())


def _until(holds: Callable[[], bool]) -> None:
    end = datetime.now(UTC) + timedelta(seconds=60)
    while not holds():
        assert datetime.now(UTC) < end


def _in_child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def test_only_the_version_and_columns_asked_for_are_read(workspace: Workspace) -> None:
    other = LoggedVersion(model="fraud", version=4, inputs=INPUTS, classes=("fine", "fraud"))
    write(workspace, answered("a"), answered("b", of=other))
    for _ in range(2):
        found = predictions.read("fraud", workspace, version=4, columns=["input.items", "no.such"])
        assert list(found.columns) == ["id", "at", "input.items"]
        assert found["id"].tolist() == ["b"]
        assert ids(workspace, version=5) == []
        predictions.carry(workspace)


def test_files_of_days_long_past_are_not_opened(workspace: Workspace) -> None:
    write(workspace, answered("a", at=datetime.now(UTC)))
    predictions.carry(workspace)
    [file] = predictions.log_folder(workspace).glob("fraud/*/*.parquet")
    old = file.parent.parent / "2020-01-01"
    old.mkdir()
    (old / file.name).write_bytes(b"no Parquet at all")
    assert ids(workspace, since=datetime.now(UTC) - timedelta(days=1)) == ["a"]
