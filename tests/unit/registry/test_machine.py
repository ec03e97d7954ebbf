"""Any series of moves: a small model of the rules against the real ledger."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from tenure.errors import NotFitToServe, StaleEpoch, TenureError, VersionNotFound
from tenure.records import BatchState, GateVerdict, Stage
from tenure.registry import close_ledger, open_ledger
from tenure.registry.chain import Line
from tenure.registry.fold import differences, fold, read_state
from tenure.registry.tables import audit
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.unit.registry import lives

NEVER_SERVE = [Stage.REGISTERED, Stage.REJECTED, Stage.RETIRED, Stage.ARCHIVED, Stage.PURGED]
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
        self.moved_by_hand = False

    @initialize()
    def start(self) -> None:
        open_ledger(self.workspace)

    @rule(model=MODELS, tag=TAGS, verdict=st.sampled_from(GateVerdict))
    def register(self, model: str, tag: str, verdict: GateVerdict) -> None:
        version = lives.bare_version(self.workspace, model, tag, verdict)
        if (model, tag) in self.known:
            assert version.number == self.known[model, tag]
            return
        self.stages[model].append(version.stage)
        self.known[model, tag] = version.number
        assert version.number == len(self.stages[model])
        fit = verdict in (GateVerdict.FIRST, GateVerdict.WINS, GateVerdict.FALLBACK)
        assert version.stage is (Stage.VALIDATED if fit else Stage.REJECTED)

    @rule(model=MODELS, number=st.integers(0, 7), late=st.integers(0, 2))
    def promote(self, model: str, number: int, late: int) -> None:
        now = self.office.get(model, (0, 0))[1]
        wanted = max(0, now - late)
        lawful = 0 < number <= len(self.stages[model])
        try:
            moved = lives.promote(self.workspace, number, wanted, model=model)
        except VersionNotFound:
            assert not lawful
        except NotFitToServe:
            assert self.stages[model][number - 1] is not Stage.VALIDATED
        except StaleEpoch as stale:
            refused_at = stale.facts["now"]
            assert refused_at == now != wanted
        else:
            assert lawful
            assert self.stages[model][number - 1] is Stage.VALIDATED
            assert wanted == now
            assert moved.epoch == now + 1
            self.office[model] = (number, moved.epoch)
            self.held[model].append(number)

    @precondition(lambda self: any(self.stages.values()))
    @rule(model=MODELS, pick=st.integers(0, 5), stage=st.sampled_from(NEVER_SERVE))
    def leave_service(self, model: str, pick: int, stage: Stage) -> None:
        """What retiring will do: the stage is taken away from a version that no slot points at."""
        if pick >= len(self.stages[model]) or self.office.get(model, (0, 0))[0] == pick + 1:
            return
        with open_ledger(self.workspace).database.writing() as write:
            write.connection.exec_driver_sql(
                "UPDATE versions SET stage = ? WHERE model = ? AND number = ?",
                (stage.value, model, pick + 1),
            )
        self.stages[model][pick] = stage
        self.moved_by_hand = True

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
            found = (office.version, office.epoch) if office else (0, 0)
            assert found == self.office.get(model, (0, 0))
            if office:
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
                if number != now and self.stages[model][number - 1] is Stage.VALIDATED
            ]
            assert [version.number for version in ledger.standby(model)] == wanted

    @invariant()
    def the_record_folds_to_the_state(self) -> None:
        ledger = open_ledger(self.workspace)
        with ledger.database.steady() as connection:
            lines = [Line(*row) for row in connection.execute(select(audit).order_by(audit.c.seq))]
            folded, unlawful = fold(lines)
            different = differences(folded, read_state(connection))
        if self.moved_by_hand:  # without an audit row, so exactly that is what differs
            different = [one for one in different if one[2] != "differs in stage"]
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
