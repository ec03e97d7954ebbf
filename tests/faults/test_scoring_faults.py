"""Whatever ends a run of scoring, the next one ends as if nothing had been."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tenure.registry import close_ledger, open_ledger
from tenure.serving import Standing, score
from tenure.serving.batch import scoring
from tenure.workspace import Workspace
from tests.faults.killing import in_child, instrument
from tests.unit.serving import lives
from tests.unit.serving.scored import left_behind, manifests, out, outputs, put, put_groups

pytestmark = pytest.mark.faults

ROWS = {"a.parquet": 300, "b.csv": 7, "c.parquet": 250}


@pytest.fixture
def ready(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """A champion, and three partitions of which two are cut."""
    monkeypatch.setattr(scoring, "CHUNK_ROWS", 40)
    monkeypatch.setattr(scoring, "PIECE_ROWS", 100)
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path / "a workspace") as workspace:
        put_groups(workspace, "a.parquet", groups=6)
        put(workspace, "b.csv")
        put_groups(workspace, "c.parquet", groups=5)
        close_ledger(workspace)
        yield workspace


def undisturbed(workspace: Workspace) -> dict[str, bytes]:
    """Return what one run makes, and take it away again."""
    assert in_child(lambda: run(workspace)) == 0
    made = outputs(workspace)
    assert len(made) == len(ROWS)
    empty(workspace)
    return made


def run(workspace: Workspace, workers: int = 1) -> None:
    score("fraud", workspace, actor=lives.ACTOR, workers=workers)


def empty(workspace: Workspace) -> None:
    for file in sorted((workspace.root / "score" / "out").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()


def assert_whole(workspace: Workspace, wanted: dict[str, bytes]) -> None:
    """Hold what is there against an undisturbed run's."""
    assert outputs(workspace) == wanted
    assert {each["input"]: each["rows"] for each in manifests(workspace)} == ROWS


def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(ready: Workspace) -> None:
    """A sample of the points at which a file is changed or the ledger is asked."""
    wanted = undisturbed(ready)
    passed = ready.root / "passed"

    def counted() -> None:
        names: list[str] = []
        instrument(names.append)
        run(ready)
        passed.write_text("\n".join(names))

    assert in_child(counted) == 0
    points = passed.read_text().splitlines()
    placed = [place for place, name in enumerate(points, 1) if name in ("link", "replace")]
    assert len(placed) == 2 * len(ROWS)
    for point in (placed[0], placed[2] + 1, placed[-1]):
        empty(ready)
        assert in_child(lambda point=point: _killed_at(point, ready)) == -signal.SIGKILL
        assert set(outputs(ready).items()) <= set(wanted.items())
        assert not (out(ready) / "_manifests").exists() or len(manifests(ready)) < len(ROWS)
        assert in_child(lambda: run(ready)) == 0
        assert_whole(ready, wanted)


def _killed_at(point: int, workspace: Workspace) -> None:
    passed = 0

    def at_point(_: str) -> None:
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    instrument(at_point)
    run(workspace)


@pytest.mark.parametrize("replies", [1, 6])
def test_a_run_of_several_processes_is_killed_and_finished(ready: Workspace, replies: int) -> None:
    wanted = undisturbed(ready)

    def killed() -> None:
        told = 0

        def progress(_: Standing) -> None:
            nonlocal told
            told += 1
            if told == replies:
                pids = [each.pid for each in psutil.Process().children()]
                (ready.root / "pids").write_text(" ".join(map(str, pids)))
                os.kill(os.getpid(), signal.SIGKILL)

        score("fraud", ready, actor=lives.ACTOR, workers=2, progress=progress)

    assert in_child(killed) == -signal.SIGKILL
    orphans = [int(pid) for pid in (ready.root / "pids").read_text().split()]
    assert orphans
    for pid in orphans:  # they notice by themselves
        if psutil.pid_exists(pid):
            psutil.Process(pid).wait(timeout=30)
    whole = outputs(ready)
    assert set(whole.items()) < set(wanted.items())
    assert in_child(lambda: run(ready, workers=2)) == 0
    assert_whole(ready, wanted)
    # Pieces of what was whole when everybody died are swept a day later, as another run may read.
    pieces = {Path(name).parent.name for name in left_behind(ready) if name.endswith(".arrow")}
    assert {name.partition("-")[0] for name in pieces} <= {name[0] for name in whole}


def test_two_runs_at_once_score_each_partition_once(ready: Workspace) -> None:
    wanted = undisturbed(ready)
    children = []
    for name in "xy":
        child = os.fork()
        if child == 0:
            code = 1
            try:
                summary = score("fraud", ready, actor=lives.ACTOR, workers=1)
                (ready.root / name).write_text(" ".join(summary.scored) + f" {summary.known}")
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    said = [(ready.root / name).read_text().split() for name in "xy"]
    assert sorted(each for one in said for each in one[:-1]) == sorted(ROWS)
    assert sum(int(one[-1]) for one in said) == len(ROWS)
    assert_whole(ready, wanted)


def test_a_full_disk_fails_partitions_by_name_and_leaves_no_half_of_one(ready: Workspace) -> None:
    wanted = undisturbed(ready)
    least, more, _ = sorted(map(len, wanted.values()))
    assert least < more - 200

    def full() -> None:
        open_ledger(ready).slot("fraud")  # whose own files are there before the disk is full
        resource.setrlimit(resource.RLIMIT_FSIZE, (more - 100, resource.RLIM_INFINITY))
        summary = score("fraud", ready, actor=lives.ACTOR, workers=1)
        assert summary.scored == ("b.csv",)
        assert [name for name, _ in summary.failed] == ["a.parquet", "c.parquet"]
        assert all("File too large" in reason for _, reason in summary.failed)

    assert in_child(full) == 0
    assert len(outputs(ready)) == 1
    assert left_behind(ready) == []
    assert in_child(lambda: run(ready)) == 0
    assert_whole(ready, wanted)


def test_a_cluster_scores_as_one_machine_does_and_outlives_a_worker(ready: Workspace) -> None:
    distributed = pytest.importorskip("distributed")
    wanted = undisturbed(ready)
    spec = ready.models_folder / "fraud.yaml"
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
        silence_logs=50,
    ) as cluster:
        address = cluster.scheduler_address
        spec.write_text(spec.read_text().replace("out}", f"out, cluster: '{address}'}}"))
        pids = [worker.pid for worker in cluster.workers.values()]
        killed = []

        def progress(_: Standing) -> None:
            if not killed:
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)

        summary = score("fraud", ready, actor=lives.ACTOR, progress=progress)
    assert killed
    assert (summary.failed, summary.rows) == ((), sum(ROWS.values()))
    assert_whole(ready, wanted)
    assert left_behind(ready) == []
