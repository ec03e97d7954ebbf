"""A model in office with data behind it, for the tests of monitoring."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tenure import monitoring, predictions
from tenure.predictions import Answered, LoggedVersion
from tenure.predictions.frames import FrameFile
from tenure.predictions.schema import lines_of, version_line
from tenure.records import Column, Measure, Reading
from tenure.registry import close_ledger, open_ledger
from tenure.workspace import Workspace, open_workspace
from tests.unit.training.houses import House
from tests.unit.training.houses import rows as plain_rows

PROJECT = Path(__file__).parents[3]
ACTOR = "automation:test"
MODEL = "fraud"
BATCHES, ROWS = 12, 200
KINDS = np.array(["food", "fuel", "toys"], dtype=object)
CANARY = "</script><script>alert(1)</script>"


def rows(count: int = ROWS, seed: int = 0, *, day: int = 0) -> pd.DataFrame:
    """Rows with three features that tell the target, a kind, and a column that stands still."""
    frame = plain_rows(count, seed, day=day)[["at", "a", "b", "c", "y"]]
    draw = np.random.default_rng(seed + 10_000)
    frame.insert(4, "kind", pd.Categorical(KINDS[draw.choice(3, count, p=[0.6, 0.3, 0.1])]))
    frame.insert(5, "still", 7.0)
    return frame


class Watched(House):
    """A model whose spec a test may change and whose windows it reads."""

    def watch(self, **sections: Any) -> None:
        """Change sections of the spec, such as monitoring={"min_rows": 50}."""
        file = self.workspace.models_folder / f"{self.name}.yaml"
        spec = yaml.safe_load(file.read_text())
        for name, said in sections.items():
            spec[name] = {**spec.get(name, {}), **said}
        file.write_text(yaml.safe_dump(spec))

    def due(self) -> list[Any]:
        return monitoring.due_windows(self.name, self.workspace)

    def read(self) -> list[Reading]:
        """Read every due window and put the readings on record."""
        found = [monitoring.read_window(self.name, each, self.workspace) for each in self.due()]
        for each in found:
            monitoring.judge(each, self.workspace, actor=ACTOR)
        return found

    def seen(self, frame: pd.DataFrame) -> Reading:
        """Accept a frame as the next batch, and read the window that it makes."""
        self.add(frame)
        [reading] = self.read()
        return reading

    def keep(self, number: int = 1) -> Any:
        from tenure.monitoring.references import load_reference

        kept = monitoring.keep_reference(self.name, number, self.workspace, actor=ACTOR)
        return load_reference(kept, self.workspace)


def house(workspace: Workspace) -> Watched:
    made = Watched(workspace, MODEL)
    made.spec = {"data": {"time": {"columns": ["at"]}}}
    return made


def build(root: Path) -> None:
    """Make the workspace that tests copy: twelve batches, one version, in office."""
    for name in ("config/models", "config/expectations"):
        (root / name).mkdir(parents=True)
    workspace = open_workspace(root, project=PROJECT)
    made = house(workspace)
    made.write(
        "mixed",
        data={"time": {"columns": ["at"]}, "leave_out": ["at"]},
        evaluation={"primary": "accuracy"},
        training={"split": {"by": "random"}},
    )
    made.watch(monitoring={"min_rows": 100})
    for place in range(BATCHES):
        made.add(rows(seed=place, day=place))
    _, version = made.full_night()
    assert version == 1
    made.keep()
    close_ledger(workspace)


@contextmanager
def copied(template: Path, root: Path):
    shutil.copytree(template, root)
    workspace = open_workspace(root, project=PROJECT)
    try:
        yield house(workspace)
    finally:
        close_ledger(workspace)


def measure(reading: Reading, name: str, column: str | None = None) -> Measure:
    [found] = [one for one in reading.measures if (one.name, one.column) == (name, column)]
    return found


def drifted(reading: Reading) -> set[str]:
    return {one.column or "" for one in reading.measures if one.name == "drift" and one.drifted}


FEATURES = tuple(
    Column(name=name, type="category" if name == "kind" else "float64")
    for name in ("a", "b", "c", "kind", "still")
)


def log(
    workspace: Workspace,
    frame: pd.DataFrame,
    *,
    start: datetime,
    every: timedelta = timedelta(seconds=1),
    ids: Sequence[str] | None = None,
    inputs: Sequence[Column] = FEATURES,
    score: Any = None,
) -> list[str]:
    """Log predictions of version 1 for rows of a frame, one a second; return their ids."""
    of = LoggedVersion(model=MODEL, version=1, inputs=tuple(inputs), classes=(0, 1))
    made = list(ids or [f"{start:%d%H%M}-{place}" for place in range(len(frame))])
    likely = frame["y"].to_numpy() * 0.8 + 0.1 if score is None else np.asarray(score)
    file = FrameFile(predictions.spool_folder(workspace))
    columns = {each.name: frame[each.name].tolist() for each in inputs}
    entries = [
        Answered(
            of=of,
            epoch=1,
            slot="champion",
            at_us=int((start + place * every).timestamp() * 1e6),
            ids=[made[place]],
            inputs={each.name: [columns[each.name][place]] for each in inputs},
            predictions=[int(likely[place] > 0.5)],
            probabilities=[[1 - float(likely[place]), float(likely[place])]],
            latency_us=900,
        )
        for place in range(len(frame))
    ]
    file.append([version_line(of), *lines_of(entries)])
    file.close()
    return made


def now() -> datetime:
    return datetime.now(UTC)


def in_office_since(workspace: Workspace) -> datetime:
    slot = open_ledger(workspace).slot(MODEL)
    assert slot is not None
    return slot.since
