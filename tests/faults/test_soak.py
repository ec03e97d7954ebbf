"""A short soak: load, swaps, killed workers, and a disk that is full for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import chaos, counting
from benchmarks.soak.__main__ import Soak
from benchmarks.soak.chaos import Chaos, Kill, Move
from benchmarks.soak.clients import Counts, Given
from tenure.registry import close_ledger
from tenure.workspace import Workspace


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


def test_an_answer_is_too_old_once_its_end_was_acknowledged() -> None:
    moves = [
        Move(epoch=2, at=10.0, acknowledged_at=11.0),
        Move(epoch=3, at=20.0, acknowledged_at=None),
    ]
    played = Chaos(moves={"m": moves})
    fine = [(1, 10.9, 12.0), (2, 11.1, 11.2), (2, 25.0, 25.1), (3, 25.0, 25.1)]
    assert counting.too_old(Counts(epochs={"m": fine}), played) == 0
    assert counting.too_old(Counts(epochs={"m": [*fine, (1, 11.1, 11.2)]}), played) == 1
    assert counting.unacknowledged(played) == 1
    assert counting.apart_s(Counts(epochs={"m": [(1, 10.9, 12.0), (2, 10.5, 10.6)]})) == [
        pytest.approx(0.3)
    ]


def test_a_lost_answer_is_excused_by_the_kill_of_whoever_gave_it_and_nothing_else(
    workspace: Workspace,
) -> None:
    killed = Kill(begun=100.0, at=100.001, ports=frozenset({7}), others=frozenset({8}))

    def lost(*given: Given, full: tuple[float, float] = (0.0, 0.0)) -> counting.Lost:
        answered = {str(number): each for number, each in enumerate(given)}
        played = Chaos(kills=[killed], full=[full])
        return counting.lost(workspace, ["m"], Counts(answered=answered), played)

    last, early = Given(99.8, 99.9, 7), Given(97.0, 97.1, 7)
    assert lost(last).before_kills == (pytest.approx(0.1),)
    for other in (early, Given(99.8, 99.9, 8), Given(100.1, 100.2, 7)):
        assert lost(last, other).unexplained == (other,)
    closed_before = Given(99.8, 99.95, 9)
    assert lost(closed_before).unexplained == ()
    read_late = Given(99.9, 103.0, 7)  # the answer lay in a buffer of ours
    assert lost(read_late).unexplained == ()
    assert lost(early, full=(96.0, 99.0)).while_full == 1
    assert lost(early, full=(90.0, 95.0)).unexplained == (early,)
    played = Chaos(kills=[killed])
    assert counting._not_last(killed, [early], [last], played) == 1
    assert counting._not_last(killed, [last], [early], played) == 0
    before = Kill(begun=98.0, at=98.001, ports=frozenset({7}), others=frozenset({8}))
    played = Chaos(kills=[before, killed])
    assert counting._not_last(killed, [early], [last], played) == 0, "it was another connection's"
