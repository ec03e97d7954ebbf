"""The rules about rollouts, against the real ledger."""

from __future__ import annotations

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from tenure.errors import (
    Halted,
    NoChampion,
    NotFitToServe,
    RolloutIsOver,
    RolloutMoved,
    RolloutOpen,
    ServesAlready,
    StaleEpoch,
    VersionNotFound,
)
from tenure.records import Rollout, RolloutState, Slot, Stage
from tenure.registry import open_ledger
from tests.unit.registry.machine_offices import ACTORS, MODELS, SAID, Offices

ENDS = (RolloutState.ROLLED_BACK, RolloutState.ABORTED)


class Rollouts(Offices):
    """What is known of each rollout."""

    def __init__(self) -> None:
        super().__init__()
        self.rollouts: dict[str, Rollout] = {}

    @precondition(lambda self: self.office)
    @rule(model=MODELS, number=st.integers(0, 3), late=st.sampled_from([0, 0, 1]), actor=ACTORS)
    def start_rollout(self, model: str, number: int, late: int, actor: str) -> None:
        champion, now = self.office.get(model, (0, 0))
        wanted, before = max(0, now - late), self.rollouts.get(self.open_for(model))
        said = {**SAID, "actor": actor, "shares": (0.0, 0.1, 0.5), "expected_epoch": wanted}
        try:
            begun = open_ledger(self.workspace).start_rollout(model, number, **said)
        except RolloutOpen:
            assert before
            assert before.version != number
        except Halted:
            assert self.stops(model, actor)
        except VersionNotFound:
            assert not 0 < number <= len(self.stages[model])
        except NotFitToServe:
            assert self.stages[model][number - 1] is not Stage.VALIDATED
        except NoChampion:
            assert not champion
        except StaleEpoch:
            assert wanted != now
        except ServesAlready:
            assert number == champion
        else:
            event("a rollout began")
            known = begun.id in self.rollouts
            assert known or (not before and (wanted, champion) == (now, begun.champion))
            assert known or not self.stops(model, actor)
            assert self.rollouts.setdefault(begun.id, begun) == begun

    @precondition(lambda self: self.rollouts)
    @rule(
        pick=st.integers(0, 7),
        move=st.sampled_from(["advance", "advance", "advance", "hold", "finish", *ENDS]),
        late=st.integers(0, 1),
        actor=ACTORS,
    )
    def act_on_rollout(self, pick: int, move: str, late: int, actor: str) -> None:
        known = list(self.rollouts.values())
        now = known[pick % len(known)]
        wanted = max(0, now.step - late)
        if move in ("advance", "finish") and (move == "finish") is not (now.step == 2):
            return
        ledger, said = open_ledger(self.workspace), {**SAID, "actor": actor}
        try:
            match move:
                case "advance":
                    after = ledger.advance_rollout(now.id, expected_step=wanted, **said)
                case "hold":
                    after = ledger.hold_rollout(now.id, expected_step=wanted, **said)
                case "finish":
                    after = ledger.finish_rollout(now.id, expected_step=wanted, **said)
                case _:
                    kept = {"expected_step": wanted, **said}
                    after = ledger.end_rollout(now.id, RolloutState(move), **kept)
        except Halted:
            assert self.stops(now.model, actor)
        except RolloutIsOver:
            assert now.is_over
        except RolloutMoved:
            assert wanted != now.step
        else:
            assert not now.is_over or after == now
            assert after == now or not self.stops(now.model, actor)
            assert after.step == now.step + (move == "advance")
            assert after.is_over is (now.is_over or move in ("finish", *ENDS))
            event(f"a rollout did: {move}")
            self.rollouts[now.id] = after
            if move == "finish":
                assert after.state is RolloutState.PROMOTED
                self.office[now.model] = (now.version, now.champion_epoch + 1)
                self.held[now.model].append(now.version)

    def open_for(self, model: str) -> str:
        mine = (one for one in self.rollouts.values() if one.model == model and not one.is_over)
        return next((one.id for one in mine), "")

    def beside(self, model: str) -> int:
        now = self.rollouts.get(self.open_for(model))
        return now.version if now else 0

    def moved(self, model: str) -> None:
        now = self.rollouts.get(self.open_for(model))
        if now is None:
            return
        over = open_ledger(self.workspace).rollout(now.id)
        arrived = self.office[model][0] == now.version
        assert over.state is (RolloutState.PROMOTED if arrived else RolloutState.OVERTAKEN)
        assert (over.steps, over.seq) == (now.steps, now.seq)
        event(f"a rollout was {over.state.value}")
        self.rollouts[now.id] = over

    @invariant()
    def a_rollout_holds_the_slot_of_its_step_and_no_other(self) -> None:
        ledger = open_ledger(self.workspace)
        assert {one.id for one in ledger.open_rollouts()} == {
            one.id for one in self.rollouts.values() if not one.is_over
        }
        for model in self.stages:
            now = self.rollouts.get(self.open_for(model))
            assert ledger.open_rollout(model) == now
            assert now is None or self.office[model] == (now.champion, now.champion_epoch)
            for slot in (Slot.SHADOW, Slot.CHALLENGER):
                held = ledger.slot(model, slot)
                if now and now.slot is slot:
                    assert held
                    assert (held.version, held.epoch) == (now.version, now.now.epoch)
                else:
                    assert held is None or held.version is None
