"""Kill a retirement at every point of its work and look at what is left.

Whatever the point, the version is in office, or somebody else is and may be; its bytes are in the
store or in the archive; and the same work, started again, reaches the same end.

`python -m tests.faults.retirement_kills` sweeps all points.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from tenure import retirement
from tenure.records import CaseState, GateVerdict, Stage, Version
from tenure.registry import close_ledger, dump_estimator, open_ledger, open_store, register
from tenure.registry.archived import open_archive
from tenure.retirement.checking import note_check
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.faults.killing import Killing
from tests.unit.registry import lives

KEPT, DELETED = "kept", "deleted"
ENDS = {KEPT: Stage.ARCHIVED, DELETED: Stage.PURGED}
SPEC = """\
name: fraud
owner: ann@bank.example
data: {source: data, target: y}
training: {pipeline: "examples.iris:make_pipeline"}
retirement: {retention: {artifact: delete}}
"""
SAID = {"actor": lives.ROBOT, "reason": "It drifted."}


def template(folder: Path, fate: str) -> Path:
    """Make a workspace in which version 1 serves and version 2 would stand in for it."""
    for name in ("config/models", "config/expectations"):
        (folder / name).mkdir(parents=True)
    workspace = open_workspace(folder, project=PROJECT)
    if fate == DELETED:
        (workspace.models_folder / "fraud.yaml").write_text(SPEC)
    lives.version(workspace, seed=0)
    lives.promote(workspace, 1, 0)
    note_check(_fallback(workspace), workspace)
    close_ledger(workspace)
    return folder


def _fallback(workspace: Workspace) -> Version:
    digest, size, names = dump_estimator(lives.fitted(1), workspace)
    record = lives.candidate_record("fraud", "1", object=digest, size=size, names=names)
    record = replace(record, lineage=replace(record.lineage, parameters={"kind": "baseline"}))
    fit = open_ledger(workspace).record_candidate(record, actor=lives.ROBOT)
    judged = lives.evaluation(fit, GateVerdict.FALLBACK, open_store(workspace).put_json({}))
    return register(fit, judged, lives.golden_rows(), workspace, actor=lives.ROBOT)


def work(workspace: Workspace) -> None:
    """Retire version 1, or go on with its retirement, as the flow does."""
    ledger = open_ledger(workspace)
    known = ledger.cases("fraud")
    case = known[0] if known else _opened(workspace)
    retirement.carry_out(case, workspace, actor=lives.ROBOT)


def _opened(workspace: Workspace):
    asked = {"version": 1, "to_fallback": True, "workspace": workspace}
    return retirement.open_retirement("fraud", **asked, **SAID)


def copied(source: Path, root: Path) -> Workspace:
    """Return a fresh copy of a template."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(source, root)
    return open_workspace(root, project=PROJECT)


def assert_sound(workspace: Workspace) -> None:
    """Hold what is left against the invariants, whatever the point was."""
    try:
        assert lives.damage(workspace) == []
        ledger, store, archive = (
            open_ledger(workspace),
            open_store(workspace),
            open_archive(workspace),
        )
        office, version = ledger.slot("fraud"), ledger.version("fraud", 1)
        assert ledger.version("fraud", office.version).stage is Stage.VALIDATED
        assert office.version == (1 if office.epoch == 1 else 2)
        match version.stage:
            case Stage.VALIDATED | Stage.RETIRED:
                assert store.get_bytes(version.object, version.size)
            case Stage.ARCHIVED:
                assert archive.get_bytes(version.object, version.size)
            case _:
                assert version.stage is Stage.PURGED
    finally:
        close_ledger(workspace)


def assert_done(workspace: Workspace, fate: str) -> None:
    """Hold the end of the work against what it must be, however often it was begun."""
    ledger = open_ledger(workspace)
    try:
        assert [(one.version, one.epoch) for one in ledger.tenures("fraud")] == [(1, 1), (2, 2)]
        (case,) = ledger.cases("fraud")
        assert case.state is CaseState.CLOSED
        record = retirement.load_record(case, workspace)
        assert [step.name for step in record.steps] == list(retirement.STEPS[:-1])
        version = ledger.version("fraud", 1)
        assert version.stage is ENDS[fate]
        assert not open_store(workspace).exists(version.object)
        assert open_archive(workspace).exists(version.object) is (fate == KEPT)
        kinds = [row.kind for row in ledger.audit() if row.kind != "verify_failed"]
        assert kinds.count("case_step") == len(retirement.STEPS) - 1
        assert kinds.count("slot_moved") == 2
        assert kinds.count("stage_changed") == (2 if fate == KEPT else 3)
        assert kinds.count("case_opened") == kinds.count("case_closed") == 1
        assert lives.damage(workspace) == []
    finally:
        close_ledger(workspace)


def killing(source: Path, fate: str) -> Killing:
    """Return how a retirement in copies of a template is killed."""
    return Killing(
        fresh=lambda folder: copied(source, folder),
        work=work,
        is_sound=assert_sound,
        is_done=lambda workspace: assert_done(workspace, fate),
    )


def sweep(folder: Path, fate: str, wanted: Callable[[int], Iterable[int]]) -> tuple[int, int]:
    """Kill at the wanted points; return how many were tried and how many there are."""
    return killing(template(folder / "template", fate), fate).sweep(folder, wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    for fate in ENDS:
        with tempfile.TemporaryDirectory() as folder:
            tried, there = sweep(Path(folder), fate, lambda count: range(1, count + 1))
        print(f"aim retirement_kill_points_{fate}: {tried}, wanted == {there}: met")


if __name__ == "__main__":
    main()
