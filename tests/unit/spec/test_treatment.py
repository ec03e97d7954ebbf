"""Is a personal value treated the same in a batch and in a request, and never passed on?"""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd
import pyarrow as pa
import pytest

from tenure.records import Column
from tenure.registry.frames import cast
from tenure.spec.model import DataSpec
from tenure.spec.treatment import (
    stored_columns,
    treat_frame,
    treat_row,
    treat_table,
    unfit_treatments,
)

TREAT = {
    "mail": "drop",
    "name": "mask",
    "customer": "pseudonymise",
    "number": "pseudonymise",
    "born": {"coarsen": "year"},
    "at": {"coarsen": "month"},
    "age": {"coarsen": 10},
    "amount": {"coarsen": 0.5},
}
DATA = DataSpec(source="in", target="y", treat=TREAT)
ARRIVING = (
    Column(name="mail", type="string"),
    Column(name="name", type="category"),
    Column(name="customer", type="string"),
    Column(name="number", type="int64"),
    Column(name="born", type="date"),
    Column(name="at", type="datetime"),
    Column(name="age", type="int64"),
    Column(name="amount", type="float64"),
    Column(name="y", type="int64"),
)


def table():
    return pa.table(
        {
            "mail": ["ann@bank.example", None],
            "name": ["Ann", None],
            "customer": ["c1", "c1"],
            "number": [77, None],
            "born": pa.array([date(1980, 5, 17), None]),
            "at": pa.array([datetime(2026, 5, 17, 12), None], pa.timestamp("us", tz="UTC")),
            "age": [-3, 39],
            "amount": [1.74, -0.1],
            "y": [0, 1],
        }
    )


def test_each_treatment_does_what_it_says(workspace):
    treated = treat_table(table(), DATA, workspace).to_pydict()
    assert "mail" not in treated
    assert treated["name"] == ["***", None]
    assert treated["customer"][0] == treated["customer"][1]
    assert treated["customer"][0].startswith("p")
    assert len(treated["customer"][0]) == 25
    assert treated["number"][1] is None
    assert treated["born"] == [date(1980, 1, 1), None]
    assert treated["at"][0].isoformat() == "2026-05-01T00:00:00+00:00"
    assert treated["age"] == [-10, 30]
    assert treated["amount"] == [1.5, -0.5]
    assert treated["y"] == [0, 1]


def test_the_types_that_are_stored_are_told_beforehand(workspace):
    stored = stored_columns(ARRIVING, DATA)
    treated = treat_table(table(), DATA, workspace)
    assert [column.name for column in stored] == treated.column_names
    assert {column.name: column.type for column in stored} == {
        "name": "string",
        "customer": "string",
        "number": "string",
        "born": "date",
        "at": "datetime",
        "age": "int64",
        "amount": "float64",
        "y": "int64",
    }


def test_a_request_is_treated_as_a_batch_is(workspace):
    row = {
        "mail": "ann@bank.example",
        "name": "Ann",
        "customer": "c1",
        "number": 77,
        "born": "1980-05-17",
        "at": "2026-05-17T14:00:00+02:00",
        "age": -3,
        "amount": 1.74,
        "y": 0,
    }
    stored = stored_columns(ARRIVING, DATA)
    asked = cast(treat_frame(pd.DataFrame([row]), DATA, workspace), stored)
    batch = cast(treat_table(table(), DATA, workspace).slice(0, 1).to_pandas(), stored)
    pd.testing.assert_frame_equal(asked, batch)
    assert treat_row(row, DATA, workspace)["name"] == "***"


def test_what_does_not_fit_its_treatment_never_passes(workspace):
    row = {"born": "about 1980", "age": "thirty", "at": None, "name": None, "customer": None}
    treated = treat_row(row, DATA, workspace)
    assert all(pd.isna(value) for value in treated.values())


def test_pseudonyms_need_the_key_and_are_the_same_with_it(workspace):
    first = treat_table(table(), DATA, workspace)["customer"][0].as_py()
    assert treat_table(table(), DATA, workspace)["customer"][0].as_py() == first
    key = workspace.key_folder / "pseudonym.key"
    assert key.stat().st_mode & 0o077 == 0
    key.chmod(0o600)
    key.write_bytes(b"k" * 32)
    assert treat_table(table(), DATA, workspace)["customer"][0].as_py() != first


@pytest.mark.parametrize(
    ("treat", "said"),
    [
        ({"gone": "drop"}, "there is no such column"),
        ({"customer": {"coarsen": "month"}}, "for date or datetime, not string"),
        ({"born": {"coarsen": 10}}, "for int64 or float64, not date"),
    ],
)
def test_a_treatment_that_protects_nothing_is_a_mistake(treat, said):
    data = DataSpec(source="in", target="y", treat=treat)
    (what,) = unfit_treatments(ARRIVING, data).values()
    assert said in what


def test_treatments_that_fit_are_none():
    assert unfit_treatments(ARRIVING, DATA) == {}
