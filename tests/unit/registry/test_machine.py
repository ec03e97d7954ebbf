"""Any series of moves: a small model of the rules against the real ledger."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from tenure.errors import (
    CaseIsOver,
    CaseNotWaiting,
    CaseOpen,
    Halted,
    NoChampion,
    NotAllowedStage,
    NotFitToServe,
    NotHalted,
    RolloutIsOver,
    RolloutMoved,
    RolloutOpen,
    SamePerson,
    ServesAlready,
    StaleEpoch,
    StillInOffice,
    TenureError,
    VersionNotFound,
)
from tenure.records import (
    Action,
    Approval,
    BatchState,
    Case,
    CaseState,
    CaseStep,
    Cause,
    GateVerdict,
    Rollout,
    RolloutState,
    Slot,
    Stage,
    digest_of,
)
from tenure.records.rollout import OVER
from tenure.registry import close_ledger, open_ledger
from tenure.registry.chain import Line
from tenure.registry.fold import differences, fold, read_state
from tenure.registry.stages import LAWFUL
from tenure.registry.tables import audit
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.unit.registry import lives

SAID = {"reason": "The machine says so.", "evidence": "e" * 64}
CASE_MOVES = ["approve", "decline", "lapse", "close", "first step", "second step"]
ACTORS = st.sampled_from([lives.PERSON, lives.ROBOT])
MODELS = st.sampled_from(["fraud", "bikes"])
TAGS = st.sampled_from("abcdef")


class Registry(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        (self.root / "config").mkdir()
        self.workspace: Workspace = open_workspace(self.root, project=PROJECT)
        self.stages: dict[str, list[Stage]] = {"fraud": [], "bikes": []}
        self.known: dict[tuple[str, str], int] = {}
        self.office: dict[str, tuple[int, int]] = {}
        self.held: dict[str, list[int]] = {"fraud": [], "bikes": []}
        self.batches: dict[str, BatchState] = {}
        self.cases: dict[str, Case] = {}
        self.halted: set[str | None] = set()
        self.stands_in: set[tuple[str, int]] = set()
        self.rollouts: dict[str, Rollout] = {}

    @initialize(furnished=st.sampled_from([True, True, False]))
    def start(self, furnished: bool) -> None:
        open_ledger(self.workspace)
        for tag in "ab" if furnished else "":
            self.register("fraud", tag, GateVerdict.WINS)
        if furnished:
            self.promote("fraud", 1, 0, lives.PERSON)
            self.start_rollout("fraud", 2, 0, lives.ROBOT)

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
            assert number in (self.office.get(model, (0, 0))[0], self.rolled_out(model))
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

    @rule(model=MODELS, actor=ACTORS, wanted=st.integers(0, 2))
    def open_case(self, model: str, actor: str, wanted: int) -> None:
        now = datetime.now(UTC)
        case = Case(
            id=digest_of([model, len(self.cases)]),
            model=model,
            version=1,
            epoch=1,
            action=Action.RETIRE,
            cause=Cause.DRIFT,
            reason="It drifted.",
            state=CaseState.WAITING if wanted else CaseState.OPEN,
            opened_by=actor,
            opened_at=now,
            approvals_wanted=wanted,
            deadline_at=now if wanted else None,
            on_timeout="retire" if wanted == 2 else "keep",
        )
        try:
            open_ledger(self.workspace).open_case(case, actor=actor, evidence="a reading")
        except CaseOpen:
            assert self.undone(model)
        except Halted:
            assert self.stops(model, actor)
        else:
            assert not self.undone(model)
            assert not self.stops(model, actor)
            self.cases[case.id] = case

    @precondition(lambda self: self.cases)
    @rule(pick=st.integers(0, 7), move=st.sampled_from(CASE_MOVES), actor=ACTORS)
    def act_on_case(self, pick: int, move: str, actor: str) -> None:
        known = list(self.cases.values())
        case = known[pick % len(known)]
        ledger, now = open_ledger(self.workspace), datetime.now(UTC)
        try:
            match move:
                case "approve" | "decline":
                    answer = Approval(by=actor, approved=move == "approve", reason="So.", at=now)
                    after = ledger.answer_case(case.id, answer)
                case "lapse":
                    after = ledger.lapse_case(case.id, actor=actor, now=now)
                case "close":
                    said = {"outcome": "Done.", "record": None}
                    after = ledger.close_case(case.id, actor=actor, now=now, **said)
                case _:
                    after = ledger.note_step(case.id, CaseStep(name=move, at=now, actor=actor))
        except Halted:
            assert self.stops(case.model, actor)
        except CaseIsOver:
            assert case.is_over
        except CaseNotWaiting:
            assert case.state is not (CaseState.OPEN if "step" in move else CaseState.WAITING)
        except SamePerson:
            assert case.approvals_wanted == 2
        else:
            assert not case.is_over or after == case
            assert len(after.steps) >= len(case.steps)
            assert len({step.name for step in after.steps}) == len(after.steps)
            self.cases[case.id] = after

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
        move=st.sampled_from(["advance", "advance", "advance", "hold", *sorted(OVER)]),
        late=st.integers(0, 1),
        actor=ACTORS,
    )
    def act_on_rollout(self, pick: int, move: str, late: int, actor: str) -> None:
        known = list(self.rollouts.values())
        now = known[pick % len(known)]
        wanted, office = max(0, now.step - late), self.office[now.model]
        if move == "advance" and now.step == 2:
            return
        ledger, said = open_ledger(self.workspace), {**SAID, "actor": actor}
        try:
            match move:
                case "advance":
                    after = ledger.advance_rollout(now.id, expected_step=wanted, **said)
                case "hold":
                    after = ledger.hold_rollout(now.id, expected_step=wanted, **said)
                case _:
                    after = ledger.end_rollout(now.id, RolloutState(move), **said)
        except Halted:
            assert self.stops(now.model, actor)
        except RolloutIsOver:
            assert now.is_over
        except RolloutMoved:
            assert wanted != now.step
        except StaleEpoch:
            wants_office = move == "promoted"
            assert office[0] != now.version if wants_office else office[1] != now.champion_epoch
        else:
            assert not now.is_over or after == now
            assert after == now or not self.stops(now.model, actor)
            assert after.step == now.step + (move == "advance")
            assert after.is_over is (now.is_over or move in OVER)
            event(f"a rollout did: {move}")
            self.rollouts[now.id] = after

    def open_for(self, model: str) -> str:
        mine = (one for one in self.rollouts.values() if one.model == model and not one.is_over)
        return next((one.id for one in mine), "")

    def rolled_out(self, model: str) -> int:
        now = self.rollouts.get(self.open_for(model))
        return now.version if now else 0

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

    def undone(self, model: str) -> list[Case]:
        return [one for one in self.cases.values() if one.model == model and not one.is_over]

    @rule(tag=TAGS, move=st.sampled_from(["accept", "quarantine", "readmit"]))
    def judge(self, tag: str, move: str) -> None:
        ledger = open_ledger(self.workspace)
        snapshot = lives.snapshot(self.workspace, tag=tag)
        state = self.batches.setdefault(snapshot.batch, BatchState.ARRIVED)
        after = {
            ("accept", BatchState.ARRIVED): BatchState.ACCEPTED,
            ("accept", BatchState.ACCEPTED): BatchState.ACCEPTED,
            ("quarantine", BatchState.ARRIVED): BatchState.QUARANTINED,
            ("quarantine", BatchState.QUARANTINED): BatchState.QUARANTINED,
            ("readmit", BatchState.QUARANTINED): BatchState.ARRIVED,
            ("readmit", BatchState.ARRIVED): BatchState.ARRIVED,
        }.get((move, state))
        said = {"actor": lives.ROBOT, "reason": "The machine says so."}
        try:
            match move:
                case "accept":
                    ledger.accept_batch(snapshot, **said)
                case "quarantine":
                    held = {"report": snapshot.report, "kept_object": None}
                    ledger.quarantine_batch("fraud", snapshot.batch, **held, **said)
                case _:
                    ledger.readmit_batch("fraud", snapshot.batch, **said)
        except TenureError:
            assert after is None
        else:
            assert after is not None
            self.batches[snapshot.batch] = after

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

    @invariant()
    def the_ledger_knows_the_cases_and_halts(self) -> None:
        ledger = open_ledger(self.workspace)
        assert {one.id: replace(one, seq=0) for one in ledger.cases(limit=1000)} == {
            one.id: replace(one, seq=0) for one in self.cases.values()
        }
        assert {one.model for one in ledger.halts()} == self.halted
        for model in self.stages:
            undone = self.undone(model)
            assert len(undone) <= 1
            assert (ledger.open_case_of(model) is None) is not bool(undone)

    @invariant()
    def a_rollout_holds_the_slot_of_its_step_and_no_other(self) -> None:
        ledger = open_ledger(self.workspace)
        assert {one.id for one in ledger.open_rollouts()} == {
            one.id for one in self.rollouts.values() if not one.is_over
        }
        for model in self.stages:
            now = self.rollouts.get(self.open_for(model))
            assert ledger.open_rollout(model) == now
            for slot in (Slot.SHADOW, Slot.CHALLENGER):
                held = ledger.slot(model, slot)
                if now and now.slot is slot:
                    assert held
                    assert (held.version, held.epoch) == (now.version, now.now.epoch)
                else:
                    assert held is None or held.version is None

    @invariant()
    def the_record_folds_to_the_state(self) -> None:
        ledger = open_ledger(self.workspace)
        with ledger.database.steady() as connection:
            lines = [Line(*row) for row in connection.execute(select(audit).order_by(audit.c.seq))]
            folded, unlawful = fold(lines)
            different = differences(folded, read_state(connection))
        assert not unlawful
        assert not different

    @invariant()
    def the_anchor_is_at_the_head(self) -> None:
        ledger = open_ledger(self.workspace)
        assert ledger.database.anchor.read() == ledger.head()

    def teardown(self) -> None:
        close_ledger(self.workspace)
        shutil.rmtree(self.root)


TestRegistry = Registry.TestCase
TestRegistry.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
