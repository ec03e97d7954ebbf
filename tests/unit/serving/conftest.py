from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tenure.serving import build_app
from tenure.serving.application import Application
from tenure.workspace import Workspace
from tests.unit.serving import lives


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TENURE_KEY_DIR", "TENURE_WORKSPACE", "TENURE_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def living(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace in which `fraud` and `price` have champions."""
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path / "a workspace") as workspace:
        yield workspace


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """A server in this process over a workspace that no test changes."""
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    folder = tmp_path_factory.mktemp("steady") / "a workspace"
    with lives.copied(template, folder) as workspace:
        app = build_app(workspace)
        app.core.router.look()
        app.core.log.start()
        yield app
        app.core.log.close()
        app.core.engine.close()


@pytest.fixture
def ask(steady: Application) -> Callable[..., httpx.Response]:
    """Send one request to the steady server and return its answer."""

    def send(method: str, path: str, **what: object) -> httpx.Response:
        async def go() -> httpx.Response:
            async with lives.client_of(steady) as client:
                return await client.request(method, path, **what)  # type: ignore[arg-type]

        return asyncio.run(go())

    return send
