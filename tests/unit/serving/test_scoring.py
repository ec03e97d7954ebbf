"""A folder of files becomes a folder of predictions, each file once, whoever is killed."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import orjson
import pandas as pd
import pyarrow as pa
import pytest

from tenure.errors import BadRows, Halted, NoChampion, ScoringRefused, SlotVacant
from tenure.registry import open_ledger
from tenure.registry.frames import cast
from tenure.serving import Standing, predict_offline, score
from tenure.serving.batch import computing, frames, scoring
from tenure.workspace import Workspace
from tests.unit.serving import lives
from tests.unit.serving.scored import ROWS, left_behind, manifests, out, predicted, put


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_file_of_each_format_is_scored_as_the_endpoint_would(
    living: Workspace, ending: str
) -> None:
    put(living, f"march.{ending}")
    summary = score("fraud", living, actor=lives.ACTOR)
    assert (summary.scored, summary.rows, summary.versions) == ((f"march.{ending}",), 7, (1,))
    asked = [{name: row[name] for name in lives.ROW} for row in ROWS]
    wanted = predict_offline("fraud", asked, living)
    found = predicted(living)
    assert found["prediction"].tolist() == wanted["predictions"]
    shares = [row[1] for row in wanted["probabilities"]]
    assert found["probability.fraud"].tolist() == pytest.approx(shares)
    assert found["order"].tolist() == [row["order"] for row in ROWS]
    assert found["row"].tolist() == list(range(7))
    assert found["prediction_id"].is_unique
    assert set(found["version"]) == {1}


def test_what_was_scored_is_not_scored_again(living: Workspace) -> None:
    put(living, "a.csv")
    score("price", living, actor=lives.ACTOR)
    lives.promote(living, 2, "price")
    put(living, "b.csv", ROWS[:2])
    again = score("price", living, actor=lives.ACTOR)
    assert (again.scored, again.known, again.versions) == (("b.csv",), 1, (2,))
    assert predicted(living).groupby("version").size().to_dict() == {1: 7, 2: 2}


def test_other_bytes_under_the_same_name_are_another_file(living: Workspace) -> None:
    put(living, "a.csv", ROWS[:2])
    score("price", living, actor=lives.ACTOR)
    put(living, "a.csv", ROWS[2:])
    assert score("price", living, actor=lives.ACTOR).rows == 5
    assert len(predicted(living)) == 7


def test_the_manifest_says_what_was_scored_by_what(living: Workspace) -> None:
    put(living, "a.csv")
    score("price", living, actor=lives.ACTOR)
    (manifest,) = (out(living) / "_manifests").iterdir()
    said = orjson.loads(manifest.read_bytes())
    assert (said["input"], said["rows"], said["version"], said["epoch"], said["actor"]) == (
        "a.csv",
        7,
        1,
        1,
        lives.ACTOR,
    )
    manifest.unlink()
    assert score("price", living, actor=lives.ACTOR).known == 1
    assert orjson.loads(manifest.read_bytes()) == said


BAD = {
    "missing.csv": "amount,items,country\n1,2,at\n",
    "typed.csv": "order,amount,items,country,is_new\n1,abc,2,at,true\n",
    "ragged.csv": "order,amount,items,country,is_new\n1,2\n",
    "empty.csv": "",
    "header.csv": "order,amount,items,country,is_new\n",
    "broken.parquet": "no parquet",
    "cut.jsonl": '{"order": "1", "amount": 1',
}


def test_a_bad_file_is_named_and_the_others_are_scored(living: Workspace) -> None:
    for name, text in BAD.items():
        put(living, name, text)
    put(living, "good.csv")
    put(living, "_work.csv", "not looked at")
    summary = score("price", living, actor=lives.ACTOR)
    assert summary.scored == ("good.csv",)
    assert {name for name, _ in summary.failed} == BAD.keys()
    assert "abc" not in str(summary.failed)
    assert len(predicted(living)) == 7


@pytest.mark.parametrize("stage", ["the second file", "fsync", "link", "replace", "unlink"])
def test_a_killed_run_is_finished_by_the_next(
    living: Workspace, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    for name in ("a.csv", "b.csv"):
        put(living, name, ROWS[: 3 + (name == "a.csv")])

    def die(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def doomed() -> None:
        def progress(standing: Standing) -> None:
            if standing.partitions == 1:
                die()

        match stage:
            case "the second file":
                score("price", living, actor=lives.ACTOR, progress=progress)
            case "unlink":
                monkeypatch.setattr(Path, "unlink", die)
            case _:
                monkeypatch.setattr(f"tenure.serving.batch.folders.os.{stage}", die)
        score("price", living, actor=lives.ACTOR)

    assert _in_child(doomed) == -signal.SIGKILL
    score("price", living, actor=lives.ACTOR)
    found = predicted(living)
    assert len(found) == 7
    assert found["prediction_id"].is_unique
    assert len(list((out(living) / "_manifests").iterdir())) == 2


def test_a_large_file_is_scored_in_chunks_by_one_version(
    living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "CHUNK_ROWS", 3)
    put(living, "a.parquet")
    real = computing._answer
    started = []

    def moves_meanwhile(rows: Any, start: int, *rest: Any) -> Any:
        started.append(start)
        if start == 3:
            lives.promote(living, 2, "price")
        return real(rows, start, *rest)

    monkeypatch.setattr(computing, "_answer", moves_meanwhile)
    assert score("price", living, actor=lives.ACTOR).versions == (1,)
    found = predicted(living)
    assert started == [0, 3, 6]
    assert found["row"].tolist() == list(range(7))
    assert set(found["version"]) == {1}


def test_scoring_without_a_place_or_a_champion_is_refused(living: Workspace) -> None:
    file = living.models_folder / "price.yaml"
    text = file.read_text()
    with pytest.raises(ScoringRefused, match="there is no folder"):
        score("price", living, actor=lives.ACTOR)
    file.write_text(text.split("scoring:")[0])
    with pytest.raises(ScoringRefused, match="no `scoring"):
        score("price", living, actor=lives.ACTOR)
    lives.write_spec(living, "young")
    put(living, "a.csv")
    with pytest.raises(NoChampion):
        score("young", living, actor=lives.ACTOR)


def test_nobody_in_office_is_said_with_who_left_it_so(living: Workspace) -> None:
    put(living, "a.csv")
    said = {"actor": lives.ACTOR, "reason": "Its data was wrong.", "evidence": "e" * 64}
    open_ledger(living).vacate("price", expected_epoch=1, **said)
    with pytest.raises(SlotVacant, match=r"Nobody is in office for 'price' .*data was wrong"):
        score("price", living, actor=lives.ACTOR)
    assert not out(living).exists()


def test_a_halt_stops_automatic_scoring_also_midway(living: Workspace) -> None:
    for name in ("a.csv", "b.csv"):
        put(living, name, ROWS[: 3 + (name == "a.csv")])

    def halt(_: Standing) -> None:
        open_ledger(living).halt("price", actor=lives.ACTOR, reason="Its feed is looked at.")

    robot = "schedule:price"
    midway = score("price", living, actor=robot, progress=halt)
    assert midway.scored == ("a.csv",)
    ((name, reason),) = midway.failed
    assert (name, "feed is looked at" in reason) == ("b.csv", True)
    with pytest.raises(Halted, match="feed is looked at"):
        score("price", living, actor=robot)
    assert score("price", living, actor=lives.ACTOR).scored == ("b.csv",)


def test_a_file_that_is_written_to_meanwhile_waits(
    living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(living, "a.csv")
    file.touch()

    def one_row_more(_: float) -> None:
        with file.open("a") as handle:
            handle.write("008,1.0,1,at,True\n")

    with monkeypatch.context() as patch:
        patch.setattr("tenure.serving.batch.folders.time.sleep", one_row_more)
        assert score("price", living, actor=lives.ACTOR).waiting == ("a.csv",)
    os.utime(file, (1, 1))
    real = computing._answer

    def later_still(*args: Any) -> Any:
        one_row_more(0)
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(computing, "_answer", later_still)
        summary = score("price", living, actor=lives.ACTOR)
    assert (summary.waiting, summary.scored, summary.failed) == (("a.csv",), (), ())
    assert not list(out(living).glob("*.parquet"))
    os.utime(file, (1, 1))
    assert score("price", living, actor=lives.ACTOR).rows == len(ROWS) + 2


def test_an_output_that_is_there_is_never_replaced(
    living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(living, "a.csv")
    real = computing._answer

    def another_run_is_quicker(*args: Any) -> Any:
        monkeypatch.setattr(computing, "_answer", real)
        assert score("price", living, actor="person:bea").scored == ("a.csv",)
        lives.promote(living, 2, "price")
        return real(*args)

    monkeypatch.setattr(computing, "_answer", another_run_is_quicker)
    summary = score("price", living, actor=lives.ACTOR)
    assert (summary.scored, summary.known) == ((), 1)
    (manifest,) = manifests(living)
    assert (manifest["actor"], manifest["version"]) == ("person:bea", 1)
    assert left_behind(living) == []


def test_what_arrow_reads_is_what_a_frame_would_hold(living: Workspace) -> None:
    rows = pd.DataFrame(ROWS).assign(
        country=["at", None, "xx", "de", "ng", "de", "at"],
        amount=[1.5, None, 3.0, 4.0, 5.0, 6.0, 7.0],
        items=[1, 2, 3, 4, 5, 6, 2**53],
    )
    for made in (rows, rows.astype({"country": "category"}), rows.astype({"amount": "float32"})):
        for items in ("int64", "int32", "float64"):
            frame = made.astype({"items": items})
            table = pa.Table.from_pandas(frame.drop(columns="order"))
            found = frames.frame_of(table, lives.FEATURES)
            pd.testing.assert_frame_equal(found, cast(frame, lives.FEATURES))
    for name, value in (("amount", float("inf")), ("items", 0.5), ("country", 7), ("is_new", 3)):
        table = pa.Table.from_pandas(rows.assign(**{name: value}))
        with pytest.raises(BadRows, match=name):
            frames.frame_of(table, lives.FEATURES)


def test_an_object_store_is_as_good_as_a_folder(living: Workspace) -> None:
    store = fsspec.filesystem("memory")
    file = living.models_folder / "price.yaml"
    text = file.read_text()
    file.write_text(text.replace("score/in", "memory://in").replace("score/out", "memory://out"))
    rows = pd.DataFrame(ROWS)
    store.pipe_file("/in/a.parquet", rows.to_parquet())
    store.pipe_file("/in/b.csv", rows[:3].to_csv(index=False).encode())
    try:
        assert score("price", living, actor=lives.ACTOR).rows == 10
        assert score("price", living, actor=lives.ACTOR).known == 2
        put(living, "a.parquet")
        file.write_text(text)
        score("price", living, actor=lives.ACTOR)
        (far,) = (name for name in store.ls("/out", detail=False) if name.startswith("/out/a-"))
        found = pd.read_parquet(io.BytesIO(store.cat_file(far)))
        assert found["prediction"].tolist() == predicted(living)["prediction"].tolist()
        assert len(store.ls("/out/_manifests", detail=False)) == 2
    finally:
        store.store.clear()


def test_what_killed_runs_left_is_swept_a_day_after(living: Workspace) -> None:
    put(living, "a.csv")
    work = out(living) / "_work"
    (work / "b-123456789abc-v1-e1").mkdir(parents=True)
    for name in ("b-123456789abc-v1-e1/000000.arrow", ".scoring-old.fresh", ".scoring-new.fresh"):
        (work / name).write_bytes(b"half")
    for name in ("b-123456789abc-v1-e1", ".scoring-old.fresh"):
        os.utime(work / name, (1, 1))
    score("price", living, actor=lives.ACTOR)
    assert [each.name for each in work.iterdir()] == [".scoring-new.fresh"]


def _in_child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
