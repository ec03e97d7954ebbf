"""Which models are served, and what does a request for them hold?

The same fitted estimators for every server: a logistic regression behind a scaler and one-hot
encoders on ten mixed columns, and a forest and a boosting on ten numbers.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tenure.records import Column
from tenure.registry import close_ledger, deploy, dump_estimator, open_ledger, open_store, register
from tenure.registry.frames import cast
from tenure.spec import load_spec
from tenure.spec.digests import frozen
from tenure.workspace import open_workspace
from tests.unit.registry.lives import candidate_record, evaluation

PROJECT = Path(__file__).parents[2]
NUMBERS = tuple(f"n{place}" for place in range(7))
WORDS = tuple(f"c{place}" for place in range(3))
PLAIN = tuple(f"x{place}" for place in range(10))
ROWS = 20_000
ACTOR = "person:bench"
SPEC = """\
name: {name}
owner: bench@example.com
data: {{source: data/{name}, target: y}}
deployment: {{serving: {{compiled: {compiled}}}}}
training: {{pipeline: "examples.iris:make_pipeline"}}
"""


@dataclass(frozen=True, slots=True)
class Served:
    """One fitted model and rows to ask it about."""

    name: str
    estimator: Any
    rows: pd.DataFrame
    columns: tuple[Column, ...]


def make(names: tuple[str, ...] = ("linear", "forest", "boosting")) -> list[Served]:
    """Return the models of these names, fitted."""
    made = {"linear": _linear, "forest": _forest, "boosting": _boosting}
    return [made[name]() for name in names]


def _linear() -> Served:
    draw = np.random.default_rng(11)
    mixed = pd.DataFrame({name: draw.normal(size=ROWS) for name in NUMBERS})
    for name in WORDS:
        mixed[name] = draw.choice([f"{name}-{value}" for value in range(12)], ROWS)
    is_yes = draw.random(ROWS) < 1 / (1 + np.exp(-(mixed["n0"] + mixed["n1"] * mixed["n2"])))
    fitted = make_pipeline(
        make_column_transformer(
            (StandardScaler(), list(NUMBERS)),
            (OneHotEncoder(handle_unknown="ignore"), list(WORDS)),
        ),
        LogisticRegression(max_iter=500),
    ).fit(mixed, is_yes)
    words = [
        Column(name=name, type="category", categories=tuple(sorted(mixed[name].unique())))
        for name in WORDS
    ]
    return Served("linear", fitted, mixed, (*_floats(NUMBERS), *words))


def _plain() -> tuple[pd.DataFrame, np.ndarray]:
    draw = np.random.default_rng(12)
    plain = pd.DataFrame({name: draw.normal(size=ROWS) for name in PLAIN})
    chance = 1 / (1 + np.exp(-(plain["x0"] + plain["x1"] * plain["x2"])))
    return plain, draw.random(ROWS) < chance.to_numpy()


def _forest() -> Served:
    plain, is_up = _plain()
    fitted = RandomForestClassifier(100, max_depth=12, random_state=0).fit(plain, is_up)
    return Served("forest", fitted, plain, _floats(PLAIN))


def _boosting() -> Served:
    plain, is_up = _plain()
    boosting = HistGradientBoostingClassifier(max_iter=200, random_state=0, early_stopping=False)
    return Served("boosting", boosting.fit(plain, is_up), plain, _floats(PLAIN))


def _floats(names: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(Column(name=name, type="float64") for name in names)


def keep_for_peers(models: list[Served], folder: Path) -> None:
    """Write the estimators as MODEL.joblib."""
    folder.mkdir(parents=True)
    for model in models:
        joblib.dump(model.estimator, folder / f"{model.name}.joblib")


def workspace_with(models: list[Served], root: Path, *, compiled: bool) -> None:
    """Make a workspace in which each model has a champion, with a plan or without."""
    for name in ("config/models", "config/expectations"):
        (root / name).mkdir(parents=True)
    workspace = open_workspace(root, project=PROJECT)
    for model in models:
        text = SPEC.format(name=model.name, compiled="{}" if compiled else "false")
        (workspace.models_folder / f"{model.name}.yaml").write_text(text)
        spec = open_store(workspace).put_json(frozen(load_spec(model.name, workspace)))
        object_, size, names = dump_estimator(model.estimator, workspace)
        record = candidate_record(model.name, "0", object=object_, size=size, names=names)
        record = replace(
            record,
            features=model.columns,
            task="classification",
            classes=tuple(model.estimator.classes_.tolist()),
            lineage=replace(record.lineage, spec=spec),
        )
        kept = open_ledger(workspace).record_candidate(record, actor=ACTOR)
        golden = io.BytesIO()
        cast(model.rows.head(20), model.columns).astype(
            {column.name: "str" for column in model.columns if column.type == "category"}
        ).to_parquet(golden)
        version = register(kept, evaluation(kept), golden.getvalue(), workspace, actor=ACTOR)
        deploy(model.name, version.number, workspace, actor=ACTOR, reason="It is measured.")
    close_ledger(workspace)
