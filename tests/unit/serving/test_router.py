"""What serves follows the ledger, and survives whatever happens to it."""

from __future__ import annotations

import asyncio
import gc
import shutil
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tenure.records import Assignment
from tenure.registry import close_ledger, open_ledger
from tenure.registry.opening import ledger_file
from tenure.serving import build_app
from tenure.serving.application import Application
from tenure.serving.runtime import Runtime
from tenure.workspace import Workspace
from tests.unit.serving import lives


@pytest.fixture
def app(living: Workspace) -> Application:
    made = build_app(living)
    made.core.router.look()
    return made


def get(app: Application, path: str) -> httpx.Response:
    async def go() -> httpx.Response:
        async with lives.client_of(app) as client:
            return await client.get(path)

    return asyncio.run(go())


def post(app: Application, model: str) -> httpx.Response:
    async def go() -> httpx.Response:
        async with lives.client_of(app) as client:
            body = {"instances": [lives.ROW]}
            return await client.post(f"/v1/models/{model}:predict", json=body)

    return asyncio.run(go())


def epoch(app: Application, model: str = "price") -> tuple[int, int]:
    reference = app.core.router.reference(model)
    assert reference is not None
    return reference.version, reference.epoch


def test_a_promotion_is_followed_and_a_rollback_too(app: Application, living: Workspace) -> None:
    before = post(app, "price").json()["predictions"]
    lives.promote(living, 2, "price")
    assert epoch(app) == (1, 1)
    app.core.router.look()
    assert epoch(app) == (2, 2)
    assert post(app, "price").json()["predictions"] != before
    lives.promote(living, 1, "price")
    app.core.router.look()
    assert epoch(app) == (1, 3)
    assert post(app, "price").json()["predictions"] == before


def until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + 60.0
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def test_a_version_that_takes_long_to_load_holds_up_no_other_model(
    app: Application, living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, may_end, is_begun = app.core.router, threading.Event(), threading.Event()
    load = router._load

    def slow(wanted: Assignment) -> Runtime:
        if wanted.model == "fraud":
            is_begun.set()
            may_end.wait(60)
        return load(wanted)

    # What is there already is followed by a look, whatever is being loaded for another model.
    said = {"actor": lives.ACTOR, "reason": "A test wants it.", "evidence": "a test"}
    open_ledger(living).start_rollout("price", 2, shares=(0.0, 0.5), expected_epoch=1, **said)
    router.look()
    monkeypatch.setattr(router, "_load", slow)
    router.start()
    try:
        lives.promote(living, 2, "fraud")
        assert is_begun.wait(60)
        lives.promote(living, 2, "price")
        until(lambda: epoch(app) == (2, 2))
        assert epoch(app, "fraud") == (1, 1)
        may_end.set()
        until(lambda: epoch(app, "fraud") == (2, 2))
    finally:
        may_end.set()
        router.stop()


def test_what_waits_for_other_processes_holds_up_no_other_model(
    app: Application, living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, have_others = app.core.router, {"price": False, "fraud": True}
    waited: list[float] = []

    def agreed(wanted: Assignment, waited_s: float) -> bool:
        waited.append(waited_s)
        return have_others[wanted.model]

    monkeypatch.setattr(router, "_agreed", agreed)
    lives.promote(living, 2, "price")
    lives.promote(living, 2, "fraud")
    router.look()
    assert (epoch(app, "price"), epoch(app, "fraud")) == ((1, 1), (2, 2))
    # The slot has waited since it first did, though it has moved meanwhile.
    lives.promote(living, 3, "price")
    waited.clear()
    router.look()
    assert (epoch(app, "price"), waited[0] > 0) == ((1, 1), True)
    have_others["price"] = True
    router.look()
    assert epoch(app, "price") == (3, 3)


def test_what_was_loaded_and_moved_on_before_it_answered_leaves_memory(
    app: Application, living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = app.core.router
    loaded: list[weakref.ref[Runtime]] = []
    load = router._load

    def remembered(wanted: Assignment) -> Runtime:
        runtime = load(wanted)
        loaded.append(weakref.ref(runtime))
        return runtime

    monkeypatch.setattr(router, "_load", remembered)
    monkeypatch.setattr(router, "_agreed", lambda wanted, waited_s: wanted.version == 3)
    lives.promote(living, 2, "price")
    router.look()
    lives.promote(living, 3, "price")
    router.look()
    assert epoch(app) == (3, 3)
    gc.collect()
    assert [each() is None for each in loaded] == [True, False]


def test_a_request_keeps_the_reference_that_it_took(app: Application, living: Workspace) -> None:
    taken = app.core.router.reference("price")
    assert taken is not None
    lives.promote(living, 2, "price")
    app.core.router.look()
    assert (taken.version, taken.epoch, taken.runtime.version) == (1, 1, 1)


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_in_place(
    app: Application, living: Workspace
) -> None:
    version = open_ledger(living).version("price", 2)
    lives.promote(living, 2, "price")
    damaged = living.state / "store" / version.object[:2] / version.object
    content = damaged.read_bytes()
    damaged.unlink()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    app.core.router.look()
    assert epoch(app) == (1, 1)
    ready = get(app, "/health/ready")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    assert "Version 2 of 'price' (epoch 2) could not be loaded" in ready.json()["reasons"][0]
    assert ready.json()["reasons"][0].endswith("Version 1 keeps serving.")
    assert post(app, "price").json()["version"] == 1


def test_other_processes_learn_what_is_loaded_here_and_what_cannot_be(
    app: Application, living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = app.core.router
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(
        router, "_announce", lambda wanted: told.append((wanted.model, wanted.epoch))
    )
    monkeypatch.setattr(router, "_agreed", lambda wanted, waited_s: False)
    version = open_ledger(living).version("price", 2)
    lives.promote(living, 2, "price")
    (living.state / "store" / version.object[:2] / version.object).unlink()
    lives.promote(living, 2, "fraud")
    router.look()
    assert sorted(told) == [("fraud", 2), ("price", 2)]
    assert (epoch(app, "price"), epoch(app, "fraud")) == ((1, 1), (1, 1))
    assert list(router.standing.obstacles) == ["price"]


def test_a_version_that_could_not_be_loaded_is_tried_again(
    app: Application, living: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenure.serving.router._RETRY_FIRST_S", 0.0)
    version = open_ledger(living).version("price", 2)
    lives.promote(living, 2, "price")
    there = living.state / "store" / version.object[:2] / version.object
    away = there.with_name("away")
    there.rename(away)
    app.core.router.look()
    assert app.core.router.standing.obstacles["price"].version == 2
    away.rename(there)
    app.core.router.look()
    assert epoch(app) == (2, 2)
    assert app.core.router.standing.obstacles == {}


def test_a_server_that_starts_on_a_damaged_champion_is_not_ready(living: Workspace) -> None:
    version = open_ledger(living).version("price", 1)
    (living.state / "store" / version.object[:2] / version.object).unlink()
    app = build_app(living)
    app.core.router.look()
    ready = get(app, "/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    answer = post(app, "price")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert post(app, "fraud").status_code == 200


def test_before_the_first_look_nothing_is_ready(living: Workspace) -> None:
    app = build_app(living)
    assert get(app, "/health/live").status_code == 200
    assert get(app, "/health/ready").status_code == 503
    assert post(app, "price").status_code == 503


def test_a_model_without_champion_is_known_and_unready_to_answer(
    app: Application, living: Workspace
) -> None:
    lives.write_spec(living, "young")
    app.core.router.look()
    assert post(app, "young").status_code == 503
    assert post(app, "nobody").status_code == 404
    assert get(app, "/health/ready").status_code == 200
    assert get(app, "/v1/models").json()["without_champion"] == ["young"]


def degraded(app: Application) -> str:
    app.core.router.look()
    ready = get(app, "/health/ready")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    assert post(app, "price").status_code == 200
    return " ".join(ready.json()["reasons"])


def test_a_ledger_that_is_gone_changes_nothing_of_what_serves(
    app: Application, living: Workspace
) -> None:
    file = ledger_file(living)
    file.rename(file.with_name("away"))
    assert "missing" in degraded(app)
    assert not file.exists()
    file.with_name("away").rename(file)
    app.core.router.look()
    assert get(app, "/health/ready").json()["status"] == "ready"


def test_a_workspace_that_is_gone_changes_nothing_of_what_serves(
    app: Application, living: Workspace
) -> None:
    close_ledger(living)
    shutil.rmtree(living.state)
    assert "missing" in degraded(app)
    assert not (living.state / "ledger.db").exists()


def test_a_ledger_of_garbage_changes_nothing_of_what_serves(
    app: Application, living: Workspace
) -> None:
    file = ledger_file(living)
    close_ledger(living)
    for beside in ("-wal", "-shm"):
        file.with_name(file.name + beside).unlink(missing_ok=True)
    file.write_bytes(b"\x00garbage" * 5_000)
    assert "cannot be read" in degraded(app)


def test_a_ledger_that_was_emptied_changes_nothing_of_what_serves(
    app: Application, living: Workspace
) -> None:
    with sqlite3.connect(ledger_file(living)) as connection:
        connection.execute("DELETE FROM slots")
        connection.execute("DROP TRIGGER audit_refuses_delete")
        connection.execute("DELETE FROM audit WHERE seq > 3")
    connection.close()
    assert "no longer names a champion of 'price'" in degraded(app)


def test_an_unused_workspace_is_ready_and_stays_unused(workspace: Workspace) -> None:
    app = build_app(workspace)
    app.core.router.look()
    assert get(app, "/health/ready").json()["status"] == "ready"
    assert not (workspace.state / "ledger.db").exists()
