"""Which version a request meets: by address, by a tester's word, by key, by chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from tenure.records import Slot
from tenure.serving.picking import draw, pick
from tenure.serving.problems import Problem
from tenure.serving.standing import Reference, Standing

KEYS = [b"customer %d" % number for number in range(4_000)]


def held(version: int, slot: Slot) -> Reference:
    runtime: Any = object()
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return Reference(
        model="fraud", version=version, epoch=1, slot=slot, since=since, runtime=runtime
    )


STANDING = Standing(
    serving={"fraud": held(7, Slot.CHAMPION)},
    challengers={"fraud": held(8, Slot.CHALLENGER)},
    shadows={"fraud": held(9, Slot.SHADOW)},
)


def at(share: float) -> Standing:
    return replace(STANDING, shares={"fraud": share})


def answered(standing: Standing, headers: dict[bytes, bytes], version: str | None = None) -> int:
    found = pick(standing, "fraud", version, headers)
    assert found is not None
    return found.version


def met_challenger(share: float) -> set[bytes]:
    return {key for key in KEYS if answered(at(share), {b"tenure-key": key}) == 8}


def test_a_key_meets_one_version_however_often_it_asks() -> None:
    for key in KEYS[:50]:
        assert len({answered(at(0.5), {b"tenure-key": key}) for _ in range(20)}) == 1


def test_a_growing_share_keeps_those_who_were_in() -> None:
    shares = [0.01, 0.1, 0.5, 0.9]
    groups = [met_challenger(share) for share in shares]
    for earlier, later in pairwise(groups):
        assert earlier < later
    for share, group in zip(shares, groups, strict=True):
        assert abs(len(group) / len(KEYS) - share) < 0.03


def test_without_a_key_each_request_is_drawn() -> None:
    met = [answered(at(0.3), {}) for _ in range(3_000)]
    assert 0.2 < met.count(8) / len(met) < 0.4
    assert set(met) == {7, 8}


def test_another_version_is_met_by_other_people_first() -> None:
    first = {key for key in KEYS if draw("fraud", 8, key) < 0.1}
    second = {key for key in KEYS if draw("fraud", 10, key) < 0.1}
    assert len(first & second) < len(first) / 2


def test_without_a_share_or_a_challenger_the_champion_answers_all() -> None:
    for standing in (STANDING, at(0.0), replace(at(0.9), challengers={})):
        assert {answered(standing, {b"tenure-key": key}) for key in KEYS[:200]} == {7}


def test_without_a_champion_nothing_answers_for_it() -> None:
    assert pick(replace(at(0.9), serving={}), "fraud", None, {}) is None


@pytest.mark.parametrize("version", [7, 8, 9])
def test_an_address_with_a_version_is_answered_by_whoever_holds_it(version: int) -> None:
    assert answered(at(0.5), {b"tenure-key": b"a"}, str(version)) == version


def test_a_version_that_holds_no_slot_is_not_found() -> None:
    assert pick(at(0.5), "fraud", "6", {}) is None


def test_nobody_chooses_the_slot_unless_admitted() -> None:
    with pytest.raises(Problem) as refused:
        pick(STANDING, "fraud", None, {b"tenure-slot": b"challenger"})
    assert (refused.value.status, refused.value.code) == (403, "no-tester")


@pytest.mark.parametrize(("slot", "version"), [("champion", 7), ("challenger", 8), ("shadow", 9)])
def test_a_tester_chooses_the_slot(slot: str, version: int) -> None:
    seen = []
    headers = {b"tenure-slot": slot.encode(), b"tenure-key": b"a"}
    found = pick(STANDING, "fraud", None, headers, lambda *asked: seen.append(asked))
    assert found is not None
    assert (found.version, found.slot) == (version, slot)
    assert seen == [(headers, "fraud")]


@pytest.mark.parametrize(("slot", "status"), [(b"winner", 400), (b"shadow", 404)])
def test_a_tester_is_told_what_is_wrong_with_a_slot(slot: bytes, status: int) -> None:
    empty = replace(STANDING, shadows={})
    with pytest.raises(Problem) as refused:
        pick(empty, "fraud", None, {b"tenure-slot": slot}, lambda *asked: None)
    assert refused.value.status == status
