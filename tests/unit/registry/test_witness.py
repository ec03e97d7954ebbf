"""Does a witness outside the workspace hold against an old copy of all of it?"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from tenure.errors import BackupRefused, BadSetting, WitnessDisagrees, WitnessUnreachable
from tenure.registry import (
    Severity,
    backup,
    close_ledger,
    open_ledger,
    restore_backup,
    verify,
)
from tenure.registry.opening import witness_of
from tenure.registry.witness import Witness
from tenure.workspace import Workspace, open_workspace
from tests.unit.registry import lives


@pytest.fixture(params=["folder", "url"])
def witnessed(workspace: Workspace, tmp_path: Path, request: pytest.FixtureRequest) -> Workspace:
    place = {"folder": str(tmp_path / "elsewhere"), "url": f"memory://heads/{tmp_path.name}"}
    settings = workspace.root / "config" / "settings.yaml"
    settings.write_text(f"anchor: {place[request.param]}\n")
    return open_workspace(workspace.root)


def seen(workspace: Workspace) -> str:
    witness = witness_of(workspace)
    assert witness is not None
    return str(witness.read())


def found(workspace: Workspace, severity: Severity) -> list[str]:
    return [
        one.what
        for one in verify(workspace)
        if one.severity is severity and one.which.startswith("witness")
    ]


def put_back(workspace: Workspace, copy: Path) -> None:
    close_ledger(workspace)
    shutil.rmtree(workspace.state)
    shutil.copytree(copy, workspace.state)


def test_the_witness_follows_each_commit(witnessed: Workspace) -> None:
    for tag in "abc":
        lives.bare_version(witnessed, tag=tag)
        assert seen(witnessed) == str(open_ledger(witnessed).head())
    assert found(witnessed, Severity.DAMAGE) == []
    assert found(witnessed, Severity.WARNING) == []
    limits = [one for one in verify(witnessed) if one.severity is Severity.LIMIT]
    assert ["may write to the witness" in one.what for one in limits] == [True]


def test_an_old_copy_of_everything_is_found_and_not_written_on(
    witnessed: Workspace, tmp_path: Path
) -> None:
    lives.bare_version(witnessed, tag="a")
    close_ledger(witnessed)
    shutil.copytree(witnessed.state, tmp_path / "old")
    lives.bare_version(witnessed, tag="b")
    put_back(witnessed, tmp_path / "old")
    assert any("an old copy was put back" in one for one in found(witnessed, Severity.DAMAGE))
    head = open_ledger(witnessed).head()
    with pytest.raises(WitnessDisagrees, match="Nothing was changed"):
        lives.bare_version(witnessed, tag="c")
    assert open_ledger(witnessed).head() == head


def test_history_that_was_written_anew_is_found(witnessed: Workspace) -> None:
    for tag in "ab":
        lives.bare_version(witnessed, tag=tag)
    close_ledger(witnessed)
    shutil.rmtree(witnessed.state)
    other = replace(witnessed, anchor_url=None)
    for tag in "abcdef":
        lives.bare_version(other, tag=tag)
    assert any("written anew" in one for one in found(witnessed, Severity.DAMAGE))


def test_what_one_writer_left_unsaid_the_next_says_first(witnessed: Workspace) -> None:
    lives.bare_version(witnessed, tag="a")
    lives.bare_version(replace(witnessed, anchor_url=None), tag="b")
    behind = seen(witnessed)
    assert behind != str(open_ledger(witnessed).head())
    with pytest.raises(RuntimeError), open_ledger(witnessed).database.writing():
        raise RuntimeError
    assert seen(witnessed) == str(open_ledger(witnessed).head())


def test_an_older_head_never_goes_over_a_newer_one(witnessed: Workspace) -> None:
    lives.bare_version(witnessed, tag="a")
    first = open_ledger(witnessed).head()
    lives.bare_version(witnessed, tag="b")
    witness = witness_of(witnessed)
    assert witness is not None
    witness.bring_up(first)
    assert seen(witnessed) == str(open_ledger(witnessed).head())


def test_a_witness_that_is_away_delays_nobody_and_is_caught_up(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "mounted"
    place.write_text("not a folder yet")
    away = replace(workspace, anchor_url=str(place))
    for tag in "abc":
        lives.bare_version(away, tag=tag)
    warned = [one for one in caplog.messages if "cannot be reached" in one]
    assert len(warned) == 1
    assert any("was not asked" in one for one in found(away, Severity.WARNING))
    place.unlink()
    close_ledger(away)
    assert any("never seen this workspace" in one for one in found(away, Severity.WARNING))
    lives.bare_version(away, tag="d")
    assert seen(away) == str(open_ledger(away).head())


def test_a_witness_that_never_answers_is_not_waited_for(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    forever = threading.Event()
    away = replace(workspace, anchor_url="memory://slow")
    database = open_ledger(away).database
    assert database.witness is not None
    database.witness.patience_s = 0.05
    monkeypatch.setattr(
        type(fsspec.filesystem("memory")), "cat_file", lambda *_, **__: forever.wait(20)
    )
    lives.bare_version(away, tag="a")
    assert database.witness.is_quiet
    assert open_ledger(away).head().seq > 0
    forever.set()


def test_a_witness_that_lags_is_said(witnessed: Workspace) -> None:
    lives.bare_version(witnessed, tag="a")
    plain = replace(witnessed, anchor_url=None)
    for tag in "bc":
        lives.bare_version(plain, tag=tag)
    assert any("commits behind" in one for one in found(witnessed, Severity.WARNING))
    assert found(witnessed, Severity.DAMAGE) == []


def test_a_restored_backup_is_told_to_the_witness(witnessed: Workspace, tmp_path: Path) -> None:
    lives.version(witnessed)
    backup(witnessed, tmp_path / "kept.tar")
    for tag in "bc":
        lives.bare_version(witnessed, tag=tag)
    restore_backup(witnessed, tmp_path / "kept.tar")
    assert seen(witnessed) == str(open_ledger(witnessed).head())
    assert found(witnessed, Severity.DAMAGE) == []
    lives.bare_version(witnessed, tag="d")
    assert seen(witnessed) == str(open_ledger(witnessed).head())


def test_nothing_is_restored_that_the_witness_could_not_be_told(
    workspace: Workspace, tmp_path: Path
) -> None:
    lives.version(workspace)
    backup(workspace, tmp_path / "kept.tar")
    (tmp_path / "mounted").write_text("not a folder")
    away = replace(workspace, anchor_url=str(tmp_path / "mounted"))
    head = open_ledger(workspace).head()
    with pytest.raises(BackupRefused, match="cannot be reached"):
        restore_backup(away, tmp_path / "kept.tar")
    assert open_ledger(workspace).head() == head


def test_a_witness_that_goes_away_while_restoring_is_told_by_restoring_again(
    witnessed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives.version(witnessed)
    backup(witnessed, tmp_path / "kept.tar")
    for tag in "bcd":
        lives.bare_version(witnessed, tag=tag)
    with monkeypatch.context() as away:
        away.setattr(Witness, "_write", _full)
        with pytest.raises(WitnessUnreachable):
            restore_backup(witnessed, tmp_path / "kept.tar")
    with pytest.raises(WitnessDisagrees):
        lives.bare_version(witnessed, tag="e")
    restore_backup(witnessed, tmp_path / "kept.tar")
    lives.bare_version(witnessed, tag="e")
    assert found(witnessed, Severity.DAMAGE) == []


def _full(*_: object) -> None:
    raise OSError("no space left")


def test_two_workspaces_share_a_witness_without_meeting(
    workspace: Workspace, tmp_path: Path
) -> None:
    other = replace(
        workspace,
        root=tmp_path / "b",
        ledger_url=f"sqlite:///{tmp_path / 'b' / '.tenure' / 'ledger.db'}",
    )
    for each in (workspace, other):
        lives.bare_version(replace(each, anchor_url=str(tmp_path / "heads")), tag="a")
    assert len(list((tmp_path / "heads").iterdir())) == 2


@pytest.mark.parametrize("wrong", [".tenure/heads", "nowhere://x"])
def test_a_witness_must_be_a_place_outside_that_can_be_opened(
    workspace: Workspace, wrong: str
) -> None:
    with pytest.raises(BadSetting, match="anchor"):
        open_ledger(replace(workspace, anchor_url=wrong))


@pytest.mark.parametrize("wrong", ["7", "''", "[a]"])
def test_an_anchor_that_is_no_text_is_a_bad_setting(workspace: Workspace, wrong: str) -> None:
    (workspace.root / "config" / "settings.yaml").write_text(f"anchor: {wrong}\n")
    with pytest.raises(BadSetting, match="anchor"):
        open_workspace(workspace.root)
