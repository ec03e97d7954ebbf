"""The doors of a running server: who may come in, what is counted, and what is kept of feedback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tenure.plans.making import make_plan
from tenure.predictions.feedback import LABEL, OVERRIDE, read_feedback
from tenure.registry import open_ledger
from tenure.serving import build_app
from tenure.serving.access import Access
from tenure.serving.admin import ROUTES, AdminApplication
from tenure.serving.application import Application
from tenure.serving.compiled import settle
from tenure.serving.hosts import allowed_hosts
from tenure.serving.keys import Role, add_key
from tenure.serving.loading import version_loader
from tenure.serving.operating import Operations, Options
from tenure.serving.speaking import exposition
from tenure.workspace import Workspace
from tests.unit.serving import lives
from tests.unit.serving.lives import ROW

Ask = Callable[..., httpx.Response]
ACTOR = "person:ann"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path_factory.mktemp("operated") / "a workspace") as workspace:
        yield workspace


@pytest.fixture(scope="module")
def running(place: Workspace) -> Iterator[Application]:
    app = build_app(place)
    app.core.router.look()
    yield app
    app.core.close()


@pytest.fixture
def ask(running: Application) -> Ask:
    return lambda method, path, **what: call(running, method, path, **what)


def call(app: Any, method: str, path: str, **what: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        async with lives.client_of(app) as client:
            return await client.request(method, path, **what)

    return asyncio.run(go())


def admin_of(place: Workspace) -> AdminApplication:
    return AdminApplication(place, Access(place), allowed_hosts("127.0.0.1"))


def answered(app: Application, code: int) -> int:
    found = app.metrics.snapshot()["answered"]  # type: ignore[union-attr]
    return sum(sum(counts) for key, counts, _, _ in found if key[4] == code)


def test_feedback_is_kept_by_prediction_id(ask: Ask, place: Workspace) -> None:
    predicted = ask("POST", "/v1/models/fraud:predict", json={"instances": [ROW, ROW]}).json()
    one, two = predicted["ids"]
    body = {
        "labels": [{"id": one, "label": "fraud"}, {"id": "not seen yet", "label": "fine"}],
        "overrides": [
            {
                "id": two,
                "value": "fine",
                "by": "ann",
                "reason": "Known customer.",
                "at": "2026-11-21T12:00:00+01:00",
            }
        ],
    }
    answer = ask("POST", "/v1/models/fraud:feedback", json=body)
    assert answer.status_code == 202
    taken = {"model": "fraud", "labels": 2, "overrides": 1, "ids": "not looked up"}
    assert answer.json() == taken
    assert ask("POST", "/v2/models/fraud/feedback", json=body).json() == taken
    said = [each for _, each in read_feedback("fraud", place)]
    assert [(each.kind, each.id, each.value) for each in said[:3]] == [
        (LABEL, one, "fraud"),
        (LABEL, "not seen yet", "fine"),
        (OVERRIDE, two, "fine"),
    ]
    assert (said[2].by, said[2].reason) == ("ann", "Known customer.")
    number = {"labels": [{"id": "a", "label": 3}]}
    assert ask("POST", "/v1/models/price:feedback", json=number).status_code == 202
    assert [each.value for _, each in read_feedback("price", place)] == [3.0]


LABEL_OF = "/v1/models/fraud:feedback"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ([], None),
        ({"labels": []}, None),
        ({"label": []}, None),
        ({"labels": {}}, "/labels"),
        ({"labels": ["x"]}, "/labels/0"),
        ({"labels": [{"id": "a"}]}, "/labels/0"),
        ({"labels": [{"id": "a", "label": "fine", "more": 1}]}, "/labels/0"),
        ({"labels": [{"id": 7, "label": "fine"}]}, "/labels/0/id"),
        ({"labels": [{"id": "", "label": "fine"}]}, "/labels/0/id"),
        ({"labels": [{"id": "a" * 129, "label": "fine"}]}, "/labels/0/id"),
        ({"labels": [{"id": "a", "label": "SECRET-VALUE"}]}, "/labels/0/label"),
        ({"labels": [{"id": "a", "label": True}]}, "/labels/0/label"),
        ({"labels": [{"id": "a", "label": None}]}, "/labels/0/label"),
        ({"labels": [{"id": "a", "label": "fine", "at": "yesterday"}]}, "/labels/0/at"),
        ({"labels": [{"id": "a", "label": "fine", "at": "2026-01-01"}]}, "/labels/0/at"),
        ({"overrides": [{"id": "a", "value": "fine", "by": "ann"}]}, "/overrides/0"),
        (
            {"overrides": [{"id": "a", "value": 1, "by": "ann", "reason": "x"}]},
            "/overrides/0/value",
        ),
    ],
)
def test_feedback_that_says_nothing_sensible_is_refused_whole(
    ask: Ask, place: Workspace, body: Any, field: str | None
) -> None:
    before = len(read_feedback("fraud", place))
    answer = ask("POST", LABEL_OF, json=body)
    assert answer.status_code == 422
    assert answer.json().get("field") == field
    assert "SECRET" not in answer.text
    assert len(read_feedback("fraud", place)) == before


def test_feedback_to_nobody_or_in_another_shape_is_refused(ask: Ask) -> None:
    body = {"labels": [{"id": "a", "label": "fine"}]}
    assert ask("POST", "/v1/models/nobody:feedback", json=body).status_code == 404
    assert ask("GET", LABEL_OF).status_code == 405
    assert ask("POST", LABEL_OF, content=b"{").status_code == 415
    cut = {"content": b'{"labels"', "headers": {"content-type": "application/json"}}
    assert ask("POST", LABEL_OF, **cut).status_code == 422


def test_every_answer_is_counted_by_what_gave_it(running: Application, ask: Ask) -> None:
    before = {code: answered(running, code) for code in (200, 404, 422)}
    ask("POST", "/v1/models/fraud:predict", json={"instances": [ROW]})
    ask("POST", "/v1/models/fraud:predict", json={"instances": []})
    for name in ("nobody", "somebody"):
        ask("POST", f"/v1/models/{name}:predict", json={"instances": [ROW]})
    after = {code: answered(running, code) for code in (200, 404, 422)}
    assert {code: after[code] - before[code] for code in after} == {200: 1, 404: 2, 422: 1}
    found = running.metrics.snapshot()["answered"]  # type: ignore[union-attr]
    assert {key[1] for key, *_ in found} <= {"", "fraud", "price"}, "no client names a series"
    assert ("v1", "fraud", 1, "champion", 200) in {tuple(key) for key, *_ in found}


PUBLIC = (
    ("GET", "/"),
    ("GET", "/pages/index.html"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/fraud"),
    ("GET", "/v1/models/fraud/versions/1"),
    ("POST", "/v1/models/fraud:predict"),
    ("POST", "/v1/models/fraud/versions/1:predict"),
    ("POST", "/v1/models/fraud:feedback"),
    ("GET", "/v2"),
    ("GET", "/v2/models/fraud"),
    ("GET", "/v2/models/fraud/ready"),
    ("POST", "/v2/models/fraud/infer"),
    ("POST", "/v2/models/fraud/versions/1/infer"),
    ("POST", "/v2/models/fraud/feedback"),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/fraud/load"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/metrics"),
    ("GET", "/status"),
    ("GET", "/nobody/thought/of/this"),
)


def test_no_admin_route_is_public_and_no_public_one_is_on_the_admin_address(
    ask: Ask, place: Workspace
) -> None:
    admin = admin_of(place)
    for path in ("/metrics", "/status"):
        assert ask("GET", path).status_code == 404
        assert call(admin, "GET", path).status_code == 200
        assert call(admin, "POST", path).status_code == 405
    for method, path in PUBLIC:
        if path not in ROUTES:
            assert call(admin, method, path).status_code == 404
    assert call(admin, "GET", "/metrics", headers={"host": "evil.example"}).status_code == 421


def test_with_a_key_every_route_but_the_probes_wants_one(tmp_path_factory: Any) -> None:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path_factory.mktemp("closed") / "w") as place:
        _, text = add_key(place, "x", roles=[Role.METRICS], models=None, actor=ACTOR)
        bearer = {"authorization": f"Bearer {text}"}
        app, admin = build_app(place), admin_of(place)
        app.core.router.look()
        for method, path in PUBLIC:
            assert call(app, method, path).status_code == 401, path
            assert call(app, method, path, headers=bearer).status_code == 403, path
        for path in ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"):
            assert call(app, "GET", path).status_code == 200
        assert "fraud" not in call(app, "GET", "/health/ready").text
        assert [call(admin, "GET", path).status_code for path in ROUTES] == [401, 401, 200, 200]
        assert [call(admin, "GET", path, headers=bearer).status_code for path in ROUTES] == [
            200, 403, 200, 200,
        ]  # fmt: skip
        assert call(admin, "GET", "/nothing").status_code == 401
        app.core.close()


def test_the_admin_address_adds_up_what_the_spool_holds(
    running: Application, ask: Ask, place: Workspace
) -> None:
    from tenure.serving.publishing import MetricsFile

    ask("POST", "/v1/models/fraud:predict", json={"instances": [ROW]})
    MetricsFile(place, running.metrics).write()  # type: ignore[arg-type]
    text = call(admin_of(place), "GET", "/metrics").text
    total = 'tenure_requests_total{door="v1",model="fraud",version="1",slot="champion",code="200"}'
    assert f"{total} {answered(running, 200) - other(running)}" in text
    assert call(admin_of(place), "GET", "/status").json()["keys"]["wanted"] is False


def other(app: Application) -> int:
    found = app.metrics.snapshot()["answered"]  # type: ignore[union-attr]
    mine = ["v1", "fraud", 1, "champion", 200]
    return sum(sum(counts) for key, counts, _, _ in found if key[4] == 200 and key != mine)


@pytest.fixture(autouse=True)
def _nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_loads_and_comparisons_of_plans_are_counted_once(place: Workspace) -> None:
    operations = Operations(place, "127.0.0.1", Options())
    slot = open_ledger(place).slot("fraud")
    assert slot is not None
    runtime = operations.loader(version_loader(place))(slot)
    columns = {name: [value] for name, value in ROW.items()}
    for _ in range(3):
        runtime.answer(columns, 1, probabilities=True)
    settle()
    for _ in range(2):
        operations.count_plans()
    assert runtime.compiled is not None
    assert runtime.compiled.compared > 0
    assert operations.metrics.counters == {
        ("compared", (("model", "fraud"), ("version", "1"))): runtime.compiled.compared
    }
    assert [model for model, *_ in operations.metrics.snapshot()["loads"]] == ["fraud"]


def test_a_plan_that_raises_or_differs_is_in_the_metrics(place: Workspace) -> None:
    operations = Operations(place, "127.0.0.1", Options())
    slot = open_ledger(place).slot("fraud")
    assert slot is not None
    runtime = operations.loader(version_loader(place))(slot)
    assert runtime.compiled is not None
    with pytest.raises(KeyError):
        runtime.answer({}, 1, probabilities=True)
    other = lives.classifier(seed=1)
    plan = make_plan(other, lives.FEATURES, runtime.classes, runtime.task)
    assert plan is not None
    runtime.compiled.plan = plan
    runtime.answer({name: [value] for name, value in ROW.items()}, 1, probabilities=True)
    settle()
    operations.count_plans()
    text = exposition(operations.metrics.snapshot(), []).decode()
    of = '{model="fraud",version="1"}'
    for name in ("compared", "fell_back", "raised"):
        assert f"tenure_plan_{name}_total{of} 1\n" in text
