"""What is served in a soak, and what is each row's right answer?"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving.models import ACTOR, SPEC, Served, make
from tenure.registry import deploy, dump_estimator, open_ledger, open_store, register
from tenure.registry.frames import cast
from tenure.spec import load_spec
from tenure.spec.digests import frozen
from tenure.workspace import Workspace, open_workspace
from tests.unit.registry.lives import candidate_record, evaluation

PROJECT = Path(__file__).parents[2]
ROWS = 200
VERSIONS = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """One model of the soak: its rows, and by version what is right for each."""

    model: str
    rows: list[dict[str, Any]]
    right: dict[int, np.ndarray]


def furnish(root: Path) -> tuple[Workspace, list[Asked]]:
    """Make a workspace with two models, two versions each, the first of which serves."""
    for name in ("config/models", "config/expectations"):
        (root / name).mkdir(parents=True)
    workspace = open_workspace(root, project=PROJECT)
    asked = []
    for model in make(("linear", "boosting")):
        asked.append(_furnish(model, workspace))
        reason = "The soak begins."
        deploy(model.name, 1, workspace, actor=ACTOR, reason=reason)
    return workspace, asked


def _furnish(model: Served, workspace: Workspace) -> Asked:
    text = SPEC.format(name=model.name, compiled="{}")
    (workspace.models_folder / f"{model.name}.yaml").write_text(text)
    spec = open_store(workspace).put_json(frozen(load_spec(model.name, workspace)))
    rows = model.rows.head(ROWS)
    right = {}
    for number in range(1, VERSIONS + 1):
        fitted = _another(model, number)
        object_, size, names = dump_estimator(fitted, workspace)
        record = candidate_record(model.name, str(number), object=object_, size=size, names=names)
        record = replace(
            record,
            features=model.columns,
            task="classification",
            classes=tuple(fitted.classes_.tolist()),
            lineage=replace(record.lineage, spec=spec),
        )
        kept = open_ledger(workspace).record_candidate(record, actor=ACTOR)
        golden = io.BytesIO()
        cast(model.rows.head(20), model.columns).astype(
            {column.name: "str" for column in model.columns if column.type == "category"}
        ).to_parquet(golden)
        register(kept, evaluation(kept), golden.getvalue(), workspace, actor=ACTOR)
        right[number] = fitted.predict_proba(rows)[:, 1]
    return Asked(model.name, rows.to_dict("records"), right)


def _another(model: Served, number: int) -> Any:
    if number == 1:
        return model.estimator
    from sklearn.base import clone

    rows = model.rows.head(3000)
    first = rows[rows.columns[0]] + rows[rows.columns[1]]
    return clone(model.estimator).fit(rows, (first > 0).to_numpy())
