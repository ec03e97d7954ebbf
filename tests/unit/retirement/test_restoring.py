"""When does a retired version come back, and when is it refused on record?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tenure import retirement
from tenure.errors import (
    ArtifactRefused,
    CaseOpen,
    NotAllowedStage,
    NotFitToServe,
    ObjectDamaged,
    RestoreNeedsPerson,
    VersionPurged,
)
from tenure.records import Stage
from tenure.registry import deploy, load_version, open_store, rollback
from tenure.registry.archived import open_archive
from tenure.workspace import Workspace
from tests.unit.retirement.lives import ROBOT, Office, loss
from tests.unit.training.houses import ACTOR

SAID = {"actor": ACTOR, "reason": "The feed was at fault."}


class Later:
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=100)


def refused_as(workspace: Workspace, office: Office) -> str:
    row = office.ledger.audit(limit=10_000)[-1]
    assert row.kind == "restore_refused"
    return row.body["refused_as"]


def test_a_restored_version_is_whole_and_on_standby_until_somebody_deploys_it(
    office: Office,
) -> None:
    version = office.ledger.version("fraud", 1)
    office.retire()
    restored = retirement.restore("fraud", 1, office.workspace, **SAID)
    assert restored.stage is Stage.VALIDATED
    assert open_store(office.workspace).get_bytes(version.object, version.size)
    assert not open_archive(office.workspace).exists(version.object)
    assert load_version("fraud", 1, office.workspace).manifest.version == 1
    assert [each.number for each in office.ledger.standby("fraud")] == [1]
    assert office.ledger.slot("fraud").version == 2
    back = rollback("fraud", office.workspace, actor=ACTOR, reason="It was the feed.")
    assert (back.version, back.epoch) == (1, 3)
    assert loss(office.workspace) == []


def test_restoring_what_is_fit_changes_nothing(office: Office) -> None:
    before = office.ledger.head()
    assert retirement.restore("fraud", 1, office.workspace, **SAID).number == 1
    assert office.ledger.head() == before


def test_a_restored_version_may_be_retired_again(office: Office) -> None:
    office.retire()
    retirement.restore("fraud", 1, office.workspace, **SAID)
    deploy("fraud", 1, office.workspace, actor=ACTOR, reason="Back.")
    office.retire()
    assert office.ledger.version("fraud", 1).stage is Stage.ARCHIVED
    assert loss(office.workspace) == []


def test_a_purged_version_is_refused(office: Office) -> None:
    office.also(retirement={"retention": {"artifact": "delete"}})
    office.retire()
    with pytest.raises(VersionPurged):
        retirement.restore("fraud", 1, office.workspace, **SAID)
    assert refused_as(office.workspace, office) == "VersionPurged"
    with pytest.raises(NotFitToServe, match="is purged"):
        rollback("fraud", office.workspace, actor=ACTOR, reason="Back.", to=1)


def test_bytes_that_changed_in_the_archive_are_refused(office: Office) -> None:
    version = office.ledger.version("fraud", 1)
    office.retire()
    file = next((office.workspace.state / "archive").rglob(version.object))
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ObjectDamaged):
        retirement.restore("fraud", 1, office.workspace, **SAID)
    assert refused_as(office.workspace, office) == "ObjectDamaged"
    assert not open_store(office.workspace).exists(version.object)
    assert office.ledger.version("fraud", 1).stage is Stage.ARCHIVED


def test_another_environment_is_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.retire()
    other = {"scikit-learn": "9.9", "numpy": "9.9", "joblib": "9", "pandas": "9", "scipy": "9"}
    monkeypatch.setattr("tenure.registry.manifests.library_versions", lambda: other)
    with pytest.raises(ArtifactRefused, match="train it again"):
        retirement.restore("fraud", 1, office.workspace, **SAID)
    assert refused_as(office.workspace, office) == "ArtifactRefused"


def test_a_version_that_is_being_retired_is_not_restored_beside_it(office: Office) -> None:
    case = retirement.verify_successor(office.open(), office.workspace, actor=ROBOT)
    retirement.move_slot(case, office.workspace, actor=ROBOT)
    with pytest.raises(CaseOpen):
        retirement.restore("fraud", 1, office.workspace, **SAID)


def test_what_was_never_retired_cannot_be_restored(office: Office) -> None:
    said = {"actor": ACTOR, "reason": "Old.", "evidence": "e"}
    office.second()
    office.ledger.change_stage("fraud", 1, Stage.DEPRECATED, **said)
    with pytest.raises(NotAllowedStage):
        retirement.restore("fraud", 1, office.workspace, **SAID)


def test_after_the_undo_window_a_name_that_was_typed_in_does_not_suffice(office: Office) -> None:
    office.retire()
    later = replace(office.workspace, clock=Later())
    with pytest.raises(RestoreNeedsPerson):
        retirement.restore("fraud", 1, later, actor="claimed:ann", reason="Back.")
    assert refused_as(later, office) == "RestoreNeedsPerson"
    assert retirement.restore("fraud", 1, later, **SAID).stage is Stage.VALIDATED


def test_what_is_due_later_is_purged_then_and_not_before(office: Office) -> None:
    office.also(retirement={"retention": {"artifact": "4 days"}})
    office.retire()
    assert retirement.purge_due(office.workspace, actor=ROBOT) == []
    later = replace(office.workspace, clock=Later())
    gone = retirement.purge_due(later, actor=ROBOT)
    assert gone == ["artifact of version 1 of 'fraud'"]
    assert office.ledger.version("fraud", 1).stage is Stage.PURGED
    assert retirement.purge_due(later, actor=ROBOT) == []


def test_a_restored_version_is_not_purged_by_the_record_of_its_retirement(office: Office) -> None:
    office.also(retirement={"retention": {"artifact": "4 days"}})
    office.retire()
    retirement.restore("fraud", 1, office.workspace, **SAID)
    later = replace(office.workspace, clock=Later())
    assert retirement.purge_due(later, actor=ROBOT) == []
    assert load_version("fraud", 1, office.workspace).manifest.version == 1
