"""Kill the registry at every point of its work and look at what is left.

A point is each SQL statement and each call that changes a file: the driver counts them in a forked
child, then kills a fresh child with SIGKILL before point k, for each k. What is left must verify;
the same work, started again, must reach the same end.

`python -m tests.faults.registry_kills` sweeps all points.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from sqlalchemy import Engine, event

from tenure.records import Stage, digest_of
from tenure.registry import close_ledger, open_ledger, open_store
from tenure.registry.manifests import make_manifest, put_manifest
from tenure.registry.prepared import Prepared
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.unit.registry import lives

CALLS = (
    *("open", "write", "pwrite", "fsync", "fdatasync", "fchmod", "chmod", "mkdir"),
    *("rename", "replace", "link", "unlink"),
)
ROUNDS = (("a", 0), ("b", 1))


def work(workspace: Workspace) -> None:
    """Take two fits from their bytes to office, as registering and deploying do."""
    for tag, epoch in ROUNDS:
        ledger, store = open_ledger(workspace), open_store(workspace)
        data = f"the artifact of {tag}".encode() * 100
        made = lives.candidate_record(
            "fraud", tag, object=store.put_bytes(data), size=len(data), names=()
        )
        fit = ledger.record_candidate(made, actor=lives.ROBOT)
        judged = lives.evaluation(fit, details=store.put_json({"of": tag}))
        rows = store.put_bytes(f"golden rows of {tag}".encode())

        def seal(number: int, fit=fit, judged=judged, rows=rows, store=store) -> str:
            manifest = make_manifest(
                fit,
                number,
                evaluation=judged.digest,
                user_names={},
                golden_rows=rows,
                golden={"predict": [1]},
            )
            return put_manifest(manifest, store, workspace)

        version = ledger.register_version(fit, judged, seal, actor=lives.ROBOT)
        lives.promote(workspace, version.number, epoch, key=f"promote {tag}")


def instrument(at_point: Callable[[str], None]) -> None:
    """Call `at_point` with a name before every statement and every call that changes a file."""
    for name in CALLS:
        real = getattr(os, name)

        def call(*args, _real=real, _name=name, **kwargs):
            at_point(_name)
            return _real(*args, **kwargs)

        setattr(os, name, call)

    run = Prepared.run

    def prepared(statement: Prepared, *args):
        at_point(statement.sql.split("\n")[0])
        return run(statement, *args)

    Prepared.run = prepared

    @event.listens_for(Engine, "before_cursor_execute")
    def _statement(connection, cursor, statement, parameters, context, many) -> None:
        at_point(statement.split("\n")[0])


def in_child(do: Callable[[], None]) -> int:
    """Run something in a forked child; return its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            do()
            code = 0
        finally:
            if code:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def points(workspace: Workspace, log: Path) -> list[str]:
    """Do the work once in a child and return the name of every point that it passes."""

    def counted() -> None:
        names: list[str] = []
        instrument(names.append)
        work(workspace)
        log.write_text("\n".join(names))

    assert in_child(counted) == 0
    return log.read_text().splitlines()


def kill_at(workspace: Workspace, point: int) -> int:
    """Do the work in a child that is killed before its `point`-th point, counted from 1."""

    def doomed() -> None:
        passed = 0

        def at_point(_: str) -> None:
            nonlocal passed
            passed += 1
            if passed == point:
                os.kill(os.getpid(), signal.SIGKILL)

        instrument(at_point)
        work(workspace)

    return in_child(doomed)


def assert_sound(workspace: Workspace) -> None:
    """Hold what is left against invariants 1 to 4 and 12; verify folds the record."""
    try:
        if not workspace.state.exists():
            return
        assert lives.damage(workspace) == []
        ledger = open_ledger(workspace)
        office = ledger.slot("fraud")
        assert [one.slot for one in ledger.assignments()] == (["champion"] if office else [])
        if office:
            version = ledger.version("fraud", office.version)
            assert version.stage is Stage.VALIDATED
            assert open_store(workspace).get_bytes(version.object, version.size)
            assert [one.epoch for one in ledger.tenures("fraud")] == list(
                range(1, office.epoch + 1)
            )
    finally:
        close_ledger(workspace)


def assert_done(workspace: Workspace) -> None:
    """Hold the end of the work against what it must be, however often it was begun."""
    ledger = open_ledger(workspace)
    try:
        assert [one.number for one in ledger.versions("fraud")] == [2, 1]
        assert [(one.version, one.epoch) for one in ledger.tenures("fraud")] == [(1, 1), (2, 2)]
        kinds = [row.kind for row in ledger.audit()]
        assert kinds == ["candidate_recorded", "version_registered", "slot_moved"] * 2
        assert {one.id for one in ledger.candidates("fraud")} == {
            digest_of(["fraud", tag]) for tag, _ in ROUNDS
        }
        assert lives.damage(workspace) == []
    finally:
        close_ledger(workspace)


def fresh(root: Path) -> Workspace:
    """Return an empty workspace in a folder of its own."""
    shutil.rmtree(root, ignore_errors=True)
    (root / "config").mkdir(parents=True)
    return open_workspace(root, project=PROJECT)


def sweep(folder: Path, wanted: Callable[[int], Iterable[int]]) -> tuple[int, int]:
    """Kill at the wanted points; return how many were tried and how many there are."""
    names = points(fresh(folder / "count"), folder / "log")
    tried = 0
    for point in wanted(len(names)):
        workspace = fresh(folder / "killed")
        code = kill_at(workspace, point)
        assert code == -signal.SIGKILL, f"point {point} ({names[point - 1]}) ended with {code}"
        assert_sound(workspace)
        assert in_child(lambda workspace=workspace: work(workspace)) == 0, names[point - 1]
        assert_done(workspace)
        tried += 1
    return tried, len(names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tried, there = sweep(Path(folder), lambda count: range(1, count + 1))
    print(f"aim registry_kill_points: {tried}, wanted == {there}: met")


if __name__ == "__main__":
    main()
