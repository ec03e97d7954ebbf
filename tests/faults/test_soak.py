"""A short soak: load, swaps, killed workers, and a disk that is full for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import chaos, counting
from benchmarks.soak.__main__ import Soak
from tenure.registry import close_ledger


def test_nothing_that_was_promised_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "SWAP_EVERY_S", 1.0)
    monkeypatch.setattr(chaos, "KILL_EVERY_S", 6.0)
    monkeypatch.setattr(chaos, "FULL_EVERY_S", 7.0)
    monkeypatch.setattr(chaos, "FULL_FOR_S", 2.0)
    soak = Soak(tmp_path, 15.0, 3, 2)
    try:
        soak.run()
        seen = soak.counts.kinds
        models = [each.model for each in soak.asked]
        lost = counting.lost(soak.workspace, models, soak.counts, soak.chaos)
        misnamed = counting.misnamed(soak.workspace, soak.counts)
    finally:
        close_ledger(soak.workspace)
    assert soak.chaos.kills
    assert soak.chaos.full
    assert len(soak.chaos.moves) == 2
    assert seen["answered"] > 0
    assert seen["bad input refused"] > 0
    assert (soak.counts.wrong, misnamed) == ([], [])
    assert (lost.unexplained, lost.not_last, lost.twice) == ((), 0, 0)
    assert lost.logged > 0
    assert counting.unacknowledged(soak.chaos) == 0
    assert counting.too_old(soak.counts, soak.chaos) == 0
