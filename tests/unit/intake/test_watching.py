"""Is every file that arrives noticed once, whole, and put on record before anybody is told?"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import fsspec
import pytest

from tenure import intake
from tenure.records import BatchState
from tenure.registry import open_ledger
from tests.unit.intake.walking import Model

ROWS = "y,x\n0,1\n1,2\n"


class Heard:
    """What a watcher told, and what the ledger held at that moment."""

    def __init__(self, workspace):
        self.workspace = workspace
        self.batches = []
        self.on_record = []

    def __call__(self, model, batch):
        self.on_record.append(open_ledger(self.workspace).batch(model, batch.digest) == batch)
        self.batches.append(batch)

    def names(self):
        return [batch.name for batch in self.batches]


@contextmanager
def watching(workspace, heard, **options):
    stop = threading.Event()
    thread = threading.Thread(target=intake.watch, args=(workspace, heard, stop), kwargs=options)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def eventually(condition, within_s=60):
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_files_there_and_files_that_come_are_told_once_after_their_row(model):
    model.drop("before.csv", ROWS)
    heard = Heard(model.workspace)
    with watching(model.workspace, heard):
        eventually(lambda: heard.names() == ["before.csv"])
        (model.source / ".later.csv").write_text(ROWS + "1,3\n")
        (model.source / "_draft.csv").write_text(ROWS + "1,4\n")
        (model.source / "sub").mkdir()
        (model.source / "sub" / "x.csv").write_text(ROWS + "1,5\n")
        (model.source / ".later.csv").rename(model.source / "later.csv")
        eventually(lambda: len(heard.batches) > 1)
        model.drop("again.csv", ROWS)
        model.drop("last.csv", ROWS + "1,6\n")
        eventually(lambda: len(heard.batches) > 2)
    assert heard.names() == ["before.csv", "later.csv", "last.csv"]
    assert all(heard.on_record)


@pytest.mark.faults
@pytest.mark.parametrize("keeps_open", [True, False], ids=["held open", "opened again and again"])
def test_a_file_that_is_still_being_written_is_never_half_read(model, keeps_open):
    whole = ROWS + "".join(f"{n % 2},{n}\n" for n in range(40))
    heard = Heard(model.workspace)
    file = model.source / "slow.csv"
    with watching(model.workspace, heard):
        if keeps_open:
            with open(file, "w", buffering=1) as writer:
                writer.write(whole[:30])
                time.sleep(1.2)  # longer than two looks: the open file alone holds it back
                assert heard.batches == []
                writer.write(whole[30:])
        else:
            for start in range(0, len(whole), 30):
                with open(file, "a") as writer:
                    writer.write(whole[start : start + 30])
                time.sleep(0.05)
        eventually(lambda: heard.batches)
    (batch,) = open_ledger(model.workspace).batches("m")
    staged = intake.stage(batch, model.workspace)
    assert (staged.rows, batch.size) == (42, len(whole))


def test_a_new_spec_and_a_folder_made_later_are_followed(workspace):
    heard = Heard(workspace)
    with watching(workspace, heard):
        model = Model(workspace)
        model.write(source="made later")
        model.source = workspace.root / "made later"
        model.source.mkdir()
        model.drop("a.csv", ROWS)
        eventually(lambda: heard.names() == ["a.csv"])
        model.write(pattern="*.csv")
        model.drop("b.txt", ROWS + "1,3\n")
        model.drop("c.csv", ROWS + "1,4\n")
        eventually(lambda: "c.csv" in heard.names())
    assert "b.txt" not in heard.names()


def test_a_broken_spec_and_a_listener_that_fails_hold_up_nothing(model):
    (model.workspace.models_folder / "broken.yaml").write_text("name: broken\nowner: 5\n")
    heard = []

    def fails(_model, batch):
        heard.append(batch.name)
        raise RuntimeError("nobody there")

    with watching(model.workspace, fails):
        model.drop("a.csv", ROWS)
        eventually(lambda: heard == ["a.csv"])
        model.drop("b.csv", ROWS + "1,3\n")
        eventually(lambda: heard == ["a.csv", "b.csv"])
    waiting = open_ledger(model.workspace).batches("m", state=BatchState.ARRIVED)
    assert len(waiting) == 2


def test_a_source_behind_a_url_is_polled_and_read_through_its_file_objects(model):
    files = fsspec.filesystem("memory")
    url = f"memory://{model.workspace.root.parent.name}"
    model.write(source=url)
    files.pipe_file(f"{url}/one.csv", ROWS.encode())
    files.pipe_file(f"{url}/_half.csv", b"y,x\n")
    files.pipe_file(f"{url}/sub/two.csv", b"y,x\n1,1\n")
    heard = Heard(model.workspace)
    with watching(model.workspace, heard, poll_s=0.2):
        eventually(lambda: heard.names() == ["one.csv"])
    (batch,) = heard.batches
    assert batch.location == f"{url}/one.csv"
    staged = intake.stage(batch, model.workspace)
    assert (staged.rows, staged.object is not None) == (2, True)
    files.rm(url, recursive=True)


def test_a_source_that_cannot_be_reached_says_so_once_and_comes_back(model, caplog):
    blocked = model.workspace.root / "blocked"
    blocked.write_text("a file where a folder is wanted")
    model.write(source="blocked")
    heard = Heard(model.workspace)
    with watching(model.workspace, heard):
        eventually(lambda: "cannot be read" in caplog.text)
        time.sleep(0.5)
        blocked.unlink()
        blocked.mkdir()
        model.source = blocked
        model.drop("a.csv", ROWS)
        eventually(lambda: heard.names() == ["a.csv"])
    assert caplog.text.count("cannot be read") == 1


def test_locate_lists_what_stands_still_oldest_first(model):
    from tenure.spec import load_spec

    model.drop("b.csv", ROWS)
    model.drop("a.csv", ROWS + "1,3\n")
    (model.source / "fresh.csv").write_text(ROWS)
    with open(model.source / "open.csv", "w") as writer:
        writer.write(ROWS)
        writer.flush()
        spec = load_spec("m", model.workspace)
        names = [arrival.name for arrival in intake.locate(spec, model.workspace)]
    assert sorted(names[:2]) == ["a.csv", "b.csv"]
    assert names[2:] == ["fresh.csv"]
