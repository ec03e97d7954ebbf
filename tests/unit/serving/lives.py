"""Small real models that differ by version, for the prediction server's tests."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tenure.records import Assignment, Column
from tenure.registry import deploy, dump_estimator, open_ledger, register
from tenure.registry.frames import cast
from tenure.workspace import Workspace
from tests.unit.registry.lives import candidate_record, evaluation

ACTOR = "person:ann"
FEATURES = (
    Column(name="amount", type="float64"),
    Column(name="items", type="int64"),
    Column(name="country", type="category", categories=("at", "de", "ng")),
    Column(name="is_new", type="bool"),
)
ROW = {"amount": 12.5, "items": 3, "country": "de", "is_new": True}


def frame(count: int = 80) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    return cast(
        pd.DataFrame(
            {
                "amount": draw.gamma(2.0, 30.0, count),
                "items": draw.integers(1, 9, count),
                "country": draw.choice(["at", "de", "ng"], count),
                "is_new": draw.random(count) < 0.5,
            }
        ),
        FEATURES,
    )


def target(rows: pd.DataFrame) -> np.ndarray:
    return (rows["amount"] * rows["items"]).to_numpy()


def _encoded() -> Any:
    return make_column_transformer(
        (StandardScaler(), ["amount", "items"]),
        (OneHotEncoder(handle_unknown="ignore"), ["country"]),
        remainder="passthrough",
    )


def classifier(seed: int = 0, labels: tuple[Any, Any] = ("fine", "fraud")) -> Any:
    rows = frame()
    is_high = target(rows) > 200 + 10 * seed
    return make_pipeline(_encoded(), LogisticRegression(C=1.0 + seed)).fit(
        rows, np.where(is_high, labels[1], labels[0])
    )


def regressor(seed: int = 0) -> Any:
    rows = frame()
    return make_pipeline(_encoded(), LinearRegression()).fit(rows, target(rows) + 1_000 * seed)


def golden_rows() -> bytes:
    sink = io.BytesIO()
    frame(10).assign(country=lambda rows: rows["country"].astype("str")).to_parquet(sink)
    return sink.getvalue()


def register_version(
    workspace: Workspace,
    model: str = "fraud",
    seed: int = 0,
    estimator: Any = None,
    spec: str = "0" * 64,
) -> int:
    """Register one more version and return its number."""
    made = classifier(seed) if estimator is None else estimator
    digest, size, names = dump_estimator(made, workspace)
    record = candidate_record(model, str(seed), object=digest, size=size, names=names)
    classes = tuple(getattr(made, "classes_", ()))
    record = replace(
        record,
        features=FEATURES,
        task="classification" if classes else "regression",
        classes=classes,
        lineage=replace(record.lineage, spec=spec),
    )
    kept = open_ledger(workspace).record_candidate(record, actor=ACTOR)
    return register(kept, evaluation(kept), golden_rows(), workspace, actor=ACTOR).number


def promote(workspace: Workspace, number: int, model: str = "fraud") -> Assignment:
    return deploy(model, number, workspace, actor=ACTOR, reason="A test wants it.")


def champion(
    workspace: Workspace,
    model: str = "fraud",
    seed: int = 0,
    estimator: Any = None,
    spec: str = "0" * 64,
) -> Assignment:
    return promote(workspace, register_version(workspace, model, seed, estimator, spec), model)
