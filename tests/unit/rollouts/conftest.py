from __future__ import annotations

import pytest

from tenure.workspace import Workspace
from tests.unit.registry import lives
from tests.unit.rollouts.rolling import SPEC


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    """Version 1 serves, version 2 is to take over."""
    (workspace.models_folder / "fraud.yaml").write_text(SPEC)
    for seed in range(2):
        lives.version(workspace, seed=seed)
    lives.promote(workspace, 1, 0)
    return workspace
