from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tenure.registry import Severity, close_ledger, collect, open_ledger, open_store, verify
from tenure.registry.chain import GENESIS, Head, Line, line_digest
from tenure.registry.fold import fold
from tenure.registry.opening import ledger_file
from tenure.workspace import Workspace, open_workspace
from tests.conftest import PROJECT
from tests.unit.registry import lives


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which everything that the ledger knows has happened once."""
    root = tmp_path_factory.mktemp("lived")
    (root / "config").mkdir()
    workspace = open_workspace(root, project=PROJECT)
    ledger = open_ledger(workspace)
    lives.version(workspace, seed=1)
    lives.version(workspace, seed=2)
    lives.promote(workspace, 1, 0)
    lives.promote(workspace, 2, 1)
    good, bad = lives.snapshot(workspace, tag="1"), lives.snapshot(workspace, tag="2")
    ledger.accept_batch(good, actor=lives.ROBOT, reason="It passed.", pin=good.columns)
    ledger.quarantine_batch(
        "fraud",
        bad.batch,
        report=bad.report,
        kept_object=bad.object,
        reason="It lacks a column.",
        actor=lives.ROBOT,
    )
    fit = lives.candidate(workspace, seed=3)
    ledger.release_candidates([fit.id], actor=lives.ROBOT, reason="Judged.")
    close_ledger(workspace)
    return workspace


@pytest.fixture
def life(lived: Workspace, workspace: Workspace) -> Workspace:
    """A copy of that workspace, to be spoiled."""
    shutil.copytree(lived.state, workspace.state)
    return workspace


def by_hand(workspace: Workspace, *statements: str) -> None:
    """Change the database behind the ledger's back, guards taken off and put on again."""
    close_ledger(workspace)
    connection = sqlite3.connect(ledger_file(workspace), isolation_level=None)
    guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    kept = guards.fetchall()
    for name, _ in kept:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    for _, sql in kept:
        connection.execute(sql)
    connection.close()


def test_a_sound_life_verifies_and_says_what_it_cannot_know(life: Workspace) -> None:
    found = verify(life)
    assert [one.severity for one in found if one.severity is Severity.DAMAGE] == []
    limits = [one for one in found if one.severity is Severity.LIMIT]
    assert len(limits) == 1
    assert "--head" in limits[0].remedy
    assert any("weak" in one.what for one in found if one.severity is Severity.WARNING)
    assert all(one.which and one.remedy for one in found)


def test_a_key_folder_elsewhere_is_not_weak(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENURE_KEY_DIR", str(tmp_path / "keys"))
    lives.version(workspace)
    assert not [one for one in verify(workspace) if one.severity is Severity.WARNING]


AUDIT_COLUMNS = [name for name in Line._fields if name != "seq"]


@pytest.mark.parametrize("column", AUDIT_COLUMNS)
def test_any_edit_of_the_record_is_found(life: Workspace, column: str) -> None:
    value = "'{}'" if column == "body" else "'changed'"
    by_hand(life, f"UPDATE audit SET {column} = {value} WHERE seq = 5")
    assert any(one.startswith("audit row") for one in lives.damage(life))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit WHERE seq = 4",
        "UPDATE audit SET seq = 400 WHERE seq = 4",
        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
        "UPDATE versions SET stage = 'rejected' WHERE number = 2",
        "UPDATE versions SET size = size + 1 WHERE number = 1",
        "UPDATE versions SET reason = 'Because.' WHERE number = 1",
        "DELETE FROM versions WHERE number = 1",
        "UPDATE slots SET version = 1",
        "UPDATE slots SET epoch = 7",
        "DELETE FROM slots",
        "UPDATE assignments SET actor = 'person:eve' WHERE epoch = 1",
        "UPDATE assignments SET since = '2020-01-01T00:00:00.000000Z' WHERE epoch = 1",
        "DELETE FROM assignments WHERE epoch = 1",
        "UPDATE batches SET state = 'accepted' WHERE state = 'quarantined'",
        "UPDATE batches SET name = 'x' WHERE state = 'accepted'",
        "DELETE FROM batches WHERE state = 'quarantined'",
        "UPDATE snapshots SET record = replace(record, '\"rows\":3', '\"rows\":4')",
        "UPDATE snapshots SET seq = 1",
        "UPDATE contracts SET columns = '[]'",
        "UPDATE candidates SET kept = 0 WHERE seq = 1",
        "UPDATE candidates SET record = replace(record, '\"seed\":42', '\"seed\":43')",
        "UPDATE evaluations SET record = replace(record, 'wins', 'ties')",
        "DROP INDEX audit_by_model",
        "INSERT INTO contracts VALUES ('other', '[]')",
    ],
)
def test_any_edit_of_the_state_is_found(life: Workspace, statement: str) -> None:
    by_hand(life, "PRAGMA foreign_keys=OFF", statement)
    assert lives.damage(life)


def test_guards_that_were_taken_off_are_missed(life: Workspace) -> None:
    close_ledger(life)
    connection = sqlite3.connect(ledger_file(life))
    connection.execute("DROP TRIGGER audit_refuses_update")
    connection.close()
    assert any("guard" in one for one in lives.damage(life))


def _rechain(workspace: Workspace) -> None:
    connection = sqlite3.connect(ledger_file(workspace), isolation_level=None)
    before = GENESIS
    for row in connection.execute("SELECT * FROM audit ORDER BY seq").fetchall():
        line = Line(*row)._replace(previous=before)
        before = line_digest(line)
        connection.execute(
            "UPDATE audit SET previous = ?, digest = ? WHERE seq = ?",
            (line.previous, before, line.seq),
        )
    connection.close()


def test_a_record_written_anew_is_found_by_the_anchor_or_by_a_witness(life: Workspace) -> None:
    """Someone edits a row, rechains all rows after it and even mends the anchor."""
    ledger = open_ledger(life)
    witness = str(ledger.head())
    anchor = ledger.database.anchor.file
    guards = [f"DROP TRIGGER audit_refuses_{verb}" for verb in ("update", "delete")]
    close_ledger(life)
    connection = sqlite3.connect(ledger_file(life), isolation_level=None)
    kept = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for guard in guards:
        connection.execute(guard)
    connection.execute("UPDATE audit SET actor = 'person:eve' WHERE kind = 'batch_quarantined'")
    connection.close()
    _rechain(life)
    connection = sqlite3.connect(ledger_file(life), isolation_level=None)
    for (sql,) in kept:
        if " ON audit" in sql:
            connection.execute(sql)
    connection.close()
    assert any("anchor" in one for one in lives.damage(life))
    ledger = open_ledger(life)
    ledger.database.anchor.reset(ledger.head())
    assert lives.damage(life) == []  # the limit that verify states
    assert any("witness" in one for one in lives.damage(life, witness))
    assert anchor.exists()


def test_an_old_copy_put_back_is_found_by_the_anchor_and_all_of_it_by_a_witness(
    life: Workspace, tmp_path: Path
) -> None:
    close_ledger(life)
    old = tmp_path / "old"
    shutil.copytree(life.state, old)
    lives.promote(life, 1, 2)
    witness = str(open_ledger(life).head())
    assert lives.damage(life, witness) == []
    close_ledger(life)
    new_anchor = (life.state / "anchor").read_bytes()
    shutil.rmtree(life.state)
    shutil.copytree(old, life.state)
    assert lives.damage(life) == []
    assert any("witness" in one for one in lives.damage(life, witness))
    close_ledger(life)
    (life.state / "anchor").write_bytes(new_anchor)
    assert any("cut" in one for one in lives.damage(life))


def test_a_cut_tail_is_found(life: Workspace) -> None:
    by_hand(
        life,
        "PRAGMA foreign_keys=OFF",
        "DELETE FROM outbox",
        "DELETE FROM audit WHERE kind = 'candidates_released'",
        "UPDATE candidates SET kept = 1",
    )
    assert any("its tail was cut" in one for one in lives.damage(life))


@pytest.mark.parametrize("seqs", [0, 1, 2, 5])
def test_an_anchor_may_lag_by_one_commit_and_no_more(life: Workspace, seqs: int) -> None:
    ledger = open_ledger(life)
    row = ledger.audit(limit=1000)[-1 - seqs]
    ledger.database.anchor.reset(Head(row.seq, row.digest))
    assert bool(lives.damage(life)) is (seqs > 1)


def test_an_anchor_that_was_removed_is_missed(life: Workspace) -> None:
    open_ledger(life).database.anchor.file.unlink()
    assert any("anchor" in one for one in lives.damage(life))


@pytest.mark.parametrize("head", ["1:", "x:y", "99:" + "a" * 64, ":", "3:" + "0" * 64])
def test_a_head_that_never_was_is_found(life: Workspace, head: str) -> None:
    assert any("witness" in one for one in lives.damage(life, head))


OBJECTS: dict[str, Callable[[Workspace], str]] = {
    "a version's artifact": lambda w: open_ledger(w).version("fraud", 1).object,
    "a manifest": lambda w: open_ledger(w).version("fraud", 1).manifest,
    "a snapshot": lambda w: open_ledger(w).snapshots("fraud")[0].object,
    "a report": lambda w: open_ledger(w).snapshots("fraud")[0].report,
    "quarantined bytes": lambda w: open_ledger(w).batches("fraud")[0].kept_object or "",
    "an evaluation's details": lambda w: open_ledger(w).evaluation("fraud", 1).details,
}


@pytest.mark.parametrize("spoil", ["gone", "flipped", "cut"])
@pytest.mark.parametrize("which", OBJECTS)
def test_any_missing_or_changed_byte_is_found(life: Workspace, which: str, spoil: str) -> None:
    path = open_store(life).shelf.path(OBJECTS[which](life))
    data = bytearray(path.read_bytes())
    os.chmod(path, 0o600)
    match spoil:
        case "gone":
            path.unlink()
        case "flipped":
            data[len(data) // 2] ^= 4
            path.write_bytes(data)
        case "cut":
            path.write_bytes(data[:-1])
    assert lives.damage(life)


def test_what_a_killed_writer_left_is_noted_and_collected_after_its_grace(life: Workspace) -> None:
    store = open_store(life)
    orphan = store.put_bytes(b"its row never came")
    (Path(store.shelf.where) / "in-work" / "abc.1").write_bytes(b"torn")
    notes = {one.which for one in verify(life) if one.severity is Severity.NOTE}
    assert f"object {orphan}" in notes
    assert any(which.endswith("abc.1") for which in notes)
    assert lives.damage(life) == []
    assert collect(life, grace_s=3600) == []
    gone = collect(life, grace_s=-1)
    assert orphan in gone
    assert "abc.1" in gone
    assert lives.damage(life) == []
    assert [one for one in verify(life) if one.severity is Severity.NOTE] == []


def test_a_ledger_that_cannot_be_read_is_a_finding(life: Workspace) -> None:
    close_ledger(life)
    for file in life.state.glob("ledger.db-*"):
        file.unlink()
    data = bytearray(ledger_file(life).read_bytes())
    data[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    ledger_file(life).write_bytes(data)
    assert lives.damage(life)
    ledger_file(life).write_bytes(b"nothing")
    close_ledger(life)
    assert any("ledger" in one for one in lives.damage(life))


def test_a_record_that_breaks_the_rules_is_unlawful_even_if_well_chained() -> None:
    def line(seq: int, kind: str, body: str) -> Line:
        at = "2026-01-01T00:00:00.000000Z"
        return Line(seq, at, at, kind, "fraud", "person:a", "r", "e", body, "", "")

    version = (
        '{"model":"fraud","number":1,"stage":"rejected","candidate":"c","object":"o","size":1,'
        '"manifest":"m","evaluation":"v","training_set":"t","judged":"j"}'
    )
    told = [
        line(1, "candidate_recorded", '{"candidate":"c","record":"r"}'),
        line(2, "version_registered", version),
        line(3, "slot_moved", '{"slot":"champion","version":1,"epoch":1}'),
        line(4, "slot_moved", '{"slot":"champion","version":1,"epoch":3}'),
        line(5, "slot_moved", '{"slot":"champion","version":8,"epoch":4}'),
        line(6, "batch_accepted", '{"batch":"b","snapshot":"s","report":"p"}'),
        line(7, "version_registered", version),
        line(8, "candidates_released", '{"candidates":["c"]}'),
    ]
    assert [row.seq for row in fold(told)[1]] == [3, 4, 5, 6, 7, 8]
