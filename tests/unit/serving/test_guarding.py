"""A server guards the versions that it loads, by their spec and their reference."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tenure import predictions
from tenure.registry import open_ledger, open_store
from tenure.serving import build_app
from tenure.serving.application import Application
from tenure.spec import load_spec
from tenure.spec.digests import frozen
from tenure.workspace import Workspace
from tests.unit.serving import lives
from tests.unit.serving.lives import ACTOR, ROW

V1, V2 = "/v1/models/fraud:predict", "/v2/models/fraud/infer"
HUGE = {**ROW, "amount": 1e9}
SPEC = """\
name: fraud
owner: ann@bank.example
data: {source: data/fraud, target: y, key: [order]}
training: {pipeline: "examples.iris:make_pipeline"}
deployment:
  fallback: previous
  serving:
    guards: {%s}
"""


@pytest.fixture(autouse=True)
def _nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def guarded(place: Workspace, rules: str, *, reference: bool = True) -> Application:
    """A server whose champion is version 3, with guards; version 1 is its former champion."""
    (place.models_folder / "fraud.yaml").write_text(SPEC % rules)
    digest = open_store(place).put_json(frozen(load_spec("fraud", place)))
    number = lives.champion(place, "fraud", 9, spec=digest).version
    assert number == 3
    if reference:
        keep(place, number)
    app = build_app(place)
    app.core.router.look()
    return app


def keep(place: Workspace, number: int) -> None:
    about = {"rows": 80, "missing_share": 0.0, "usual_share": 0.1}
    columns = [
        {"name": "amount", "kind": "number", "low": 0.0, "high": 500.0, **about},
        {"name": "items", "kind": "number", "low": 1.0, "high": 8.0, **about},
        {"name": "country", "kind": "category", "categories": ["at", "de", "ng"], **about},
        {"name": "is_new", "kind": "category", "categories": ["False", "True"], **about},
    ]
    digest = open_store(place).put_json({"format": 1, "columns": columns})
    open_ledger(place).keep_reference("fraud", number, digest, actor=ACTOR)


def call(app: Application, path: str, body: dict[str, Any]) -> httpx.Response:
    async def go() -> httpx.Response:
        async with lives.client_of(app) as client:
            return await client.post(path, json=body)

    return asyncio.run(go())


def infer(row: dict[str, Any]) -> dict[str, Any]:
    kinds = {"amount": "FP64", "items": "INT64", "country": "BYTES", "is_new": "BOOL"}
    inputs = [
        {"name": name, "datatype": kinds[name], "shape": [1], "data": [row[name]]} for name in row
    ]
    return {"inputs": inputs}


def log_of(app: Application, place: Workspace) -> Any:
    app.core.log.flush()
    return predictions.read("fraud", place)


def test_what_is_flagged_is_named_in_both_protocols_and_in_the_log(living: Workspace) -> None:
    app = guarded(living, "out_of_range: flag, unseen_category: flag")
    assert "flags" not in call(app, V1, {"instances": [ROW]}).json()
    answer = call(app, V1, {"instances": [ROW, HUGE], "ids": ["a", "b"]}).json()
    flag = {"row": 1, "guard": "out_of_range", "column": "amount", "did": "flag"}
    assert answer["flags"] == [flag]
    assert answer["version"] == 3
    said = call(app, V2, infer({**ROW, "country": "xx"})).json()
    assert "unseen_category" in str(said["parameters"]["flags"])
    assert "flags" not in call(app, V2, infer(ROW)).json()["parameters"]
    kept = log_of(app, living).set_index("id")
    assert kept.loc["b", "flags"] == "out_of_range:amount flag"
    assert kept["flags"].notna().sum() == 2
    app.core.close()


def test_what_is_refused_names_column_and_row_in_both_protocols(living: Workspace) -> None:
    app = guarded(living, "out_of_range: refuse")
    answer = call(app, V1, {"instances": [ROW, HUGE]})
    assert (answer.status_code, answer.json()["field"]) == (422, "/instances/1/amount")
    said = call(app, V2, infer(HUGE))
    assert said.status_code == 400
    assert "'amount'" in said.json()["error"]
    assert "1000000000" not in answer.text + said.text
    assert call(app, V1, {"instances": [ROW]}).status_code == 200
    assert len(log_of(app, living)) == 1
    counted = dict(app.metrics.counters)  # type: ignore[union-attr]
    assert sum(value for (name, _), value in counted.items() if name == "refused") == 2
    app.core.close()


def test_what_is_given_to_the_fallback_is_answered_by_it_and_says_so(living: Workspace) -> None:
    app = guarded(living, "out_of_range: fallback")
    own = call(app, V1, {"instances": [ROW]}).json()
    other = call(app, V1, {"instances": [HUGE], "ids": ["b"]}).json()
    assert (own["version"], other["version"]) == (3, 1)
    assert other["flags"][0]["did"] == "fallback"
    assert call(app, V2, infer(HUGE)).json()["model_version"] == "1"
    pinned = call(app, "/v1/models/fraud/versions/1:predict", {"instances": [HUGE]})
    assert pinned.status_code == 404, "the fallback holds no slot of its own"
    kept = log_of(app, living).set_index("id")
    assert (kept.loc["b", "version"], kept.loc["b", "flags"]) == (1, "out_of_range:amount fallback")
    app.core.close()


def test_an_unsure_answer_is_given_to_the_fallback_too(living: Workspace) -> None:
    app = guarded(living, "low_confidence: {below: 0.999999, do: fallback}")
    found = call(app, V1, {"instances": [ROW]}).json()
    assert (found["version"], found["flags"][0]["guard"]) == (1, "low_confidence")
    app.core.close()


def test_without_a_fallback_nothing_is_answered_in_its_place(living: Workspace) -> None:
    text = (SPEC % "out_of_range: fallback").replace("previous", "none")
    app = guarded(living, "out_of_range: fallback")
    (living.models_folder / "fraud.yaml").write_text(text)
    again = build_app(living)
    again.core.router.look()
    answer = call(again, V1, {"instances": [HUGE]})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:tenure:problem:no-fallback")
    assert call(again, V1, {"instances": [ROW]}).status_code == 200
    for each in (app, again):
        each.core.close()


def test_a_reference_that_comes_later_completes_the_guards(living: Workspace) -> None:
    app = guarded(living, "out_of_range: refuse, unseen_category: refuse", reference=False)
    assert call(app, V1, {"instances": [HUGE]}).status_code == 200
    unseen = {"instances": [{**ROW, "country": "xx"}]}
    assert call(app, V1, unseen).status_code == 422, "categories stand in the manifest"
    keep(living, 3)
    assert app.core.guarding is not None
    app.core.guarding.look()  # type: ignore[attr-defined]
    assert call(app, V1, {"instances": [HUGE]}).status_code == 422
    app.core.close()


def test_a_server_whose_versions_have_no_guards_asks_nobody(living: Workspace) -> None:
    app = build_app(living)
    app.core.router.look()
    assert app.core.guarding is None
    assert app.core.engine.guarding is None
    app.core.close()
