from __future__ import annotations

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tenure.errors import (
    BadSetting,
    LedgerBusy,
    LedgerCut,
    LedgerDamaged,
    LedgerMissing,
    LedgerUnwritable,
    WorkspaceTooNew,
    WorkspaceTooOld,
)
from tenure.registry import close_ledger, open_ledger
from tenure.registry.chain import Head
from tenure.registry.opening import format_file, ledger_file
from tenure.workspace import Workspace
from tests.unit.registry import lives


def test_every_commit_is_synced_and_foreign_keys_hold(workspace: Workspace) -> None:
    with open_ledger(workspace).database.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert workspace.state.stat().st_mode & 0o777 == 0o700
    assert ledger_file(workspace).stat().st_mode & 0o777 == 0o600


def test_many_openers_make_one_ledger(workspace: Workspace) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: open_ledger(workspace), range(8)))
    children = [os.fork() for _ in range(1)]
    if children[0] == 0:
        try:
            lives.bare_version(workspace, tag="child")
        finally:
            os._exit(0)
    os.waitpid(children[0], 0)
    assert open_ledger(workspace).version("fraud", 1).number == 1
    assert sorted(os.listdir(workspace.state)) == [
        "anchor",
        "format",
        "ledger.db",
        "ledger.db-shm",
        "ledger.db-wal",
    ]


@pytest.mark.parametrize(("number", "error"), [(99, WorkspaceTooNew), (0, WorkspaceTooOld)])
def test_a_folder_of_another_format_is_left_alone(
    workspace: Workspace, number: int, error: type[Exception]
) -> None:
    open_ledger(workspace)
    close_ledger(workspace)
    format_file(workspace).write_text(f"{number}\n")
    before = ledger_file(workspace).read_bytes()
    with pytest.raises(error, match=f"format {number}"):
        open_ledger(workspace)
    assert ledger_file(workspace).read_bytes() == before


def test_a_ledger_that_was_lost_is_not_replaced_by_an_empty_one(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    lives.bare_version(workspace)
    for file in workspace.state.glob("ledger.db*"):
        file.unlink()
    with pytest.raises(LedgerMissing):
        ledger.slot("fraud")
    with pytest.raises(LedgerMissing):
        lives.promote(workspace, 1, 0)
    close_ledger(workspace)
    with pytest.raises(LedgerMissing, match="restore-backup"):
        open_ledger(workspace)
    assert not ledger_file(workspace).exists()


def test_a_maker_that_died_before_the_format_number_leaves_a_sound_ledger(
    workspace: Workspace,
) -> None:
    open_ledger(workspace)
    close_ledger(workspace)
    format_file(workspace).unlink()
    assert lives.bare_version(workspace).number == 1
    assert format_file(workspace).exists()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 500])
def test_a_file_that_is_no_ledger_is_called_damaged(workspace: Workspace, content: bytes) -> None:
    open_ledger(workspace)
    close_ledger(workspace)
    for file in workspace.state.glob("ledger.db-*"):
        file.unlink()
    ledger_file(workspace).write_bytes(content)
    with pytest.raises(LedgerDamaged):
        open_ledger(workspace).slot("fraud")
    with pytest.raises(LedgerDamaged):
        lives.promote(workspace, 1, 0)


def test_a_ledger_that_cannot_be_written_can_be_read(workspace: Workspace) -> None:
    lives.bare_version(workspace)
    ledger = open_ledger(workspace)
    with ledger.database.reading() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
        try:
            with pytest.raises(LedgerUnwritable, match="Nothing was changed"):
                lives.promote(workspace, 1, 0)
            assert ledger.version("fraud", 1).number == 1
        finally:
            connection.exec_driver_sql("PRAGMA query_only=OFF")
    assert lives.promote(workspace, 1, 0).epoch == 1


def test_a_stuck_writer_makes_others_give_up_with_nothing_changed(workspace: Workspace) -> None:
    lives.bare_version(workspace)
    ledger = open_ledger(workspace)
    close_ledger(workspace)
    database = open_ledger(workspace).database
    database.patience_s = 0.3
    database._engine.dispose()
    stuck = sqlite3.connect(ledger_file(workspace), isolation_level=None)
    stuck.execute("BEGIN IMMEDIATE")
    with database.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=100")
    with pytest.raises(LedgerBusy) as busy:
        lives.promote(workspace, 1, 0)
    assert busy.value.is_transient
    assert (busy.value.exit_code, busy.value.http_status) == (4, 503)
    stuck.execute("ROLLBACK")
    stuck.close()
    assert ledger.slot("fraud") is None
    assert lives.promote(workspace, 1, 0).epoch == 1


def test_a_write_waits_for_a_writer_that_goes_on(workspace: Workspace) -> None:
    lives.bare_version(workspace)
    holds = threading.Event()
    done = threading.Event()

    def hold() -> None:
        with open_ledger(workspace).database.writing():
            holds.set()
            done.wait(5)

    other = threading.Thread(target=hold)
    other.start()
    holds.wait(5)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(lives.promote, workspace, 1, 0)
        assert not late.done()
        done.set()
        assert late.result(20).epoch == 1
    other.join()


def test_what_raises_inside_a_write_takes_all_of_it_back(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    head = ledger.head()

    def half() -> None:
        with ledger.database.writing() as write:
            write.append("x", model=None, actor="person:a", reason="r", evidence="e", body={})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert ledger.head() == head
    assert ledger.database.anchor.read().seq == 0


@pytest.mark.parametrize("sql", ["UPDATE audit SET reason = 'x'", "DELETE FROM audit"])
@pytest.mark.parametrize("table", ["audit", "assignments"])
def test_the_database_itself_refuses_to_rewrite_the_record(
    workspace: Workspace, table: str, sql: str
) -> None:
    lives.bare_version(workspace)
    lives.promote(workspace, 1, 0)
    by_hand = sqlite3.connect(ledger_file(workspace))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        by_hand.execute(sql.replace("audit", table))
    by_hand.close()


def test_the_anchor_follows_and_is_brought_up(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    anchor = ledger.database.anchor
    for tag in "abc":
        lives.bare_version(workspace, tag=tag)
        assert anchor.read() == ledger.head()
    ledger.database.anchored = False
    lives.promote(workspace, 1, 0)
    assert anchor.read().seq == ledger.head().seq - 1
    ledger.database.anchored = True
    lives.promote(workspace, 2, 1)
    assert anchor.read() == ledger.head()


def test_a_torn_anchor_line_leaves_the_other(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    for tag in "ab":
        lives.bare_version(workspace, tag=tag)
    file = ledger.database.anchor.file
    for line in (0, 1):
        whole = file.read_bytes()
        torn = bytearray(whole)
        torn[line * 128 + 30] ^= 1
        file.write_bytes(bytes(torn))
        assert ledger.database.anchor.read().seq in (3, 4)
        file.write_bytes(whole)


def test_an_anchor_never_goes_back(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    lives.bare_version(workspace)
    head = ledger.head()
    ledger.database.anchor.bring_up(Head(1, "a" * 64))
    assert ledger.database.anchor.read() == head


def test_nobody_writes_on_after_a_cut(workspace: Workspace, tmp_path: Path) -> None:
    """A ledger that lacks what was anchored must not grow over the gap."""
    ledger = open_ledger(workspace)
    lives.bare_version(workspace, tag="a")
    ledger.database.anchor.bring_up(Head(ledger.head().seq + 1, "a" * 64))
    with pytest.raises(LedgerCut):
        lives.bare_version(workspace, tag="b")
    assert ledger.slot("fraud") is None


def test_only_a_file_can_be_a_ledger_yet(workspace: Workspace) -> None:
    from dataclasses import replace

    with pytest.raises(BadSetting, match="sqlite"):
        open_ledger(replace(workspace, ledger_url="postgresql://localhost/x"))
