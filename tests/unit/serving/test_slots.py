"""A server beside whose champion a challenger or a shadow stands."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from tenure.records import Rollout, RolloutState, Slot
from tenure.registry import open_ledger
from tenure.serving import build_app
from tenure.serving.application import Application
from tenure.serving.picking import nobody
from tenure.serving.runtime import Runtime
from tenure.serving.shadowing import Mirror
from tenure.workspace import Workspace
from tests.unit.serving import lives

SAID = {"actor": lives.ACTOR, "reason": "A test wants it.", "evidence": "e" * 64}
KEYS = [f"customer {number}" for number in range(60)]


@pytest.fixture
def app(living: Workspace) -> Application:
    made = build_app(living)
    made.core.router.look()
    return made


def post(app: Application, keys: list[str], **more: Any) -> list[httpx.Response]:
    address = f"/v1/models/price{more.pop('at', '')}:predict"

    async def go() -> list[httpx.Response]:
        async with lives.client_of(app) as client:
            body = {"instances": [lives.ROW]}
            return [
                await client.post(
                    address, json=body, headers={"tenure-key": key, **more.get("headers", {})}
                )
                for key in keys
            ]

    return asyncio.run(go())


def start(living: Workspace, *shares: float, number: int = 2) -> Rollout:
    return open_ledger(living).start_rollout(
        "price", number, shares=shares, expected_epoch=1, **SAID
    )


def advance(living: Workspace, now: Rollout) -> Rollout:
    return open_ledger(living).advance_rollout(now.id, expected_step=now.step, **SAID)


def offline(living: Workspace, number: int) -> Any:
    from tenure.registry import load_version
    from tenure.registry.frames import cast

    pd = pytest.importorskip("pandas")
    estimator = load_version("price", number, living).estimator
    return estimator.predict(cast(pd.DataFrame([lives.ROW]), lives.FEATURES)).tolist()


def test_each_answer_names_its_slot_and_is_that_versions_own(
    app: Application, living: Workspace
) -> None:
    truth = {number: offline(living, number) for number in (1, 2)}
    now = start(living, 0.1, 0.6)
    met: list[set[str]] = []
    for _ in range(2):
        app.core.router.look()
        answers = [each.json() for each in post(app, KEYS)]
        for each in answers:
            assert each["predictions"] == pytest.approx(truth[each["version"]])
            wanted = ("champion", 1) if each["version"] == 1 else ("challenger", now.now.epoch)
            assert (each["slot"], each["epoch"]) == wanted
        met.append({key for key, a in zip(KEYS, answers, strict=True) if a["version"] == 2})
        now = advance(living, now) if now.step == 0 else now
    assert met[0] < met[1] < set(KEYS)


def test_a_shadow_answers_nobody_but_is_logged(app: Application, living: Workspace) -> None:
    start(living, 0.0, 0.5)
    app.core.router.look()
    mirror = app.core.shadows
    assert mirror is not None
    mirror.start()
    answers = post(app, KEYS[:5])
    assert {each.json()["version"] for each in answers} == {1}
    while mirror.mirrored < 5:
        assert mirror.dropped == 0
    mirror.stop(10)
    app.core.log.flush()
    logged = read_log(living)
    shadowed = logged[logged["slot"] == "shadow"]
    assert sorted(shadowed["id"]) == sorted(i for each in answers for i in each.json()["ids"])
    assert set(shadowed["version"]) == {2}
    assert shadowed["prediction"].tolist() == pytest.approx(offline(living, 2) * 5)


@pytest.mark.parametrize("raises", [True, False])
def test_a_shadow_that_hangs_or_raises_changes_no_answer(
    app: Application, living: Workspace, monkeypatch: pytest.MonkeyPatch, raises: bool
) -> None:
    before = [each.json()["predictions"] for each in post(app, KEYS)]
    start(living, 0.0)
    app.core.router.look()
    mirror, go = app.core.shadows, threading.Event()
    assert isinstance(mirror, Mirror)

    def misbehave(*_: object) -> None:
        if raises:
            raise RuntimeError
        go.wait(60)

    monkeypatch.setattr(mirror, "_answer", misbehave)
    monkeypatch.setattr(mirror, "_most_asks", 20)
    mirror.start()
    answers = post(app, KEYS)
    assert {(each.status_code, each.json()["version"]) for each in answers} == {(200, 1)}
    assert [each.json()["predictions"] for each in answers] == before
    if raises:
        while not any(each["failed"] for each in app.core.tally.counts()):
            assert mirror.mirrored <= len(KEYS)
    else:
        assert mirror.dropped >= len(KEYS) - 21
    go.set()
    mirror.stop(10)


def read_log(living: Workspace) -> Any:
    from tenure import predictions

    return predictions.read("price", living, shadows=True)


def test_monitoring_reads_no_shadow_unless_it_asks(app: Application, living: Workspace) -> None:
    from tenure import predictions

    test_a_shadow_answers_nobody_but_is_logged(app, living)
    answered = predictions.read("price", living, columns=["prediction"])
    assert (len(answered), set(answered.columns)) == (5, {"id", "at", "prediction"})
    assert len(read_log(living)) == 10


def test_a_version_in_any_slot_is_asked_by_its_address(app: Application, living: Workspace) -> None:
    start(living, 0.0)
    app.core.router.look()
    for number, slot in ((1, "champion"), (2, "shadow")):
        (answer,) = post(app, ["a"], at=f"/versions/{number}")
        assert (answer.status_code, answer.json()["slot"]) == (200, slot)
    assert post(app, ["a"], at="/versions/3")[0].status_code == 404


def test_the_override_wants_a_tester(app: Application, living: Workspace) -> None:
    start(living, 0.0)
    app.core.router.look()
    headers = {"tenure-slot": "shadow"}
    app.core.router.admit_tester = lambda *asked: None
    assert post(app, ["a"], headers=headers)[0].json()["version"] == 2
    app.core.router.admit_tester = nobody
    assert post(app, ["a"], headers=headers)[0].status_code == 403


def test_a_version_is_loaded_once_on_its_way_to_office(
    app: Application, living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []
    load = app.core.router._load
    monkeypatch.setattr(app.core.router, "_load", lambda a: (loads.append(a.version), load(a))[1])
    now = start(living, 0.0, 0.5)
    app.core.router.look()
    now = advance(living, now)
    app.core.router.look()
    standing = app.core.router.standing
    assert (standing.shadows, standing.shares) == ({}, {"price": 0.5})
    lives.promote(living, 2, "price")
    app.core.router.look()
    open_ledger(living).end_rollout(now.id, RolloutState.PROMOTED, **SAID)
    app.core.router.look()
    standing = app.core.router.standing
    assert loads == [2]
    assert (standing.serving["price"].version, standing.challengers) == (2, {})
    assert standing.held.get("price", ()) in ((), (1,))
    assert standing.shares == {}


def test_who_left_the_slots_leaves_memory(app: Application, living: Workspace) -> None:
    now = start(living, 0.5)
    app.core.router.look()
    open_ledger(living).end_rollout(now.id, RolloutState.ROLLED_BACK, **SAID)
    app.core.router.look()
    assert {each.json()["version"] for each in post(app, KEYS)} == {1}
    for _ in range(3):
        app.core.router._leaving._collected_at = 0.0
        app.core.router.look()
    assert app.core.router.standing.held == {}
    assert app.core.router.standing.freed["price"].version == 2


def test_a_challenger_that_cannot_be_loaded_leaves_the_champion_alone(
    app: Application, living: Workspace
) -> None:
    version = open_ledger(living).version("price", 2)
    there = living.state / "store" / version.object[:2] / version.object
    there.rename(there.with_name("away"))
    start(living, 0.9)
    app.core.router.look()
    assert {each.json()["version"] for each in post(app, KEYS)} == {1}
    assert app.core.router.standing.is_ready
    (reason,) = app.core.router.standing.reasons()
    assert reason.startswith("Version 2 of 'price' (challenger, epoch 1) could not be loaded")
    assert reason.endswith("Version 1 answers alone.")
    (obstacle,) = app.core.router.standing.obstacles_beside.values()
    assert obstacle.version == 2


def test_what_a_version_fails_is_counted_for_it(
    app: Application, living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(living, 0.5)
    app.core.router.look()

    def fail(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(Runtime, "answer", fail)
    answers = post(app, KEYS)
    assert {each.status_code for each in answers} == {422}
    counts = {(each["slot"], each["failed"] > 0) for each in app.core.tally.counts()}
    assert counts == {("champion", True), ("challenger", True)}
    bad = asyncio.run(_bad(app))
    assert bad.status_code in (400, 422)
    assert sum(each["failed"] for each in app.core.tally.counts()) == len(KEYS)


async def _bad(app: Application) -> httpx.Response:
    async with lives.client_of(app) as client:
        return await client.post("/v1/models/price:predict", json={"instances": [{"amount": "x"}]})


def test_slots_of_the_ledger_are_all_read(living: Workspace) -> None:
    start(living, 0.25)
    held = open_ledger(living).slot("price", Slot.CHALLENGER)
    assert held is not None
    assert (held.version, held.epoch, held.reason) == (2, 1, "25 %: A test wants it.")


def test_what_is_told_of_a_model_is_the_champions(app: Application, living: Workspace) -> None:
    start(living, 0.9)
    app.core.router.look()

    async def go() -> set[int]:
        async with lives.client_of(app) as client:
            told = [await client.get("/v1/models/price") for _ in range(20)]
            return {each.json()["version"] for each in told}

    assert asyncio.run(go()) == {1}
