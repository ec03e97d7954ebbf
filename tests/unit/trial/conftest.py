"""A simulated workspace with the trial's own specs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tenure.registry import close_ledger
from tenure.workspace import open_workspace
from tests.unit.trial.nights import PROJECT

CONFIG = PROJECT / "benchmarks" / "trial" / "config"


@pytest.fixture
def trial(tmp_path: Path):
    """Both specs and their suites, and nothing else."""
    shutil.copytree(CONFIG, tmp_path / "config")
    workspace = open_workspace(tmp_path, project=PROJECT)
    yield workspace
    close_ledger(workspace)
