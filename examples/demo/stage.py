"""Where does the demo play, and how is it set up and cleared away?"""

from __future__ import annotations

import importlib
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from examples.demo.screen import Screen
from tenure.workspace import SimulatedClock, Workspace, open_workspace

MODELS = ("iris", "fraud")
HEAVY = ("pandas", "sklearn.ensemble", "great_expectations")
STATE = "# Made by `make demo`: its past days are replayed, so each page says `simulated clock`.\n"


class NotAsPromised(Exception):
    """Something did not happen that the demo promises; the text says what."""


def forget_environment() -> None:
    """Drop settings that point elsewhere; the demo touches nobody's server and nobody's keys."""
    for name in [n for n in os.environ if n.startswith(("PREFECT_", "TENURE_"))]:
        del os.environ[name]
    # One thread a fit: two processes that each want every core are slower than either alone.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def make_workspace(folder: Path, project: Path) -> Workspace:
    """Return a fresh workspace with both examples' specs; what an earlier demo left is removed."""
    os.environ["TENURE_PROJECT"] = str(project)
    if (folder / "config").is_dir():
        import tenure

        tenure.down(workspace=folder)
    if folder.exists():
        if not (folder / "config" / "settings.yaml").is_file():
            raise NotAsPromised(f"'{folder}' is not a demo's; give another --folder.")
        shutil.rmtree(folder)
    for model in MODELS:
        config = project / "examples" / model / "config"
        shutil.copytree(config, folder / "config", dirs_exist_ok=True)
        (folder / "data" / model).mkdir(parents=True)
    (folder / "config" / "settings.yaml").write_text(f"{STATE}simulated: true\n", encoding="utf-8")
    os.environ["TENURE_WORKSPACE"] = str(folder)
    return open_workspace(folder, project)


def clock_of(workspace: Workspace) -> SimulatedClock:
    """Return the clock that past days are played by."""
    assert isinstance(workspace.clock, SimulatedClock), "the demo's workspace is simulated"
    return workspace.clock


def start(workspace: Workspace, screen: Screen) -> dict[str, str]:
    """Start server, runners, watcher and endpoint; return their addresses."""
    import tenure

    warm = threading.Thread(target=_warm_up, daemon=True)
    warm.start()
    with screen.working("Starting server, runners, watcher and endpoint"):
        up = tenure.up(detach=True, workspace=workspace.root)
        warm.join()
    for note in up.notes:
        screen.note(note)
    return up.addresses


def _warm_up() -> None:
    """Import what flows need while the server starts."""
    for name in ("flows.ingest", "flows.train", *HEAVY):
        importlib.import_module(name)


def stop(workspace: Workspace, screen: Screen) -> None:
    """Stop everything that `start` started."""
    import tenure

    with screen.working("Stopping everything"):
        tenure.down(workspace=workspace.root)


@contextmanager
def hands_off(api: str) -> Iterator[None]:
    """Let automations and schedules rest while past days are played by calling the flows."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(updates={PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        _set_active(client, active=False)
        try:
            yield
        finally:
            _set_active(client, active=True)


def _set_active(client: Any, *, active: bool) -> None:
    for automation in client.request("POST", "/automations/filter").json():
        path = "/automations/{id}"
        client.request(
            "PATCH", path, path_params={"id": automation["id"]}, json={"enabled": active}
        )
    verb = "resume_deployment" if active else "pause_deployment"
    for deployment in client.request("POST", "/deployments/filter").json():
        client.request("POST", f"/deployments/{{id}}/{verb}", path_params={"id": deployment["id"]})
