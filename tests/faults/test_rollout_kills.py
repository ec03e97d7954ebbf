from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import rollout_kills

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rollout_kills.template(tmp_path_factory.mktemp("rollout") / "template")


@pytest.mark.parametrize("name", rollout_kills.WORKS)
def test_a_kill_at_any_point_leaves_a_sound_rollout_and_the_rerun_ends_alike(
    source: Path, name: str, tmp_path: Path
) -> None:
    """Some of the points here; `make sweep` tries all of them."""
    tried, there = rollout_kills.sweep(
        source, name, tmp_path, lambda count: range(9, count + 1, 89)
    )
    assert there > 60
    assert tried >= there // 89
