"""A version gets its plan at registration, signed; whatever fails, it is a version all the same."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tenure.errors import ArtifactRefused, ObjectDamaged
from tenure.plans import Refused, Unreadable, compiling
from tenure.records import GateVerdict, canonical, to_json
from tenure.registry import golden, load_version, open_ledger, open_store
from tenure.registry.archived import take_out
from tenure.registry.artifacts import check_manifest
from tenure.registry.compiling import PlanQuestion, planned, read_plan
from tenure.registry.manifests import Manifest
from tenure.registry.reach import collect
from tenure.registry.signing import sign
from tenure.workspace import Workspace
from tests.unit.registry import lives
from tests.unit.registry.test_archived import archived
from tests.unit.registry.test_artifacts import overwrite, point


def manifest(workspace: Workspace, number: int = 1) -> Manifest:
    version = open_ledger(workspace).version("fraud", number)
    return check_manifest(version, open_store(workspace), workspace)


def test_a_plan_is_kept_signed_and_read_back(workspace: Workspace) -> None:
    lives.version(workspace)
    signed = manifest(workspace).plan
    assert signed is not None
    assert signed.kind == "linear"
    assert signed.agreement.rows > 10
    assert signed.agreement.max_difference <= signed.tolerance == 1e-9
    collect(workspace, grace_s=0.0)
    plan = read_plan(signed, open_store(workspace))
    row = {name: [0.5] for name in "abcd"}
    values, shares = plan.answer(row, 1, probabilities=True)
    estimator = load_version("fraud", 1, workspace).estimator
    frame = lives.rows(1).assign(**dict.fromkeys("abcd", 0.5))
    assert values == estimator.predict(frame).tolist()
    assert shares[0] == pytest.approx(estimator.predict_proba(frame)[0], rel=0, abs=1e-9)


def test_a_large_forest_finds_memory_for_its_plan_within_the_limits(workspace: Workspace) -> None:
    from sklearn.ensemble import RandomForestClassifier

    frame = lives.rows(3000)
    by_chance = np.random.default_rng(2).integers(0, 2, len(frame))
    forest = RandomForestClassifier(60, random_state=0).fit(frame, by_chance)
    assert sum(tree.tree_.node_count for tree in forest.estimators_) > 60_000
    lives.version(workspace, estimator=forest)
    signed = manifest(workspace).plan
    assert signed is not None
    assert signed.kind == "trees"


def test_a_spoiled_plan_is_no_plan(workspace: Workspace) -> None:
    lives.version(workspace)
    signed = manifest(workspace).plan
    assert signed is not None
    with pytest.raises(Unreadable, match="the manifest says trees"):
        read_plan(replace(signed, kind="trees"), open_store(workspace))
    overwrite(workspace, signed.object, b"tenure-plan\n{}\n")
    with pytest.raises(ObjectDamaged):
        read_plan(signed, open_store(workspace))


def test_a_version_that_may_not_serve_needs_no_plan(workspace: Workspace) -> None:
    lives.version(workspace, verdict=GateVerdict.LOSES)
    assert manifest(workspace).plan is None


def test_a_manifest_of_the_format_before_plans_still_loads(workspace: Workspace) -> None:
    lives.version(workspace)
    older = to_json(manifest(workspace))
    del older["plan"]
    digest = open_store(workspace).put_bytes(sign(canonical({**older, "format": 1}), workspace))
    point(workspace, 1, manifest=digest)
    assert manifest(workspace).plan is None
    assert load_version("fraud", 1, workspace).estimator is not None


def test_a_plan_that_brings_its_process_down_keeps_no_version_back(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    ask = golden.ask

    def crashing(question: golden.Question, **limits: Any) -> dict[str, Any]:
        asked.append(question.plan is not None)
        if question.plan is not None:
            raise ArtifactRefused(what="a test", detail="it ended its process with SIGSEGV")
        return ask(question, **limits)

    monkeypatch.setattr(golden, "ask", crashing)
    lives.version(workspace)
    assert asked == [True, False]
    assert manifest(workspace).plan is None


def question(file: Path | None) -> dict[str, Any]:
    return asdict(
        PlanQuestion(
            reference_file=None if file is None else str(file),
            classes=(0, 1),
            task="classification",
            tolerance=1e-9,
        )
    )


def test_a_plan_is_measured_on_rows_of_the_snapshot(tmp_path: Path) -> None:
    lives.rows(500).to_parquet(tmp_path / "rows")
    few = planned(lives.fitted(), question(None), lives.FEATURES, lives.rows(10))
    many = planned(lives.fitted(), question(tmp_path / "rows"), lives.FEATURES, lives.rows(10))
    difference = many["plan"]["agreement"]["rows"] - few["plan"]["agreement"]["rows"]
    assert difference >= 490
    assert many["plan"]["content"] == few["plan"]["content"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Refused("2 of 10 labels differ on edge rows"), "2 of 10 labels"),
        (KeyError("card 4711"), "KeyError"),
    ],
)
def test_why_there_is_no_plan_is_said(
    monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(compiling, "judge", fails)
    found = planned(lives.fitted(), question(None), lives.FEATURES, lives.rows(10))
    assert says in found["no_plan"]
    assert "4711" not in found["no_plan"]


def test_a_plan_leaves_the_store_with_the_version_that_is_archived(workspace: Workspace) -> None:
    lives.version(workspace)
    signed = manifest(workspace).plan
    assert signed is not None
    assert take_out(archived(workspace), workspace) == ()
    assert not open_store(workspace).exists(signed.object)
    assert lives.damage(workspace) == []
