"""Kill the registry at every point of its work and look at what is left: it must verify.

`python -m tests.faults.registry_kills` sweeps all points.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from tenure.records import Stage, digest_of
from tenure.registry import close_ledger, open_ledger, open_store
from tenure.registry.manifests import make_manifest, put_manifest
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.faults.killing import Killing
from tests.unit.registry import lives

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


KILLING = Killing(fresh=fresh, work=work, is_sound=assert_sound, is_done=assert_done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tried, there = KILLING.sweep(Path(folder), lambda count: range(1, count + 1))
    print(f"aim registry_kill_points: {tried}, wanted == {there}: met")


if __name__ == "__main__":
    main()
