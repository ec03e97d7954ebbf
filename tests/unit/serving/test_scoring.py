"""A folder of files becomes a folder of predictions, each file once, whoever is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tenure.errors import NoChampion, ScoringRefused
from tenure.serving import predict_offline, score
from tenure.serving.batch import computing, partitions
from tenure.workspace import Workspace
from tests.unit.serving import lives

ROWS = [{"order": f"00{place}", **lives.ROW, "amount": 10.0 * place} for place in range(7)]


def put(workspace: Workspace, name: str, rows: list[dict[str, Any]] | str = ROWS) -> Path:
    file = workspace.root / "score" / "in" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    match rows, file.suffix:
        case str(), _:
            file.write_text(rows)
        case _, ".csv":
            pd.DataFrame(rows).to_csv(file, index=False)
        case _, ".parquet":
            pd.DataFrame(rows).to_parquet(file)
        case _:
            file.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    os.utime(file, (1, 1))
    return file


def out(workspace: Workspace) -> Path:
    return workspace.root / "score" / "out"


def predicted(workspace: Workspace) -> pd.DataFrame:
    files = sorted(out(workspace).glob("*.parquet"))
    return pd.concat([pq.ParquetFile(file).read().to_pandas() for file in files])


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
    monkeypatch.setattr(partitions, "CHUNK_ROWS", 3)
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


def _in_child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
