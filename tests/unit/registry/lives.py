"""Real little models, and their way into the ledger, for the registry's tests."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tenure.records import (
    Candidate,
    Column,
    Evaluation,
    GateVerdict,
    Lineage,
    Snapshot,
    TrainingSet,
    Version,
    digest_of,
    to_json,
)
from tenure.registry import (
    Severity,
    dump_estimator,
    open_ledger,
    open_store,
    register,
    verify,
)
from tenure.workspace import Workspace

FEATURES = tuple(Column(name=name, type="float64") for name in "abcd")
PERSON, ROBOT = "person:ann", "automation:test"


def rows(count: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    return pd.DataFrame(draw.random((count, 4)), columns=list("abcd"))


def labels(frame: pd.DataFrame) -> np.ndarray:
    return (frame["a"] > frame["b"]).to_numpy().astype(int)


def fitted(seed: int = 0) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame = rows().iloc[seed % 20 :]
    return make_pipeline(StandardScaler(), LogisticRegression(C=1.0 + seed)).fit(
        frame, labels(frame)
    )


def golden_rows() -> bytes:
    target = io.BytesIO()
    rows(10).to_parquet(target)
    return target.getvalue()


def training_set(model: str = "fraud") -> TrainingSet:
    digest = digest_of([model, "set"])
    return TrainingSet(model=model, digest=digest, snapshots=(), span="all", rows=60)


def candidate_record(
    model: str,
    tag: str,
    *,
    object: str = "0" * 64,  # noqa: A002
    size: int = 1,
    names: tuple[str, ...] = (),
) -> Candidate:
    return Candidate(
        id=digest_of([model, tag]),
        model=model,
        training_set=training_set(model),
        task="classification",
        target="y",
        features=FEATURES,
        classes=(0, 1),
        object=object,
        size=size,
        globals=names,
        recipe=digest_of("recipe"),
        last_snapshot_seq=0,
        lineage=Lineage(
            code_commit=None,
            code_dirty=None,
            pipeline="some.module:make",
            parameters={},
            seed=42,
            libraries={},
            python="3.11",
            spec="0" * 64,
            cpu_s=0.1,
            wall_s=0.1,
            peak_memory_bytes=1,
        ),
    )


def evaluation(
    candidate: Candidate, verdict: GateVerdict = GateVerdict.WINS, details: str = "0" * 64
) -> Evaluation:
    bare = Evaluation(
        model=candidate.model,
        candidate=candidate.id,
        verdict=verdict,
        promotes=verdict in (GateVerdict.FIRST, GateVerdict.WINS),
        reason=f"The gate says {verdict.value}.",
        primary="accuracy",
        metrics=(),
        checks=(),
        comparison=None,
        champion_epoch=0,
        details=details,
    )
    return replace(bare, digest=digest_of(to_json(bare)))


def candidate(
    workspace: Workspace, model: str = "fraud", seed: int = 0, estimator: Any = None
) -> Candidate:
    made = fitted(seed) if estimator is None else estimator
    digest, size, names = dump_estimator(made, workspace)
    record = candidate_record(model, f"{seed}", object=digest, size=size, names=names)
    return open_ledger(workspace).record_candidate(record, actor=ROBOT)


def version(
    workspace: Workspace,
    model: str = "fraud",
    seed: int = 0,
    verdict: GateVerdict = GateVerdict.WINS,
    estimator: Any = None,
) -> Version:
    fit = candidate(workspace, model, seed, estimator)
    judged = evaluation(fit, verdict, open_store(workspace).put_json({"seed": seed}))
    return register(fit, judged, golden_rows(), workspace, actor=ROBOT)


def promote(
    workspace: Workspace, number: int, epoch: int, model: str = "fraud", **extra: Any
) -> Any:
    said = {"actor": PERSON, "reason": "It is better.", "evidence": "e" * 64, **extra}
    return open_ledger(workspace).promote(model, number, expected_epoch=epoch, **said)


def damage(workspace: Workspace, head: str | None = None) -> list[str]:
    """What verify calls damage, as `which: what`."""
    return [
        f"{one.which}: {one.what}"
        for one in verify(workspace, head)
        if one.severity is Severity.DAMAGE
    ]


def bare_version(
    workspace: Workspace,
    model: str = "fraud",
    tag: str = "0",
    verdict: GateVerdict = GateVerdict.WINS,
) -> Version:
    """A version in the ledger alone, without bytes: for what concerns the ledger alone."""
    ledger = open_ledger(workspace)
    fit = ledger.record_candidate(candidate_record(model, tag), actor=ROBOT)
    judged = evaluation(fit, verdict)
    return ledger.register_version(fit, judged, lambda number: digest_of(number), actor=ROBOT)


def snapshot(workspace: Workspace, model: str = "fraud", tag: str = "0") -> Snapshot:
    ledger = open_ledger(workspace)
    digest = digest_of([model, tag, "bytes"])
    ledger.arrive(
        model, digest=digest, name=f"{tag}.csv", location=f"in/{tag}.csv", size=9, actor=ROBOT
    )
    store = open_store(workspace)
    data = f"{model} {tag}".encode()
    return Snapshot(
        model=model,
        digest=digest_of([model, tag, "content"]),
        batch=digest,
        object=store.put_bytes(data),
        size=len(data),
        rows=3,
        columns=FEATURES,
        report=store.put_json({"report": tag}),
    )
