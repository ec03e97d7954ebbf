from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tenure.records import Column
from tenure.registry import dump_estimator, open_ledger, register
from tenure.registry.frames import cast
from tenure.serving import read_statuses
from tenure.workspace import Workspace
from tests.faults.serving_processes import PROJECT, Running, start, until
from tests.unit.registry.lives import candidate_record, evaluation
from tests.unit.serving import lives

NUMBERS = tuple(Column(name=name, type="float64") for name in ("a", "b", "c"))


def numeric(workspace: Workspace) -> None:
    """A model named `digits` of three numbers and two whole labels, as matrices are sent to."""
    draw = np.random.default_rng(3)
    rows = cast(pd.DataFrame(draw.normal(size=(60, 3)), columns=list("abc")), NUMBERS)
    made = LogisticRegression().fit(rows, (rows["a"] > rows["b"]).astype("int64"))
    digest, size, names = dump_estimator(made, workspace)
    record = candidate_record("digits", "0", object=digest, size=size, names=names)
    spec = lives.write_spec(workspace, "digits")
    record = replace(
        record,
        features=NUMBERS,
        task="classification",
        classes=(0, 1),
        lineage=replace(record.lineage, spec=spec),
    )
    kept = open_ledger(workspace).record_candidate(record, actor=lives.ACTOR)
    sink = io.BytesIO()
    rows.head(10).to_parquet(sink)
    judged = evaluation(kept)
    number = register(kept, judged, sink.getvalue(), workspace, actor=lives.ACTOR).number
    lives.promote(workspace, number, "digits")


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace that serves `fraud` (mixed), `price` (a regression) and `digits` (numbers)."""
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    folder = tmp_path_factory.mktemp("protocol") / "a workspace"
    with lives.copied(template, folder) as workspace:
        numeric(workspace)
        yield workspace


@pytest.fixture(scope="session")
def called(furnished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host and port of a gRPC server in a process of its own."""
    log: Path = tmp_path_factory.mktemp("log") / "grpc.log"
    with open(log, "ab") as target:
        process = subprocess.Popen(
            [sys.executable, "-m", "tenure.serving.grpc", "--workspace", str(furnished.root)],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdout=target,
            stderr=target,
        )

    def address() -> str | None:
        assert process.poll() is None, log.read_text()
        mine = [each for each in read_statuses(furnished) if each.pid == process.pid]
        return mine[0].address if mine and mine[0].is_ready else None

    yield until(address).removeprefix("grpc://")
    process.terminate()
    assert process.wait(60) == 0, log.read_text()


@pytest.fixture(scope="session")
def served(furnished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A prediction server in a process of its own."""
    log: Path = tmp_path_factory.mktemp("log") / "server.log"
    running = start(furnished, log)
    yield running
    running.process.terminate()
    assert running.process.wait(60) == 0, log.read_text()
