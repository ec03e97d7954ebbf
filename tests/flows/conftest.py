"""One Prefect server for all flow tests, and a model whose data can be made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deployments.replay import replay
from tenure.records import Action, Case, CaseState, Cause
from tenure.workspace import Workspace
from tests.acceptance.conftest import SPEC
from tests.acceptance.recipe import make_batch
from tests.servers import shared_server

NOW = datetime.now(UTC)


@pytest.fixture(scope="session")
def api() -> str:
    """The address of this test run's server, with /api."""
    return shared_server()


@pytest.fixture
def loans(workspace: Workspace, api: str) -> Iterator[Workspace]:
    """A workspace with one model and an empty source; flows called inside are the server's runs."""
    (workspace.models_folder / "loans.yaml").write_text(SPEC)
    (workspace.root / "data/loans").mkdir(parents=True)
    with replay(workspace, api=api, actor="automation:test"):
        yield workspace


def drop(workspace: Workspace, name: str, rows: int, seed: int, **how: Any) -> Path:
    """Put a batch into the model's source."""
    file = workspace.root / "data/loans" / name
    make_batch(rows, seed, **how).to_csv(file, index=False)
    return file


def case(**facts: Any) -> Case:
    """A case about the model's first version, as automation opens one."""
    about: dict[str, Any] = {
        "id": "c" * 64,
        "model": "loans",
        "version": 1,
        "epoch": 1,
        "action": Action.RETIRE,
        "cause": Cause.PERFORMANCE,
        "reason": "accuracy 0.31 is below 0.5.",
        "state": CaseState.OPEN,
        "opened_by": "automation:tenure-monitor",
        "opened_at": NOW,
    }
    return Case(**(about | facts))
