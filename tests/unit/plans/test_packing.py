"""Bytes that are no plan are refused, and say why; none of them is ever executed."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tenure.plans import Unreadable
from tenure.plans.making import make_plan
from tenure.plans.packing import FORMAT, pack, unpack
from tests.unit.plans import models


def packed(name: str) -> bytes:
    last, kind = {**models.linear(), **models.trees()}[name]
    prepared = models.prepared(models.scalers()["standard"], models.encoders()["ordinal"])
    fit, classes, task = models.fitted(make_pipeline(prepared, last), kind)
    plan = make_plan(fit, models.COLUMNS, classes, task)
    assert plan is not None
    return pack(plan)


@pytest.fixture(scope="module")
def trees() -> bytes:
    return packed("forest")


@pytest.fixture(scope="module")
def linear() -> bytes:
    return packed("logistic")


def changed(content: bytes, **facts: object) -> bytes:
    mark, text, rest = content.split(b"\n", 2)
    return b"\n".join([mark, orjson.dumps({**orjson.loads(text), **facts}), rest])


def test_what_was_written_is_read_back(trees: bytes, linear: bytes) -> None:
    assert pack(unpack(trees)) == trees
    assert pack(unpack(linear)) == linear


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"format": FORMAT + 1}, f"format {FORMAT + 1}, not {FORMAT}"),
        ({"format": None}, "format None"),
        ({"slots": [{"column": "a"}]}, "damaged"),
        ({"head": {}}, "damaged"),
        ({"scores": {"weights": [[1.0]], "intercept": []}}, "damaged"),
        ({"trees": "0" * 64}, "trees are damaged"),
    ],
)
def test_another_format_or_damaged_text_is_refused(
    linear: bytes, facts: dict[str, object], says: str
) -> None:
    with pytest.raises(Unreadable, match=says):
        unpack(changed(linear, **facts))


def test_trees_of_another_release_are_refused(trees: bytes) -> None:
    scores = orjson.loads(trees.split(b"\n", 2)[1])["scores"]
    with pytest.raises(Unreadable, match=r"treelite 1\.0 wrote it"):
        unpack(changed(trees, scores={**scores, "release": "1.0"}))


@pytest.mark.parametrize("cut", [0, 5, 12, 40, -1, -200])
def test_bytes_that_end_early_are_refused(trees: bytes, cut: int) -> None:
    with pytest.raises(Unreadable):
        unpack(trees[:cut])


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300), marked=st.booleans())
def test_garbage_is_refused(content: bytes, marked: bool) -> None:
    with pytest.raises(Unreadable):
        unpack(b"tenure-plan\n" + content if marked else content)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_never_reaches_treelite(data: st.DataObject) -> None:
    whole = bytearray(packed_once())
    at = data.draw(st.integers(whole.index(b"\n", 12) + 1, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unreadable, match="trees are damaged"):
        unpack(bytes(whole))


_ONCE: list[bytes] = []


def packed_once() -> bytes:
    if not _ONCE:
        _ONCE.append(packed("boosting"))
    return _ONCE[0]


def test_a_pickle_is_no_plan() -> None:
    import pickle

    with pytest.raises(Unreadable, match="no plan"):
        unpack(pickle.dumps(LogisticRegression()))
