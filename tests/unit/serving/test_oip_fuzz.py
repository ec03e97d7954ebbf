"""Whatever a request holds, it is read or refused in words; and both ways of reading agree."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenure.serving.application import Application
from tenure.serving.asks import Ask
from tenure.serving.limits import Limits
from tenure.serving.oip.asking import Reader
from tenure.serving.oip.datatypes import DATATYPES
from tenure.serving.problems import Problem
from tests.unit.serving.lives import FEATURES

SOME = settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
NAMES = [feature.name for feature in FEATURES]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES) | ANYTHING,
        "shape": st.sampled_from([[1], [1, 1], [2], [0], [1, 4]]) | ANYTHING,
        "datatype": st.sampled_from([*DATATYPES, "FP8"]) | ANYTHING,
        "data": st.lists(SCALARS, max_size=4) | ANYTHING,
    },
    optional={"parameters": st.dictionaries(st.sampled_from(["binary_data_size"]), ANYTHING)},
)
REQUESTS = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS, max_size=5) | ANYTHING},
    optional={"id": ANYTHING, "parameters": ANYTHING, "outputs": ANYTHING},
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "amount": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9) | st.none(),
    "items": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "country": st.text(max_size=5) | st.none(),
    "is_new": st.booleans() | st.none(),
}
TYPES = {"amount": "FP64", "items": "INT64", "country": "BYTES", "is_new": "BOOL"}


@pytest.fixture(scope="module")
def reader(steady: Application) -> Reader:
    reference = steady.core.router.reference("fraud")
    assert reference is not None
    return Reader(reference.runtime, Limits())


def read(reader: Reader, body: bytes, length: bytes | None) -> Ask | Problem:
    try:
        return reader.read(body, length)[0]
    except Problem as problem:
        return problem


def test_whatever_is_asked_is_read_or_refused(reader: Reader) -> None:
    @SOME
    @given(request=REQUESTS | ANYTHING, length=st.none() | st.binary(max_size=3))
    def holds(request: Any, length: bytes | None) -> None:
        found = read(reader, orjson.dumps(request), length)
        if isinstance(found, Problem):
            assert (found.status, bool(found.detail)) == (400, True)
        else:
            assert set(found.columns) == set(NAMES)

    holds()


def test_whatever_bytes_come_are_read_or_refused(reader: Reader) -> None:
    @SOME
    @given(
        tail=st.binary(max_size=40),
        sizes=st.lists(st.integers(0, 12), min_size=4, max_size=4),
        shape=st.sampled_from([[1], [2], [1, 1]]),
    )
    def holds(tail: bytes, sizes: list[int], shape: list[int]) -> None:
        inputs = [
            {"name": name, "shape": shape, "datatype": TYPES[name]}
            | {"parameters": {"binary_data_size": size}}
            for name, size in zip(NAMES, sizes, strict=True)
        ]
        head = orjson.dumps({"inputs": inputs})
        found = read(reader, head + tail, str(len(head)).encode())
        if isinstance(found, Problem):
            assert found.status == 400
        else:
            assert found.rows == shape[0]

    holds()


def test_the_straight_and_the_careful_way_read_the_same(reader: Reader) -> None:
    @SOME
    @given(row=st.fixed_dictionaries(VALUES))
    def holds(row: dict[str, Any]) -> None:
        def columns(**more: Any) -> dict[str, Any]:
            inputs = [
                {"name": name, "shape": [1], "datatype": TYPES[name], "data": [row[name]], **more}
                for name in NAMES
            ]
            ask, _ = reader.read(orjson.dumps({"inputs": inputs}), None)
            return {name: _plain(ask.columns[name][0]) for name in NAMES}

        # A parameter that means nothing is out of the common.
        assert columns() == columns(parameters={"note": "x"})

    holds()


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
