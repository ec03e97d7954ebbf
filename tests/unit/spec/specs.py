"""Specs that are written for a test: a good one, and what is done to it."""

from __future__ import annotations

from pathlib import Path

from tenure.spec import Mistake, Reading, read_spec
from tenure.workspace import Workspace

GOOD = """\
name: fraud
owner: risk@bank.example
data:
  source: in/fraud
  target: is_fraud
  columns: {at: datetime, card: string, amount: float64, is_fraud: int64}
  time: {columns: [at]}
  key: [card]
training:
  pipeline: recipes:make
evaluation:
  gates: {average_precision: {at_least: 0.6}}
schedules: {train: "0 2 * * *"}
"""

RECIPE = """\
def make(depth=3, balance=None):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=depth, class_weight=balance)
"""


def write_spec(workspace: Workspace, text: str = GOOD, name: str = "fraud") -> Path:
    file = workspace.models_folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def write_recipe(workspace: Workspace, text: str = RECIPE, name: str = "recipes") -> None:
    (workspace.root / f"{name}.py").write_text(text, encoding="utf-8")


def read(workspace: Workspace, text: str, name: str = "fraud") -> Reading:
    return read_spec(write_spec(workspace, text, name), workspace)


def must_say(reading: Reading, key: str) -> Mistake:
    """Return the one mistake about a key of a spec that is refused."""
    assert reading.spec is None
    found = [one for one in reading.mistakes if one.key == key]
    assert len(found) == 1, [str(one) for one in reading.mistakes]
    assert found[0].file == "config/models/fraud.yaml"
    return found[0]
