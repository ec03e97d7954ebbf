"""Several processes score as one does, and one that dies takes nothing with it."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tenure.serving import Standing, score
from tenure.serving.batch import scoring
from tenure.serving.batch.hands import Lost, Processes
from tenure.workspace import Workspace
from tests.unit.serving import lives
from tests.unit.serving.scored import (
    left_behind,
    manifests,
    outputs,
    predicted,
    put,
    put_groups,
)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "CHUNK_ROWS", 40)
    monkeypatch.setattr(scoring, "PIECE_ROWS", 100)


def furnish(workspace: Workspace) -> None:
    put_groups(workspace, "big.parquet", groups=9)
    put_groups(workspace, "small.parquet", groups=1)
    put(workspace, "text.csv")
    put(workspace, "wrong.csv", "order,amount\n1,2\n")


def test_processes_make_the_bytes_that_one_makes_alone(living: Workspace) -> None:
    furnish(living)
    told: list[Standing] = []
    summary = score("fraud", living, actor=lives.ACTOR, workers=2, progress=told.append)
    assert summary.scored == ("big.parquet", "small.parquet", "text.csv")
    assert [name for name, _ in summary.failed] == ["wrong.csv"]
    assert (summary.rows, [each["rows"] for each in manifests(living)]) == (507, [450, 50, 7])
    assert left_behind(living) == []
    assert (told[-1].partitions, told[-1].of, told[-1].rows) == (4, 4, 507)
    assert [each.share for each in told] == sorted(each.share for each in told)
    assert told[-1].share == pytest.approx(1.0)
    several = outputs(living)
    found = predicted(living)
    assert found["prediction_id"].is_unique
    assert found["row"].tolist() == [*range(450), *range(50), *range(7)]
    for file in living.root.joinpath("score/out").glob("*.parquet"):
        file.unlink()
    alone = score("fraud", living, actor=lives.ACTOR, workers=1)
    assert alone == summary
    assert outputs(living) == several


def _kill_over(name: str, times: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Kill the process that is at a partition, so many times."""
    give, killed = Processes.give, []

    def deadly(hands: Processes, order: Any) -> None:
        give(hands, order)
        if order.name == name and len(killed) < times:
            (worker,) = (each for each in hands._workers if each.order is order)
            killed.append(worker.process.pid)
            os.kill(worker.process.pid, signal.SIGKILL)

    monkeypatch.setattr(Processes, "give", deadly)
    return killed


def test_a_partition_whose_process_is_killed_twice_is_scored_by_a_third(
    living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(living, "a.csv")
    put(living, "b.csv")
    killed = _kill_over("a.csv", 2, monkeypatch)
    summary = score("fraud", living, actor=lives.ACTOR, workers=2)
    assert (summary.scored, summary.failed) == (("a.csv", "b.csv"), ())
    assert len(set(killed)) == 2


def test_a_piece_whose_process_is_always_killed_fails_its_partition_alone(
    living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_groups(living, "a.parquet", groups=6)
    put(living, "b.csv")
    killed = _kill_over("a.parquet", 3, monkeypatch)
    summary = score("fraud", living, actor=lives.ACTOR, workers=2)
    assert summary.scored == ("b.csv",)
    ((name, reason),) = summary.failed
    assert name == "a.parquet"
    assert "killed by signal 9" in reason
    assert "Tried 3 times" in reason
    assert len(killed) == 3
    assert score("fraud", living, actor=lives.ACTOR, workers=2).scored == ("a.parquet",)
    assert left_behind(living) == []


class _Deadly:
    """An order that kills whoever unpacks it."""

    name = "deadly"

    def __reduce__(self) -> Any:
        return os._exit, (7,)


def test_a_process_that_ends_by_itself_is_noticed_and_replaced() -> None:
    hands = Processes(1)
    try:
        for _ in range(2):
            hands.give(_Deadly())  # type: ignore[arg-type]
            order, reply = hands.take()
            assert (order.name, isinstance(reply, Lost)) == ("deadly", True)
            assert hands.pids() == []
    finally:
        hands.close()
