"""What a version never saw is flagged, refused or given to the fallback; what it saw is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tenure.serving.asks import Ask
from tenure.serving.guards import MOST_FLAGS, Flags, Guards, joined
from tenure.serving.problems import Problem
from tenure.serving.runtime import Predicted
from tenure.spec.guarding import GuardsSpec

COLUMNS: dict[str, dict[str, Any]] = {
    "amount": {"type": "float64", "low": 0.0, "high": 100.0, "missing_share": 0.2},
    "items": {"type": "int64", "low": 1.0, "high": 9.0, "missing_share": 0.0},
    "country": {"type": "category", "categories": ["at", "de"], "missing_share": 0.0},
    "is_new": {"type": "bool", "categories": ["False", "True"], "missing_share": 0.0},
    "comment": {"type": "string", "missing_share": 0.5},
}
SEEN = {"amount": 12.5, "items": 3, "country": "de", "is_new": True, "comment": "x"}
ALL = {"out_of_range": "flag", "unseen_category": "flag", "missing": "flag"}


def guards(**spec: Any) -> Guards:
    return Guards("fraud", GuardsSpec.model_validate(spec), COLUMNS)


def asked(*rows: dict[str, Any], arrays: bool = False) -> Ask:
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in SEEN}
    if arrays:
        columns["amount"] = np.array(
            [np.nan if each is None else each for each in columns["amount"]], dtype=float
        )
        columns["items"] = np.array(columns["items"])
    return Ask(columns=columns, ids=[str(row) for row in range(len(rows))], probabilities=True)


def said(flags: Flags | None) -> list[tuple[int, str, str | None]]:
    return [] if flags is None else [(each.row, each.guard, each.column) for each in flags.found]


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("rows", [1, 3])
def test_what_was_seen_in_training_is_not_held_up(rows: int, arrays: bool) -> None:
    edges = [SEEN, {**SEEN, "amount": 0.0, "items": 1}, {**SEEN, "amount": 100.0, "items": 9}]
    for row in [*edges, {**SEEN, "amount": None, "comment": None}, {**SEEN, "comment": "new"}]:
        assert guards(**ALL).look(asked(*[row] * rows, arrays=arrays)) is None


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize(
    ("change", "guard", "column"),
    [
        ({"amount": -0.1}, "out_of_range", "amount"),
        ({"amount": 100.1}, "out_of_range", "amount"),
        ({"amount": float("inf")}, "out_of_range", "amount"),
        ({"items": 10}, "out_of_range", "items"),
        ({"country": "ng"}, "unseen_category", "country"),
        ({"country": ""}, "unseen_category", "country"),
        ({"country": None}, "missing", "country"),
    ],
)
def test_what_was_not_seen_is_named_by_row_and_column(
    change: dict[str, Any], guard: str, column: str, arrays: bool
) -> None:
    odd = {**SEEN, **change}
    assert said(guards(**ALL).look(asked(odd, arrays=arrays))) == [(0, guard, column)]
    several = asked(SEEN, odd, SEEN, odd, arrays=arrays)
    assert said(guards(**ALL).look(several)) == [(1, guard, column), (3, guard, column)]
    assert guards(**{**ALL, guard: "off"}).look(several) is None


def test_a_missing_number_is_found_in_a_list_and_in_an_array() -> None:
    columns = {**COLUMNS, "amount": {**COLUMNS["amount"], "missing_share": 0.0}}
    watching = Guards("fraud", GuardsSpec(missing="flag"), columns)
    for arrays in (False, True):
        for rows in ([{**SEEN, "amount": None}], [SEEN, {**SEEN, "amount": None}]):
            found = said(watching.look(asked(*rows, arrays=arrays)))
            assert found == [(len(rows) - 1, "missing", "amount")]


def test_a_margin_gives_room_by_the_width_of_the_range() -> None:
    lenient = guards(out_of_range="flag", margin=0.1)
    assert lenient.look(asked({**SEEN, "amount": 110.0})) is None
    assert lenient.look(asked({**SEEN, "amount": 110.1})) is not None


def test_a_refusal_names_the_column_and_never_the_value() -> None:
    with pytest.raises(Problem) as refused:
        guards(unseen_category="refuse").look(asked(SEEN, {**SEEN, "country": "SECRET"}))
    assert refused.value.status == 422
    assert refused.value.field == "/instances/1/country"
    assert b"SECRET" not in refused.value.body()
    assert guards(unseen_category="refuse").look(asked(SEEN)) is None


def test_the_severest_guard_decides() -> None:
    both = {"out_of_range": "fallback", "unseen_category": "flag"}
    flags = guards(**both).look(asked({**SEEN, "amount": -1.0, "country": "ng"}))
    assert flags is not None
    assert flags.falls_back
    assert not Flags([each for each in flags.found if each.did == "flag"]).falls_back
    with pytest.raises(Problem):
        guards(**{**both, "unseen_category": "refuse"}).look(
            asked({**SEEN, "amount": -1.0, "country": "ng"})
        )


@pytest.mark.parametrize("kind", ["lists", "array"])
def test_an_unsure_answer_is_held_up_and_a_sure_one_is_not(kind: str) -> None:
    shares: Any = [[0.9, 0.1], [0.55, 0.45], [0.6, 0.4]]
    found = Predicted(
        values=["a", "a", "a"],
        probabilities=np.array(shares) if kind == "array" else shares,
        not_finite=[],
    )
    rule = guards(low_confidence={"below": 0.6})
    assert said(rule.judge(asked(SEEN, SEEN, SEEN), found)) == [(1, "low_confidence", None)]
    assert guards(low_confidence={"below": 0.5}).judge(asked(SEEN, SEEN, SEEN), found) is None
    assert guards(**ALL).judge(asked(SEEN, SEEN, SEEN), found) is None
    with pytest.raises(Problem) as refused:
        guards(low_confidence={"do": "refuse"}).judge(asked(SEEN, SEEN, SEEN), found)
    assert refused.value.facts["row"] == 1
    none = Predicted(values=[1.0], probabilities=None, not_finite=[])
    assert rule.judge(asked(SEEN), none) is None, "a regressor says nothing of its confidence"
    lost = Predicted(values=["a"], probabilities=[[None, 0.9]], not_finite=[0])
    assert said(rule.judge(asked(SEEN), lost)) == [(0, "low_confidence", None)]


def test_what_was_found_is_counted() -> None:
    counted: dict[tuple[str, str], int] = {}

    def count(name: str, by: int = 1, **labels: str) -> None:
        place = name, labels.get("guard", "")
        counted[place] = counted.get(place, 0) + by

    watching = guards(**{**ALL, "missing": "refuse"})
    watching.count = count
    watching.look(asked({**SEEN, "amount": -1.0}, {**SEEN, "amount": -1.0, "country": "ng"}))
    with pytest.raises(Problem):
        watching.look(asked({**SEEN, "country": None}))
    assert counted == {
        ("flagged", "out_of_range"): 2,
        ("flagged", "unseen_category"): 1,
        ("flagged", "missing"): 1,
        ("refused", "missing"): 1,
    }


def test_the_log_has_a_text_a_row_and_an_answer_at_most_so_many_flags() -> None:
    many = guards(**ALL).look(asked(*[{**SEEN, "amount": -1.0}] * (MOST_FLAGS + 5), SEEN))
    assert many is not None
    assert len(many.said()) == MOST_FLAGS
    assert many.said()[0] == {
        "row": 0,
        "guard": "out_of_range",
        "did": "flag",
        "column": "amount",
    }
    two = guards(**ALL).look(asked(SEEN, {**SEEN, "amount": -1.0, "country": "ng"}))
    assert two is not None
    texts = [None, "out_of_range:amount flag, unseen_category:country flag"]
    assert two.by_row(2) == texts
    assert said(joined(two, None)) == said(joined(None, two)) == said(two)
    assert joined(None, None) is None
