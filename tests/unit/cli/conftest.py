from __future__ import annotations

import pytest

from tenure.workspace import Workspace
from tests.unit.cli.calling import Shell


@pytest.fixture
def shell(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(workspace, capsys)
