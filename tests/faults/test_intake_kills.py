"""Does intake reach the same end after kill -9 at any write?

A child walks a file from arrival to admission and kills itself at the k-th change of the disk; then
the walk is made again. k runs until a child gets through.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tenure import intake, validation
from tenure.records import BatchState
from tenure.registry import close_ledger, open_ledger, open_store
from tenure.workspace import open_workspace
from tests.unit.intake.walking import Model

PROJECT = Path(__file__).parents[2]
pytestmark = pytest.mark.faults
CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "sqlite3.connect"}
FILES = {
    "good": ("y,x\n0,1\n1,2\n", BatchState.ACCEPTED),
    "bad": ("y,x\n0,1\n1\n", BatchState.QUARANTINED),
}


def walk(workspace):
    batch = intake.receive("m", "a.csv", workspace, actor="system:test")
    staged = intake.stage(batch, workspace)
    report = validation.validate(staged, workspace)
    return intake.admit(staged, report, workspace, actor="system:test")


def walk_and_die(workspace, at):
    """Walk in a child that dies at its `at`-th change; say whether it got through."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event, arguments):
            nonlocal seen
            writes = event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]
            if event in CHANGES or writes:
                seen += 1
                if seen == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(count)
            walk(workspace)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("name", list(FILES))
def test_a_walk_that_is_killed_and_made_again_ends_as_one_that_was_not(tmp_path, name):
    content, ends_as = FILES[name]
    kills, through = 0, False
    while not through:
        root = tmp_path / str(kills)
        for folder in ("config/models", "config/expectations"):
            (root / folder).mkdir(parents=True)
        workspace = open_workspace(root, project=PROJECT)
        Model(workspace).drop("a.csv", content)
        through = walk_and_die(workspace, kills + 1)
        batch = walk(workspace)
        ledger = open_ledger(workspace)
        assert batch.state is ends_as
        assert len(ledger.batches()) == 1
        assert len(ledger.snapshots("m")) == (ends_as is BatchState.ACCEPTED)
        kinds = [row.kind for row in ledger.audit()]
        assert kinds == ["batch_arrived", f"batch_{ends_as.value}"]
        store = open_store(workspace)
        kept = [batch.report, batch.kept_object] if batch.kept_object else [batch.report]
        kept += [snapshot.object for snapshot in ledger.snapshots("m")]
        for digest in kept:
            store.get_bytes(str(digest))
        close_ledger(workspace)
        kills += not through
    assert kills >= 5
