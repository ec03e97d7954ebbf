"""Any series of moves: a small model of the rules against the real ledger."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlalchemy import select

from tenure.errors import TenureError
from tenure.records import BatchState, GateVerdict
from tenure.registry import open_ledger
from tenure.registry.chain import Line
from tenure.registry.fold import differences, fold, read_state
from tenure.registry.tables import audit
from tests.unit.registry import lives
from tests.unit.registry.machine_cases import Cases
from tests.unit.registry.machine_offices import TAGS
from tests.unit.registry.machine_rollouts import Rollouts


class Registry(Cases, Rollouts):
    def __init__(self) -> None:
        super().__init__()
        self.batches: dict[str, BatchState] = {}

    @initialize(furnished=st.sampled_from([True, True, False]))
    def start(self, furnished: bool) -> None:
        open_ledger(self.workspace)
        for tag in "ab" if furnished else "":
            self.register("fraud", tag, GateVerdict.WINS)
        if furnished:
            self.promote("fraud", 1, 0, lives.PERSON)
            self.start_rollout("fraud", 2, 0, lives.ROBOT)

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


TestRegistry = Registry.TestCase
TestRegistry.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
