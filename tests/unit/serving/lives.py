"""Small real models that differ by version, for the prediction server's tests."""

from __future__ import annotations

import io
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tenure.records import Assignment, Column
from tenure.registry import (
    close_ledger,
    deploy,
    dump_estimator,
    open_ledger,
    open_store,
    register,
)
from tenure.registry.frames import cast
from tenure.serving.application import Application
from tenure.spec import load_spec
from tenure.spec.digests import frozen
from tenure.workspace import Workspace, open_workspace
from tests.unit.registry.lives import candidate_record, evaluation

PROJECT = Path(__file__).parents[3]
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


def encoded() -> Any:
    return make_column_transformer(
        (StandardScaler(), ["amount", "items"]),
        (OneHotEncoder(handle_unknown="ignore"), ["country"]),
        remainder="passthrough",
    )


def classifier(seed: int = 0, labels: tuple[Any, Any] = ("fine", "fraud")) -> Any:
    rows = frame()
    is_high = target(rows) > 200 + 10 * seed
    return make_pipeline(encoded(), LogisticRegression(C=1.0 + seed)).fit(
        rows, np.where(is_high, labels[1], labels[0])
    )


def regressor(seed: int = 0) -> Any:
    rows = frame()
    return make_pipeline(encoded(), LinearRegression()).fit(rows, target(rows) + 1_000 * seed)


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


SPEC = """\
name: {model}
owner: ann@bank.example
data: {{source: data/{model}, target: y, key: [order]{data}}}
training: {{pipeline: "examples.iris:make_pipeline"}}
deployment: {{serving: {{log_leave_out: [country]}}}}
scoring: {{source: score/in, destination: score/out}}
"""


def write_spec(workspace: Workspace, model: str, data: str = "") -> str:
    """Write a model's YAML, keep what a version freezes of it, and return that digest."""
    text = SPEC.format(model=model, data=data)
    (workspace.models_folder / f"{model}.yaml").write_text(text)
    return open_store(workspace).put_json(frozen(load_spec(model, workspace)))


def furnish(workspace: Workspace) -> None:
    """Two models: `fraud` (versions 1 and 2, 1 serves) and `price` (1 to 3, 1 serves)."""
    spec = write_spec(workspace, "fraud")
    for seed in range(2):
        register_version(workspace, "fraud", seed, spec=spec)
    spec = write_spec(workspace, "price")
    for seed in range(3):
        register_version(workspace, "price", seed, regressor(seed), spec=spec)
    promote(workspace, 1, "fraud")
    promote(workspace, 1, "price")


@contextmanager
def copied(template: Path, root: Path) -> Iterator[Workspace]:
    """A copy of a furnished workspace, so that a test may change it."""
    shutil.copytree(template, root)
    workspace = open_workspace(root, project=PROJECT)
    try:
        yield workspace
    finally:
        close_ledger(workspace)


def template(folder: Path) -> Path:
    """A furnished workspace, made once a test session."""
    if not folder.exists():
        fresh = folder.with_name("in work")
        for name in ("config/models", "config/expectations"):
            (fresh / name).mkdir(parents=True)
        workspace = open_workspace(fresh, project=PROJECT)
        furnish(workspace)
        close_ledger(workspace)
        fresh.rename(folder)
    return folder


@asynccontextmanager
async def client_of(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls an application in this process, without sockets."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
