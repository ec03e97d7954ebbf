"""Do rows keep their types and values on the way to the store and back to an estimator?"""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from tenure.errors import BadRows, SealBroken, SnapshotNotFound
from tenure.records import Column, Snapshot
from tenure.registry import open_ledger
from tenure.registry.arrow import read_table, with_categories
from tenure.registry.frames import cast, read_frames, to_table, write_frame
from tenure.registry.sealing import PIECE, seal_bytes, unseal_bytes

COLUMNS = (
    Column(name="id", type="string"),
    Column(name="count", type="int64"),
    Column(name="share", type="float64"),
    Column(name="open", type="bool"),
    Column(name="kind", type="category", categories=("NA", "a", "b")),
    Column(name="at", type="datetime"),
    Column(name="day", type="date"),
)


def some_frame(rows=4):
    return pd.DataFrame(
        {
            "id": [f"{n:05d}" for n in range(rows)],
            "count": np.arange(rows) + 2**62,
            "share": np.where(np.arange(rows) % 3 == 2, np.nan, np.arange(rows) / 7),
            "open": [n % 2 == 0 for n in range(rows)],
            "kind": [("a", "b", "NA")[n % 3] for n in range(rows)],
            "at": pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC"),
            "day": [date(2026, 1, 1 + n) for n in range(rows)],
        }
    )


def keep(frame, columns, workspace, batch="0" * 64):
    object_, size, digest = write_frame(frame, columns, workspace)
    ledger = open_ledger(workspace)
    ledger.arrive("m", digest=batch, name="b", location="b", size=1, actor="system:test")
    with_known = with_categories(to_table(cast(frame, columns), columns), columns)
    snapshot = Snapshot(
        model="m",
        digest=digest,
        batch=batch,
        object=object_,
        size=size,
        rows=len(frame),
        columns=with_known,
        report="1" * 64,
    )
    return ledger.accept_batch(snapshot, actor="system:test", reason="It is a test.")


def test_what_was_written_comes_back_with_its_types(workspace):
    snapshot = keep(some_frame(), COLUMNS, workspace)
    back = read_frames("m", [snapshot.digest], workspace)
    assert {name: str(kind) for name, kind in back.dtypes.items()} == {
        "id": "str",
        "count": "int64",
        "share": "float64",
        "open": "bool",
        "kind": "category",
        "at": "datetime64[us, UTC]",
        "day": "datetime64[s]",
    }
    assert back["id"].tolist() == ["00000", "00001", "00002", "00003"]
    assert back["count"].tolist() == [2**62 + n for n in range(4)]
    assert list(back["kind"].cat.categories) == ["NA", "a", "b"]
    assert back["at"][1] == datetime(2026, 1, 1, 1, tzinfo=UTC)


def test_the_same_rows_give_the_same_bytes_and_one_changed_value_another_digest(workspace):
    first, again = (write_frame(some_frame(), COLUMNS, workspace) for _ in range(2))
    assert first == again
    other = some_frame()
    other.loc[3, "id"] = "0003"
    assert write_frame(other, COLUMNS, workspace)[2] != first[2]
    moved = some_frame().iloc[::-1]
    assert write_frame(moved, COLUMNS, workspace)[2] != first[2]


def test_content_is_one_whatever_spells_it(workspace):
    columns = (Column(name="x", type="float64"), Column(name="t", type="string"))
    plain = pd.DataFrame({"x": [0.0, np.nan, 1.0], "t": ["a", None, ""]})
    other = pd.DataFrame({"x": pd.array([-0.0, None, 1], "Float64"), "t": ["a", np.nan, ""]})
    digest = write_frame(plain, columns, workspace)[2]
    assert write_frame(other, columns, workspace)[2] == digest
    shifted = pd.DataFrame({"x": [0.0, np.nan, 1.0], "t": ["", "a", None]})
    assert write_frame(shifted, columns, workspace)[2] != digest


def test_missing_numbers_and_truth_values_come_back_as_float(workspace):
    columns = (Column(name="n", type="int64"), Column(name="b", type="bool"))
    frame = pd.DataFrame({"n": [1.0, np.nan], "b": [True, None]})
    snapshot = keep(frame, columns, workspace)
    back = read_frames("m", [snapshot.digest], workspace)
    assert back["n"].dtype == back["b"].dtype == "float64"
    assert back["n"].tolist()[0] == 1.0
    assert back.isna().sum().tolist() == [1, 1]


def test_snapshots_are_joined_in_order_with_the_categories_of_all(workspace):
    columns = (Column(name="kind", type="category", categories=("a", "b")),)
    wider = (Column(name="kind", type="category", categories=("b", "c")),)
    one = keep(pd.DataFrame({"kind": ["b", "a"]}), columns, workspace, batch="a" * 64)
    two = keep(pd.DataFrame({"kind": ["c", "b"]}), wider, workspace, batch="b" * 64)
    both = read_frames("m", [two.digest, one.digest], workspace)
    assert both["kind"].tolist() == ["c", "b", "b", "a"]
    assert list(both["kind"].cat.categories) == ["a", "b", "c"]
    assert both.index.equals(pd.RangeIndex(4))


def test_a_number_that_became_wider_is_read_as_the_wider_type(workspace):
    whole = (Column(name="x", type="int64"),)
    broken = (Column(name="x", type="float64"),)
    text = (Column(name="x", type="string"),)
    one = keep(pd.DataFrame({"x": [1, 2]}), whole, workspace, batch="a" * 64)
    two = keep(pd.DataFrame({"x": [1.5]}), broken, workspace, batch="b" * 64)
    three = keep(pd.DataFrame({"x": ["a"]}), text, workspace, batch="c" * 64)
    assert read_frames("m", [one.digest, two.digest], workspace)["x"].tolist() == [1.0, 2.0, 1.5]
    with pytest.raises(BadRows, match="'x'"):
        read_frames("m", [one.digest, three.digest], workspace)


def test_columns_are_picked_by_name_and_in_order(workspace):
    snapshot = keep(some_frame(), COLUMNS, workspace)
    back = read_frames("m", [snapshot.digest], workspace, columns=["share", "id"])
    assert list(back.columns) == ["share", "id"]
    with pytest.raises(BadRows, match="'nowhere'"):
        read_frames("m", [snapshot.digest], workspace, columns=["nowhere"])
    with pytest.raises(SnapshotNotFound):
        read_frames("m", ["f" * 64], workspace)


def test_a_row_as_json_gives_it_takes_the_types_of_the_model():
    row = {
        "id": "00123",
        "count": 7,
        "share": 1,
        "open": True,
        "kind": "unheard of",
        "at": "2026-05-03T14:03:00+02:00",
        "day": "2026-05-03",
        "extra": "left out",
    }
    made = cast(pd.DataFrame([row]), COLUMNS)
    assert list(made.columns) == [column.name for column in COLUMNS]
    assert made["kind"].isna().all()
    assert made["at"][0] == datetime(2026, 5, 3, 12, 3, tzinfo=UTC)
    assert made["day"][0] == pd.Timestamp("2026-05-03")
    assert made["share"].dtype == "float64"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int64", "7"),
        ("int64", 7.5),
        ("int64", True),
        ("int64", 2.0**60),
        ("float64", "1.5"),
        ("float64", True),
        ("float64", float("inf")),
        ("bool", 1),
        ("bool", "true"),
        ("string", 5),
        ("category", 5),
        ("category", True),
        ("datetime", "tomorrow"),
        ("datetime", 5),
        ("date", "03.05.2026"),
        ("int64", [1]),
        ("string", {"a": 1}),
    ],
)
def test_a_value_of_another_type_is_refused_and_not_repeated(kind, value):
    with pytest.raises(BadRows) as caught:
        cast(pd.DataFrame({"x": [value]}), (Column(name="x", type=kind),))
    assert "'x'" in str(caught.value)
    assert kind in str(caught.value)
    assert not isinstance(value, str) or value not in str(caught.value)


@pytest.mark.parametrize("kind", [column.type for column in COLUMNS])
def test_nothing_but_missing_values_fits_every_type(kind):
    made = cast(pd.DataFrame({"x": [None, None]}), (Column(name="x", type=kind),))
    assert made["x"].isna().all()


def test_a_frame_that_lacks_a_column_or_has_it_twice_is_refused():
    wanted = (Column(name="x", type="int64"),)
    with pytest.raises(BadRows, match="'x' holds nothing"):
        cast(pd.DataFrame({"y": [1]}), wanted)
    with pytest.raises(BadRows, match="twice"):
        cast(pd.DataFrame([[1, 2]], columns=["x", "x"]), wanted)


def test_an_empty_frame_keeps_its_types(workspace):
    object_, _, _ = write_frame(some_frame().iloc[:0], COLUMNS, workspace)
    assert read_table(object_, workspace).num_rows == 0


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1])
def test_sealed_bytes_open_again_and_show_nothing(workspace, size):
    data = b"ann@bank.example"[:size] or b"x" * size
    data = data.ljust(size, b"x")
    sealed = seal_bytes(data, workspace)
    assert unseal_bytes(sealed, workspace) == data
    assert b"ann@bank" not in sealed
    assert (workspace.key_folder / "sealing.key").stat().st_mode & 0o077 == 0


def test_sealed_bytes_that_were_changed_cut_or_swapped_do_not_open(workspace):
    sealed = seal_bytes(b"a" * PIECE + b"b" * 10, workspace)
    cut = sealed[: 16 + 4 + 12 + PIECE + 16]
    flipped = bytearray(sealed)
    flipped[-1] ^= 1
    for broken in (cut, bytes(flipped), b"plain", sealed[:20], b""):
        with pytest.raises(SealBroken):
            unseal_bytes(broken, workspace)
    other_key = workspace.key_folder / "sealing.key"
    other_key.chmod(0o600)
    other_key.write_bytes(b"k" * 32)
    with pytest.raises(SealBroken, match="another key"):
        unseal_bytes(sealed, workspace)
