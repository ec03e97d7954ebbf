"""Where do the bytes of retired versions lie, and who can still reach them?"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tenure.errors import ObjectMissing, StoreExposed
from tenure.records import GateVerdict, Stage, Version
from tenure.registry import (
    Severity,
    close_ledger,
    collect,
    load_candidate,
    open_ledger,
    open_store,
    register,
    verify,
)
from tenure.registry.archived import open_archive, purge, put_away, take_out
from tenure.workspace import Workspace
from tests.unit.registry import lives

SAID = {"actor": lives.ROBOT, "reason": "It is old.", "evidence": "a case"}


@pytest.fixture(params=["folders", "urls"])
def place(request: pytest.FixtureRequest, workspace: Workspace) -> Iterator[Workspace]:
    if request.param == "folders":
        yield workspace
        return
    elsewhere = replace(workspace, store_url=f"memory://{uuid.uuid4().hex}/store")
    yield elsewhere
    close_ledger(elsewhere)


def archived(workspace: Workspace, number: int = 1) -> Version:
    ledger = open_ledger(workspace)
    put_away(ledger.change_stage("fraud", number, Stage.RETIRED, **SAID), workspace)
    return ledger.change_stage("fraud", number, Stage.ARCHIVED, **SAID)


def test_the_stores_handle_does_not_lead_to_the_archive(place: Workspace) -> None:
    version = lives.version(place)
    assert take_out(archived(place), place) == ()
    store = open_store(place)
    with pytest.raises(ObjectMissing):
        store.get_bytes(version.object)
    assert version.object not in set(store.digests())
    assert open_archive(place).get_bytes(version.object, version.size)
    with pytest.raises(ObjectMissing):
        load_candidate(open_ledger(place).candidate(version.candidate), place)
    assert lives.damage(place) == []


def test_putting_away_and_taking_out_again_changes_nothing(place: Workspace) -> None:
    version = lives.version(place)
    take_out(archived(place), place)
    put_away(version, place)
    assert take_out(version, place) == ()
    assert lives.damage(place) == []


def test_bytes_that_another_version_needs_stay_in_the_store(workspace: Workspace) -> None:
    first = lives.version(workspace)
    fit = lives.candidate_record(
        "fraud", "twin", object=first.object, size=first.size, names=_names(workspace, first)
    )
    fit = open_ledger(workspace).record_candidate(fit, actor=lives.ROBOT)
    judged = lives.evaluation(fit, GateVerdict.WINS, open_store(workspace).put_json({}))
    register(fit, judged, lives.golden_rows(), workspace, actor=lives.ROBOT)
    assert take_out(archived(workspace), workspace) == ("version 2 of 'fraud'",)
    assert open_store(workspace).get_bytes(first.object, first.size)
    assert lives.damage(workspace) == []
    second = archived(workspace, 2)
    assert take_out(second, workspace) == ()
    purge(second, workspace)
    assert open_archive(workspace).exists(first.object), "version 1 is archived by these bytes"


def _names(workspace: Workspace, version: Version) -> tuple[str, ...]:
    found = open_ledger(workspace).candidate(version.candidate)
    assert found is not None
    return found.globals


def test_a_fit_that_went_to_the_archive_is_no_kept_candidate(workspace: Workspace) -> None:
    lives.version(workspace, seed=0)
    lives.version(workspace, seed=1)
    archived(workspace)
    kept = open_ledger(workspace).candidates("fraud")
    assert [each.id for each in kept] == [open_ledger(workspace).version("fraud", 2).candidate]
    assert len(open_ledger(workspace).candidates("fraud", kept=False)) == 2


def test_a_copy_that_was_left_in_the_store_is_seen(workspace: Workspace) -> None:
    lives.version(workspace)
    version = archived(workspace)
    warned = [one for one in verify(workspace) if one.severity is Severity.WARNING]
    assert any("the store still holds its bytes" in one.what for one in warned)
    take_out(version, workspace)
    warned = [one for one in verify(workspace) if one.severity is Severity.WARNING]
    assert not any("still holds" in one.what for one in warned)


def test_lost_and_damaged_archives_are_damage_and_a_purge_is_none(workspace: Workspace) -> None:
    lives.version(workspace)
    version = archived(workspace)
    take_out(version, workspace)
    open_archive(workspace).shelf.remove(version.object)
    (damage,) = lives.damage(workspace)
    assert damage.startswith("version 1 of 'fraud': the archive: ")
    purged = open_ledger(workspace).change_stage("fraud", 1, Stage.PURGED, **SAID)
    purge(purged, workspace)
    assert lives.damage(workspace) == []
    assert collect(workspace, grace_s=0) == []


def test_an_archive_that_others_may_write_to_is_refused(workspace: Workspace) -> None:
    lives.version(workspace)
    open_archive(workspace)
    (workspace.state / "archive").chmod(0o777)
    with pytest.raises(StoreExposed):
        open_archive(workspace)


def test_the_archive_may_lie_elsewhere(workspace: Workspace, tmp_path) -> None:
    cold = replace(workspace, archive_url=str(tmp_path / "cold"))
    version = lives.version(cold)
    take_out(archived(cold), cold)
    assert list(open_archive(cold).digests()) == [version.object]
    assert not (workspace.state / "archive").exists()
