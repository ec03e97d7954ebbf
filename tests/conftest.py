from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tenure.workspace import Workspace, open_workspace

PROJECT = Path(__file__).parents[1]

# How long an example takes is the machine's business: no test fails for it.
settings.register_profile("timeless", deadline=None)
settings.load_profile("timeless")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A fresh workspace with config/ and no .tenure/ yet, in a path with a blank."""
    from tenure.registry import close_ledger

    for name in ("TENURE_KEY_DIR", "TENURE_WORKSPACE", "TENURE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "a workspace"
    for folder in ("config/models", "config/expectations"):
        (root / folder).mkdir(parents=True)
    made = open_workspace(root, project=PROJECT)
    yield made
    close_ledger(made)
