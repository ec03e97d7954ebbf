from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tenure import rollouts
from tenure.records import Rollout
from tenure.registry import close_ledger, open_ledger
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.unit.registry import lives
from tests.unit.rollouts.rolling import SPEC, begin, good


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which version 1 serves, 2 is to take over, and 3 is fit to."""
    root = tmp_path_factory.mktemp("rollouts") / "template"
    for folder in ("config/models", "config/expectations"):
        (root / folder).mkdir(parents=True)
    workspace = open_workspace(root, project=PROJECT)
    (workspace.models_folder / "fraud.yaml").write_text(SPEC)
    for seed in range(3):
        lives.version(workspace, seed=seed)
    lives.promote(workspace, 1, 0)
    close_ledger(workspace)
    return root


@pytest.fixture
def two(workspace: Workspace, furnished: Path) -> Workspace:
    """Version 1 serves, version 2 is to take over; version 3 is fit to."""
    shutil.copytree(furnished, workspace.root, dirs_exist_ok=True)
    return workspace


@pytest.fixture
def canary(two: Workspace) -> tuple[Workspace, Rollout]:
    """Version 2 answers a tenth of the requests."""
    begin(two)
    now = open_ledger(two).open_rollout("fraud")
    assert now is not None
    return two, rollouts.walk_one(now, two, look=good).rollout
