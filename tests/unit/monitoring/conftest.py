from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.monitoring import watching


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a model in office, made once; each test takes a copy."""
    root = tmp_path_factory.mktemp("watched") / "template"
    watching.build(root)
    return root


@pytest.fixture
def watched(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[watching.Watched]:
    for name in ("TENURE_KEY_DIR", "TENURE_WORKSPACE", "TENURE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    with watching.copied(built, tmp_path / "a workspace") as made:
        yield made
