from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenure.registry import close_ledger
from tenure.workspace import open_workspace
from tests.conftest import PROJECT
from tests.unit.retirement.lives import Office


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a champion (version 1) and its fallback (version 2)."""
    root = tmp_path_factory.mktemp("office") / "template"
    for name in ("config/models", "config/expectations"):
        (root / name).mkdir(parents=True)
    workspace = open_workspace(root, project=PROJECT)
    Office(workspace).furnish()
    close_ledger(workspace)
    return root


@pytest.fixture
def office(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A copy of the furnished workspace, so that a test may change it."""
    for name in ("TENURE_KEY_DIR", "TENURE_WORKSPACE", "TENURE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "a workspace"
    shutil.copytree(furnished, root)
    workspace = open_workspace(root, project=PROJECT)
    made = Office(workspace)
    made.write()
    yield made
    close_ledger(workspace)
