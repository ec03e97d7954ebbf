from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tenure import retirement
from tenure.records import Stage
from tenure.registry import open_ledger, open_store
from tenure.registry.archived import open_archive
from tenure.workspace import Workspace
from tests.faults import retirement_kills as kills
from tests.faults.killing import in_child, kill_at, points
from tests.unit.registry import lives

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(("fate", "every"), [(kills.KEPT, 31), (kills.DELETED, 61)])
def test_a_kill_at_any_point_leaves_a_sound_ledger_and_the_rerun_ends_alike(
    tmp_path: Path, fate: str, every: int
) -> None:
    """A sample here; `python -m tests.faults.retirement_kills` tries all points."""
    tried, there = kills.sweep(tmp_path, fate, lambda count: range(7, count + 1, every))
    assert there > 150
    assert tried >= there // every


def test_every_step_may_be_the_last_that_a_killed_run_put_on_record(tmp_path: Path) -> None:
    source = kills.template(tmp_path / "template", kills.KEPT)
    names = points(kills.copied(source, tmp_path / "count"), tmp_path / "log", kills.work)
    commits = [place for place, name in enumerate(names, 1) if name == "COMMIT"]
    assert len(commits) > len(retirement.STEPS)
    for commit in commits[:-1]:
        workspace = kills.copied(source, tmp_path / "killed")
        assert kill_at(workspace, commit + 1, kills.work) == -signal.SIGKILL
        kills.assert_sound(workspace)
        assert in_child(lambda workspace=workspace: kills.work(workspace)) == 0
        kills.assert_done(workspace, kills.KEPT)


def test_a_restore_that_is_killed_leaves_the_bytes_in_one_place_at_least(tmp_path: Path) -> None:
    source = kills.template(tmp_path / "template", kills.KEPT)
    done = kills.copied(source, tmp_path / "done")
    kills.work(done)
    kills.close_ledger(done)

    def work(workspace: Workspace) -> None:
        retirement.restore("fraud", 1, workspace, **kills.SAID)

    names = points(kills.copied(done.root, tmp_path / "count"), tmp_path / "log", work)
    commit = names.index("COMMIT") + 1
    removed = max(place for place, name in enumerate(names, 1) if name == "unlink")
    assert removed > commit
    for point in (commit, removed):
        workspace = kills.copied(done.root, tmp_path / "killed")
        assert kill_at(workspace, point, work) == -signal.SIGKILL
        kills.assert_sound(workspace)
        assert in_child(lambda workspace=workspace: work(workspace)) == 0
        version = open_ledger(workspace).version("fraud", 1)
        assert version.stage is Stage.VALIDATED
        assert open_store(workspace).get_bytes(version.object, version.size)
        assert not open_archive(workspace).exists(version.object)
        assert lives.damage(workspace) == []
        kills.close_ledger(workspace)
