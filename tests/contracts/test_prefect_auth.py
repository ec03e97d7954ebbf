"""A team's Prefect server wants a credential: the command line, `sync` and flows bring it."""

from __future__ import annotations

import httpx
import pytest

from tenure.cli.runs import train
from tenure.cli.up import sync
from tenure.errors import CredentialRefused
from tenure.workspace import Workspace
from tests.acceptance.conftest import SPEC
from tests.servers import prefect_server

SECRET = "ann:correct horse"


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory):
    """The address of a server that answers nobody without the secret."""
    home = tmp_path_factory.mktemp("guarded") / "prefect"
    with prefect_server(home, PREFECT_SERVER_API_AUTH_STRING=SECRET) as address:
        yield address


@pytest.fixture
def team(workspace: Workspace, guarded: str) -> Workspace:
    """A workspace whose settings name that server."""
    (workspace.models_folder / "loans.yaml").write_text(SPEC)
    (workspace.root / "data/loans").mkdir(parents=True)
    (workspace.root / "config/settings.yaml").write_text(f"prefect_api_url: {guarded}\n")
    return workspace


def test_the_server_answers_nobody_without_it(guarded: str) -> None:
    refused = httpx.post(f"{guarded}/deployments/filter", json={}, trust_env=False)
    assert refused.status_code == 401


def test_sync_and_a_run_verb_bring_the_credential(
    team: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", SECRET)
    synced = sync(workspace=team.root, project=team.project)
    assert any("train" in change for change in synced.changes)
    started = train("loans", no_follow=True, workspace=team.root, project=team.project)
    assert started.state == "Scheduled"
    assert "model:loans" in started.tags


@pytest.mark.parametrize("secret", [None, "ann:wrong"], ids=["none", "wrong"])
def test_without_it_each_says_so_and_starts_nothing(
    team: Workspace, secret: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if secret:
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", secret)
    for verb in (
        lambda: sync(workspace=team.root, project=team.project),
        lambda: train("loans", workspace=team.root, project=team.project),
    ):
        with pytest.raises(CredentialRefused, match="PREFECT_API_AUTH_STRING") as caught:
            verb()
        assert "wrong" not in str(caught.value)
        assert caught.value.exit_code == 4
