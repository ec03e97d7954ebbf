"""The flow `score`: partitions in, predictions out, with what a person sees of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from deployments.replay import replay
from flows.score import score
from tenure.registry import open_ledger
from tenure.workspace import Workspace
from tests.unit.serving import lives
from tests.unit.serving.scored import ROWS, out, put


@pytest.fixture
def serving(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, api: str
) -> Iterator[Workspace]:
    """A model in office, and partitions that wait; flows called inside are the server's runs."""
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path / "a workspace") as workspace:
        for count in (2, 3):
            put(workspace, f"{count}.csv", ROWS[:count])
        with replay(workspace, api=api, actor="automation:test"):
            yield workspace


def _shown(key: str) -> list[str | None]:
    only = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    with get_client(sync_client=True) as client:
        return [each.description for each in client.read_artifacts(artifact_filter=only)]


def test_a_run_says_how_far_it_has_come_and_what_it_did(serving: Workspace) -> None:
    (serving.root / "score/in/bad.csv").write_text("order,amount\n1,2\n")
    state = score("fraud", workers=1, return_state=True)
    assert state.name == "Completed"
    assert state.message is not None
    assert state.message.startswith("5 rows of 2 file(s) scored. bad.csv: ")
    assert "3 of 3 files of fraud, 5 rows" in _shown("scoring-fraud")
    (words,) = _shown("scored-fraud")
    assert words is not None
    assert "5 rows into" in words
    (serving.root / "score/in/bad.csv").unlink()
    assert score("fraud", return_state=True).name == "Skipped"


def test_what_a_person_halted_is_scored_for_persons_only(serving: Workspace) -> None:
    open_ledger(serving).halt("fraud", actor="person:ann", reason="the feed is looked at")
    state = score("fraud", return_state=True)
    assert (state.name, "the feed is looked at" in str(state.message)) == ("Skipped", True)
    assert not out(serving).exists()
