"""What is to be done is read from the ledger, whoever asks."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tenure.registry import due, open_ledger

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Place:
    location: str
    size: int = 10
    modified_at: datetime = NOW - timedelta(hours=1)


def arrive(workspace, location, size=10, digest="a" * 64):
    return open_ledger(workspace).arrive(
        "m", digest=digest, name=location, location=location, size=size, actor="system:test"
    )


def test_a_new_file_is_unseen_and_one_on_record_is_not(workspace):
    arrive(workspace, "/data/a.csv")
    assert due.unseen("m", [Place("/data/a.csv"), Place("/data/b.csv")], workspace) == [
        Place("/data/b.csv")
    ]


def test_a_file_that_changed_since_is_unseen(workspace):
    arrive(workspace, "/data/a.csv")
    larger = Place("/data/a.csv", size=11)
    later = Place("/data/a.csv", modified_at=NOW + timedelta(hours=1))
    assert due.unseen("m", [larger, later], workspace) == [larger, later]


def test_the_same_bytes_under_another_name_are_read_once_only(workspace):
    batch = arrive(workspace, "/data/a.csv")
    double = Place("/data/b.csv")
    assert due.unseen("m", [double], workspace) == [double]
    due.note_double(double, batch, workspace)
    assert due.unseen("m", [double], workspace) == []
    assert due.unseen("m", [Place("/data/b.csv", size=12)], workspace)


def test_only_batches_that_nobody_judged_are_due_oldest_first(workspace):
    first = arrive(workspace, "/data/a.csv", digest="a" * 64)
    second = arrive(workspace, "/data/b.csv", digest="b" * 64)
    third = arrive(workspace, "/data/c.csv", digest="c" * 64)
    open_ledger(workspace).quarantine_batch(
        "m", second.digest, report="r" * 64, kept_object=None, reason="bad", actor="system:test"
    )
    assert [one.digest for one in due.batches_to_judge("m", workspace)] == [
        first.digest,
        third.digest,
    ]
    assert due.batches_to_judge("m", workspace, waiting_s=3600) == []


def test_a_model_without_data_has_nothing_to_train_on(workspace):
    assert due.untrained("m", workspace) is None
