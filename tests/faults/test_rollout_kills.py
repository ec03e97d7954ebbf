from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import rollout_kills

pytestmark = pytest.mark.faults


def test_a_kill_at_any_point_leaves_a_sound_rollout_and_the_rerun_ends_alike(
    tmp_path: Path,
) -> None:
    """Some of the points here; `python -m tests.faults.rollout_kills` tries all of them."""
    tried, there = rollout_kills.sweep(tmp_path, lambda count: range(9, count + 1, 61))
    assert there > 100
    assert tried >= there // 61
