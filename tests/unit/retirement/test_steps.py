"""Does a retirement leave nothing that serves the version, and say so on record?"""

from __future__ import annotations

from tenure import retirement
from tenure.records import CaseState, Stage
from tenure.registry import open_store
from tenure.registry.archived import open_archive
from tenure.workspace import Workspace
from tests.unit.retirement.lives import loss, office


def test_a_retired_champion_leaves_its_slot_its_store_and_a_signed_record(
    workspace: Workspace,
) -> None:
    house = office(workspace)
    version = house.ledger.version("fraud", 1)
    case = house.retire()
    assert case.state is CaseState.CLOSED
    assert house.ledger.slot("fraud").version == 2
    assert house.ledger.slot("fraud").epoch == 2
    assert house.ledger.version("fraud", 1).stage is Stage.ARCHIVED
    assert not open_store(workspace).exists(version.object)
    assert open_archive(workspace).get_bytes(version.object, version.size)
    record = retirement.load_record(case, workspace)
    assert (record.version, record.successor, record.successor_kind) == (1, 2, "fallback")
    assert (record.epoch_before, record.epoch_after) == (1, 2)
    assert [step.name for step in record.steps] == list(retirement.STEPS[:-1])
    assert record.freed_bytes == version.size
    assert loss(workspace) == []
