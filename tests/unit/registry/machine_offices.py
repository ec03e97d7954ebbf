"""The rules about versions, their stages and the champion's slot, against the real ledger."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tenure.errors import (
    Halted,
    NotAllowedStage,
    NotFitToServe,
    NotHalted,
    StaleEpoch,
    StillInOffice,
    VersionNotFound,
)
from tenure.records import GateVerdict, Stage
from tenure.registry import close_ledger, open_ledger
from tenure.registry.stages import LAWFUL
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.unit.registry import lives

SAID = {"reason": "The machine says so.", "evidence": "e" * 64}
ACTORS = st.sampled_from([lives.PERSON, lives.ROBOT])
MODELS = st.sampled_from(["fraud", "bikes"])
TAGS = st.sampled_from("abcdef")


class Offices(RuleBasedStateMachine):
    """What is known of each model: its versions' stages, who is in office, and who was."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        (self.root / "config").mkdir()
        self.workspace: Workspace = open_workspace(self.root, project=PROJECT)
        self.stages: dict[str, list[Stage]] = {"fraud": [], "bikes": []}
        self.known: dict[tuple[str, str], int] = {}
        self.office: dict[str, tuple[int, int]] = {}
        self.held: dict[str, list[int]] = {"fraud": [], "bikes": []}
        self.halted: set[str | None] = set()
        self.stands_in: set[tuple[str, int]] = set()

    def moved(self, model: str) -> None:
        """Note what a champion's slot that moved takes along."""

    def beside(self, model: str) -> int:
        """Return the version that holds a slot beside the champion's, 0 for none."""
        return 0

    @rule(model=MODELS, tag=TAGS, verdict=st.sampled_from(GateVerdict))
    def register(self, model: str, tag: str, verdict: GateVerdict) -> None:
        try:
            version = lives.bare_version(self.workspace, model, tag, verdict)
        except Halted:
            assert self.stops(model, lives.ROBOT)
            assert (model, tag) not in self.known
            return
        if (model, tag) in self.known:
            assert version.number == self.known[model, tag]
            return
        self.stages[model].append(version.stage)
        self.known[model, tag] = version.number
        if verdict is GateVerdict.FALLBACK:
            self.stands_in.add((model, version.number))
        assert version.number == len(self.stages[model])
        fit = verdict in (GateVerdict.FIRST, GateVerdict.WINS, GateVerdict.FALLBACK)
        assert version.stage is (Stage.VALIDATED if fit else Stage.REJECTED)

    @rule(model=MODELS, number=st.integers(0, 7), late=st.integers(0, 2), actor=ACTORS)
    def promote(self, model: str, number: int, late: int, actor: str) -> None:
        now = self.office.get(model, (0, 0))[1]
        wanted = max(0, now - late)
        lawful = 0 < number <= len(self.stages[model])
        try:
            moved = lives.promote(self.workspace, number, wanted, model=model, actor=actor)
        except Halted:
            assert self.stops(model, actor)
        except VersionNotFound:
            assert not lawful
        except NotFitToServe:
            assert self.stages[model][number - 1] is not Stage.VALIDATED
        except StaleEpoch as stale:
            refused_at = stale.facts["now"]
            assert refused_at == now != wanted
        else:
            assert lawful
            assert not self.stops(model, actor)
            assert self.stages[model][number - 1] is Stage.VALIDATED
            assert wanted == now
            assert moved.epoch == now + 1
            self.office[model] = (number, moved.epoch)
            self.held[model].append(number)
            self.moved(model)

    @rule(model=MODELS, number=st.integers(0, 7), stage=st.sampled_from(Stage), actor=ACTORS)
    def change_stage(self, model: str, number: int, stage: Stage, actor: str) -> None:
        known = 0 < number <= len(self.stages[model])
        before = self.stages[model][number - 1] if known else None
        try:
            ledger = open_ledger(self.workspace)
            moved = ledger.change_stage(model, number, stage, **SAID, actor=actor)
        except VersionNotFound:
            assert not known
        except Halted:
            assert self.stops(model, actor)
        except NotAllowedStage:
            assert before is not None
            assert stage not in LAWFUL[before]
        except StillInOffice:
            assert number in (self.office.get(model, (0, 0))[0], self.beside(model))
            assert stage is not Stage.VALIDATED
        else:
            assert moved.stage is stage
            assert before is stage or not self.stops(model, actor)
            self.stages[model][number - 1] = stage

    @rule(model=MODELS, late=st.integers(0, 1), actor=ACTORS)
    def vacate(self, model: str, late: int, actor: str) -> None:
        now = self.office.get(model, (0, 0))[1]
        wanted = max(0, now - late)
        try:
            moved = open_ledger(self.workspace).vacate(
                model, expected_epoch=wanted, **SAID, actor=actor
            )
        except Halted:
            assert self.stops(model, actor)
        except StaleEpoch:
            assert now == 0 or wanted != now
        else:
            assert not self.stops(model, actor)
            assert (moved.version, moved.epoch) == (None, now + 1)
            self.office[model] = (0, moved.epoch)
            self.moved(model)

    @rule(scope=st.sampled_from(["fraud", "bikes", None]), lift=st.booleans())
    def halt(self, scope: str | None, lift: bool) -> None:
        ledger = open_ledger(self.workspace)
        try:
            if lift:
                ledger.resume(scope, actor=lives.PERSON, reason="Go on.")
                self.halted.remove(scope)
            else:
                ledger.halt(scope, actor=lives.PERSON, reason="Wait.")
                self.halted.add(scope)
        except NotHalted:
            assert scope not in self.halted

    def stops(self, model: str, actor: str) -> bool:
        return actor == lives.ROBOT and bool(self.halted & {model, None})

    @invariant()
    def slots_point_at_who_may_serve(self) -> None:
        ledger = open_ledger(self.workspace)
        for model in self.stages:
            office = ledger.slot(model)
            found = (office.version or 0, office.epoch) if office else (0, 0)
            assert found == self.office.get(model, (0, 0))
            if office and office.version:
                assert self.stages[model][office.version - 1] is Stage.VALIDATED

    @invariant()
    def standby_is_who_served_and_may_still(self) -> None:
        ledger = open_ledger(self.workspace)
        for model, held in self.held.items():
            newest_first = list(dict.fromkeys(reversed(held)))
            now = self.office.get(model, (0, 0))[0]
            wanted = [
                number
                for number in newest_first
                if number != now
                and self.stages[model][number - 1] is Stage.VALIDATED
                and (model, number) not in self.stands_in
            ]
            assert [version.number for version in ledger.standby(model)] == wanted

    def teardown(self) -> None:
        close_ledger(self.workspace)
        shutil.rmtree(self.root)
