"""Records are identities: does the same content always have one spelling, and come back whole?"""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tenure.records import Batch, BatchState, Column, Snapshot, digest_of, from_json, to_json

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values, max_size=6))
def test_a_digest_does_not_depend_on_the_order_of_keys(value):
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


def test_a_digest_changes_with_any_value():
    assert digest_of({"a": 0.1}) != digest_of({"a": 0.1000000000000001})


def test_records_come_back_from_json_as_they_were():
    snapshot = Snapshot(
        model="fraud", digest="d", batch="b", object="o", size=3, rows=2,
        columns=(Column(name="shop", type="category", categories=("a", "b")),),
        report="r", seq=4, start_at=AT, end_at=None,
    )  # fmt: skip
    batch = Batch(
        model="fraud", digest="b", name="n", location="l", size=3,
        state=BatchState.QUARANTINED, seq=1, arrived_at=AT, reason="two columns are missing",
    )  # fmt: skip
    for record in (snapshot, batch):
        assert from_json(type(record), to_json(record)) == record
