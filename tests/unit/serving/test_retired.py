"""What does a client read of a version that was retired, and when has it left the server?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
import yaml

from tenure import retirement
from tenure.errors import VersionRetired
from tenure.records import GateVerdict
from tenure.registry import dump_estimator, open_ledger, register
from tenure.serving import build_app, predict_offline
from tenure.serving.application import Application
from tenure.workspace import Workspace
from tests.unit.registry.lives import evaluation
from tests.unit.serving import lives

ROBOT = "automation:test"


@pytest.fixture
def app(living: Workspace) -> Application:
    made = build_app(living)
    made.core.router.look()
    return made


def ask(app: Application, address: str) -> httpx.Response:
    async def go() -> httpx.Response:
        async with lives.client_of(app) as client:
            if address.endswith(":predict"):
                return await client.post(address, json={"instances": [lives.ROW]})
            return await client.get(address)

    return asyncio.run(go())


def price(app: Application, version: int | None = None) -> httpx.Response:
    of = f"/versions/{version}" if version else ""
    return ask(app, f"/v1/models/price{of}:predict")


def retire(workspace: Workspace, app: Application | None = None, **asked: Any) -> None:
    """Retire version 1 of `price`; the server looks at the ledger as its thread would."""
    asked = {"version": 1, "reason": "It drifted.", "actor": ROBOT, **asked}
    case = retirement.open_retirement("price", workspace=workspace, **asked)
    for step in (retirement.verify_successor, retirement.move_slot):
        case = step(case, workspace, actor=ROBOT)
    for _ in range(3 if app else 0):
        app.core.router.look()
    retirement.carry_out(case, workspace, actor=ROBOT)


def deployed(workspace: Workspace, **sections: Any) -> None:
    file = workspace.models_folder / "price.yaml"
    spec = yaml.safe_load(file.read_text())
    for name, content in sections.items():
        spec[name] = spec.get(name, {}) | content
    file.write_text(yaml.safe_dump(spec))


def test_a_champion_answers_at_its_versions_address_too(app: Application) -> None:
    own, numbered = price(app).json(), price(app, 1).json()
    assert own["predictions"] == numbered["predictions"]
    assert ask(app, "/v1/models/price/versions/1").json()["version"] == 1


def test_a_retired_version_is_gone_and_names_its_successor(
    app: Application, living: Workspace
) -> None:
    retire(living, app, successor=2)
    for address in ("/v1/models/price/versions/1:predict", "/v1/models/price/versions/1"):
        gone = ask(app, address)
        assert gone.status_code == 410
        assert gone.json()["type"] == "urn:tenure:problem:version-retired"
        successor = gone.json()["successor"]
        assert successor == {"version": 2, "address": "/v1/models/price/versions/2:predict"}
        link = '</v1/models/price/versions/2:predict>; rel="successor-version"'
        assert gone.headers["link"] == link
    assert ask(app, successor["address"]).json()["version"] == 2
    assert price(app).json()["version"] == 2


def test_other_versions_do_not_answer_either(app: Application) -> None:
    standby, unknown = price(app, 2), price(app, 9)
    assert (standby.status_code, unknown.status_code) == (404, 404)
    assert "version 1 serves" in standby.json()["detail"]
    assert ask(app, "/v1/models/nobody/versions/1:predict").status_code == 404
    assert ask(app, "/v1/models/price/versions/01").status_code == 404


def test_a_vacant_slot_is_unavailable_with_its_reason_and_the_server_ready(
    app: Application, living: Workspace
) -> None:
    ledger = open_ledger(living)
    said = {"actor": lives.ACTOR, "reason": "Nobody may price any more.", "evidence": "a case"}
    ledger.vacate("price", expected_epoch=1, **said)
    app.core.router.look()
    answer = price(app)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:tenure:problem:vacant")
    assert answer.json()["detail"].endswith("Nobody may price any more.")
    assert ask(app, "/health/ready").json()["status"] == "ready"
    listed = ask(app, "/v1/models").json()
    assert [each["model"] for each in listed["vacant"]] == ["price"]
    lives.promote(living, 2, "price")
    app.core.router.look()
    assert price(app).json()["version"] == 2


def test_a_model_whose_spec_says_gone_answers_410_until_a_fit_version_serves(
    app: Application, living: Workspace
) -> None:
    deployed(
        living,
        retirement={"answer": "gone"},
        deployment={"fallback": "none", "may_leave_vacant": True},
    )
    retire(living, app, to_fallback=True)
    assert open_ledger(living).slot("price").version is None
    gone = price(app)
    assert (gone.status_code, gone.json()["successor"]) == (410, None)
    lives.promote(living, 2, "price")
    app.core.router.look()
    assert price(app).json()["version"] == 2


def test_with_a_fallback_in_office_a_closed_model_answers_at_the_fallbacks_address_alone(
    app: Application, living: Workspace
) -> None:
    deployed(living, retirement={"answer": "gone"})
    number = standing_in(living)
    retire(living, app, to_fallback=True)
    for _ in range(2):
        app.core.router.look()
    gone = price(app)
    assert gone.status_code == 410
    successor = gone.json()["successor"]
    assert successor["version"] == number
    assert ask(app, successor["address"]).json()["version"] == number
    assert ask(app, "/health/ready").json()["status"] == "ready"
    deployed(living, retirement={"answer": "fallback"})
    reopened = build_app(living)
    reopened.core.router.look()
    assert price(reopened).json()["version"] == number


def standing_in(workspace: Workspace) -> int:
    """Register what `price` falls back on by default."""
    ledger = open_ledger(workspace)
    base = ledger.candidate(ledger.version("price", 1).candidate)
    digest, size, names = dump_estimator(lives.regressor(7), workspace)
    lineage = replace(base.lineage, parameters={"kind": "baseline"})
    fit = replace(base, id="f" * 64, object=digest, size=size, globals=names, lineage=lineage)
    fit = ledger.record_candidate(fit, actor=ROBOT)
    judged = evaluation(fit, GateVerdict.FALLBACK)
    return register(fit, judged, lives.golden_rows(), workspace, actor=ROBOT).number


def test_requests_in_flight_hold_a_version_and_the_last_one_frees_its_memory(
    app: Application, living: Workspace
) -> None:
    held = app.core.router.reference("price")
    lives.promote(living, 2, "price")
    for _ in range(2):
        app.core.router.look()
    assert app.core.router.standing.held == {"price": (1,)}
    assert app.core.router.standing.freed == {}
    del held
    for _ in range(2):
        app.core.router.look()
    assert app.core.router.standing.held == {}
    freed = app.core.router.standing.freed["price"]
    assert freed.version == 1
    assert freed.bytes >= 0


def test_a_retired_version_is_dropped_even_if_its_successor_cannot_be_loaded(
    app: Application, living: Workspace
) -> None:
    ledger = open_ledger(living)
    successor = ledger.version("price", 2)
    case = retirement.open_retirement(
        "price", successor=2, reason="It drifted.", actor=ROBOT, workspace=living
    )
    case = retirement.verify_successor(case, living, actor=ROBOT)
    retirement.move_slot(case, living, actor=ROBOT)
    (living.state / "store" / successor.object[:2] / successor.object).unlink()
    app.core.router.look()
    assert app.core.router.reference("price") is None
    assert price(app).status_code == 503
    assert "could not be loaded" in price(app).json()["detail"]
    assert price(app, 1).status_code == 410


def test_who_still_asks_for_a_retired_version_is_put_on_record_once(
    app: Application, living: Workspace
) -> None:
    retire(living, app, successor=2)
    app.core.router.look()
    assert retirement.watch_retired(living, actor=ROBOT) == []
    for _ in range(3):
        assert price(app, 1).status_code == 410
        assert ask(app, "/v1/models/price/versions/1").status_code == 410
    lives.promote(living, 3, "price")
    app.core.router.look()
    (told,) = retirement.watch_retired(living, actor=ROBOT)
    assert told == "Version 1 of 'price' is retired and was asked for 3 time(s)."
    assert open_ledger(living).audit(limit=1000)[-1].kind == "retired_version_asked"
    assert retirement.watch_retired(living, actor=ROBOT) == []


def test_a_retired_version_answers_nobody_without_a_server_either(living: Workspace) -> None:
    retire(living, successor=2)
    with pytest.raises(VersionRetired):
        predict_offline("price", [lives.ROW], living, version=1)
    assert predict_offline("price", [lives.ROW], living)["version"] == 2
