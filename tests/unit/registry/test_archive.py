from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from tenure.errors import BackupRefused, LedgerMissing
from tenure.records import Stage
from tenure.registry import (
    backup,
    close_ledger,
    load_version,
    open_ledger,
    open_store,
    restore_backup,
    tables,
    upgrade,
    upgrading,
)
from tenure.registry.archived import open_archive, put_away, take_out
from tenure.registry.opening import format_file, ledger_file, normal_schema
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.unit.registry import lives


@pytest.fixture
def archive(workspace: Workspace, tmp_path: Path) -> Path:
    """A backup of a workspace where version 1 served, which went on to version 2 since."""
    lives.version(workspace, seed=1)
    lives.promote(workspace, 1, 0)
    file = tmp_path / "one.tar"
    assert backup(workspace, file) == open_ledger(workspace).head()
    lives.version(workspace, seed=2)
    lives.promote(workspace, 2, 1)
    return file


def test_a_restore_is_on_the_record_with_the_head_that_it_replaced(
    workspace: Workspace, archive: Path
) -> None:
    ledger = open_ledger(workspace)
    replaced = str(ledger.head())
    head = restore_backup(workspace, archive, actor=lives.PERSON)
    ledger = open_ledger(workspace)
    assert ledger.slot("fraud").version == 1
    last = ledger.audit()[-1]
    assert last.kind == "backup_restored"
    assert last.body["replaced_head"] == replaced
    assert last.actor == lives.PERSON
    assert ledger.database.anchor.read() == head == ledger.head()
    assert lives.damage(workspace) == []
    assert any("witness" in one for one in lives.damage(workspace, replaced))
    assert lives.version(workspace, seed=3).number == 2
    assert load_version("fraud", 1, workspace).manifest.version == 1


def test_a_restore_brings_back_what_was_lost(workspace: Workspace, archive: Path) -> None:
    close_ledger(workspace)
    shutil.rmtree(workspace.state / "store")
    shutil.rmtree(workspace.state / "keys")
    for file in workspace.state.glob("ledger.db*"):
        file.unlink()
    with pytest.raises(LedgerMissing):
        open_ledger(workspace)
    restore_backup(workspace, archive)
    assert lives.damage(workspace) == []
    assert load_version("fraud", 1, workspace).manifest.version == 1
    assert open_ledger(workspace).audit()[-1].body["replaced_head"] == "none that could be read"


def test_a_backup_holds_the_archive_of_retired_versions(
    workspace: Workspace, tmp_path: Path
) -> None:
    version = lives.version(workspace)
    ledger, said = open_ledger(workspace), {"actor": lives.ROBOT, "reason": "Old.", "evidence": "e"}
    ledger.change_stage("fraud", 1, Stage.RETIRED, **said)
    put_away(version, workspace)
    take_out(ledger.change_stage("fraud", 1, Stage.ARCHIVED, **said), workspace)
    backup(workspace, tmp_path / "one.tar")
    close_ledger(workspace)
    shutil.rmtree(workspace.state / "archive")
    assert lives.damage(workspace)
    restore_backup(workspace, tmp_path / "one.tar")
    assert open_archive(workspace).get_bytes(version.object, version.size)
    assert not open_store(workspace).exists(version.object)
    assert lives.damage(workspace) == []


def test_a_restore_sets_a_damaged_ledger_aside(workspace: Workspace, archive: Path) -> None:
    close_ledger(workspace)
    for file in workspace.state.glob("ledger.db-*"):
        file.unlink()
    ledger_file(workspace).write_bytes(b"nothing of use" * 1000)
    restore_backup(workspace, archive)
    assert lives.damage(workspace) == []
    (aside,) = workspace.state.glob("damaged.*")
    assert (aside / "ledger.db").read_bytes().startswith(b"nothing")


def test_a_restore_into_an_empty_workspace(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "new" / "config").mkdir(parents=True)
    fresh = open_workspace(tmp_path / "new", project=PROJECT)
    restore_backup(fresh, archive)
    assert lives.damage(fresh) == []
    assert load_version("fraud", 1, fresh).manifest.version == 1
    close_ledger(fresh)


def test_those_who_have_the_ledger_open_see_what_was_restored(
    workspace: Workspace, archive: Path
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as elsewhere:
        ledger = open_ledger(workspace)
        assert elsewhere.submit(ledger.slot, "fraud").result().version == 2
        restore_backup(workspace, archive)
        reopened = open_ledger(workspace)
        assert elsewhere.submit(reopened.slot, "fraud").result().version == 1


def test_keys_that_lie_elsewhere_stay_there(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENURE_KEY_DIR", str(tmp_path / "keys"))
    lives.version(workspace)
    backup(workspace, tmp_path / "two.tar")
    with tarfile.open(tmp_path / "two.tar") as opened:
        keys = [name for name in opened.getnames() if name.startswith("keys/")]
    assert len(keys) == 1
    assert keys[0].endswith(".pub.json")
    assert (tmp_path / "two.tar").stat().st_mode & 0o777 == 0o600


def test_no_archive_is_written_over_another(workspace: Workspace, archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(BackupRefused, match="exists"):
        backup(workspace, archive)
    assert archive.read_bytes() == before


@pytest.mark.parametrize("spoil", ["ledger", "object", "cut", "no tar", "link", "newer"])
def test_an_archive_that_does_not_verify_changes_nothing(
    workspace: Workspace, archive: Path, tmp_path: Path, spoil: str
) -> None:
    bad = tmp_path / "bad.tar"
    _spoiled(archive, bad, spoil)
    before = open_ledger(workspace).head()
    with pytest.raises(BackupRefused):
        restore_backup(workspace, bad)
    assert open_ledger(workspace).head() == before
    assert lives.damage(workspace) == []


def _spoiled(archive: Path, bad: Path, spoil: str) -> None:
    import io

    if spoil in ("cut", "no tar"):
        data = archive.read_bytes()
        bad.write_bytes(data[: len(data) // 3] if spoil == "cut" else b"no tar at all")
        return
    with tarfile.open(archive) as source, tarfile.open(bad, "w") as target:
        for member in source:
            data = bytearray(source.extractfile(member).read())
            if spoil == "ledger" and member.name == "ledger.db":
                where = data.find(b"It is better.")
                data[where : where + 5] = b"IT IS"
            if spoil == "object" and member.name.startswith("store/"):
                data[0] ^= 1
            if spoil == "newer" and member.name == "backup.json":
                data = bytearray(data.replace(b'"backup_format":1', b'"backup_format":2'))
            if spoil == "link" and member.name == "backup.json":
                link = tarfile.TarInfo("store/" + "a" * 64)
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                target.addfile(link)
            member.size = len(data)
            target.addfile(member, io.BytesIO(bytes(data)))


def test_the_newest_migration_makes_the_tables_in_the_code(tmp_path: Path) -> None:
    import sqlite3

    made = tmp_path / "made.db"
    upgrading.migrate(made)
    assert upgrading.revision(made) == tables.REVISION
    connection = sqlite3.connect(made)
    found = [
        row[0]
        for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        if "alembic_version" not in row[0]
    ]
    connection.close()
    assert normal_schema(found) == normal_schema()


def test_a_folder_of_today_needs_no_upgrade(workspace: Workspace) -> None:
    open_ledger(workspace)
    assert upgrade(workspace) is None


TODAY = tables.FORMAT
NEXT = """
from alembic import op
revision = "9999"
down_revision = "{before}"
def upgrade():
    op.execute("CREATE TABLE fresh (name TEXT NOT NULL)")
    {then}
"""


def _tomorrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str = "") -> None:
    scripts = tmp_path / "migrations"
    shutil.copytree(upgrading.MIGRATIONS, scripts, dirs_exist_ok=True)
    (scripts / "versions" / "9999_fresh.py").write_text(
        NEXT.format(before=tables.REVISION, then=then)
    )
    monkeypatch.setattr(upgrading.migrate, "__kwdefaults__", {"scripts": scripts})
    monkeypatch.setattr(tables, "FORMAT", TODAY + 1)


def test_an_upgrade_migrates_after_a_backup_and_says_so(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives.version(workspace)
    _tomorrow(tmp_path, monkeypatch, then="raise RuntimeError('killed')")
    with pytest.raises(RuntimeError):
        upgrade(workspace)
    assert format_file(workspace).read_text() == f"{TODAY}\n"
    assert upgrading.revision(ledger_file(workspace)) == tables.REVISION
    _tomorrow(tmp_path, monkeypatch)
    kept = upgrade(workspace)
    assert kept.exists()
    assert upgrading.revision(ledger_file(workspace)) == "9999"
    assert open_ledger(workspace).audit()[-1].kind == "ledger_upgraded"
    assert open_ledger(workspace).version("fraud", 1).number == 1
    assert open_store(workspace).exists(open_ledger(workspace).version("fraud", 1).object)
