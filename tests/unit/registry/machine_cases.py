"""The rules about cases, against the real ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from tenure.errors import CaseIsOver, CaseNotWaiting, CaseOpen, Halted, SamePerson
from tenure.records import Action, Approval, Case, CaseState, CaseStep, Cause, digest_of
from tenure.registry import open_ledger
from tests.unit.registry.machine_offices import ACTORS, MODELS, Offices

CASE_MOVES = ["approve", "decline", "lapse", "close", "first step", "second step"]


class Cases(Offices):
    """What is known of each case."""

    def __init__(self) -> None:
        super().__init__()
        self.cases: dict[str, Case] = {}

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

    def undone(self, model: str) -> list[Case]:
        return [one for one in self.cases.values() if one.model == model and not one.is_over]

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
