from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import pytest

import tenure
from tenure.cli import building
from tenure.cli.checking import CheckResult
from tenure.errors import ModelNotFound
from tenure.workspace import Workspace
from tests.unit.cli.calling import Shell, digest_of_folder
from tests.unit.spec.specs import GOOD, RECIPE, write_recipe, write_spec

OWN = """\
from sklearn.preprocessing import FunctionTransformer
from sklearn.pipeline import make_pipeline as chain
from sklearn.tree import DecisionTreeClassifier


def double(rows):
    return rows * 2


def make():
    return chain(FunctionTransformer(double), DecisionTreeClassifier())
"""
SUITE = """\
expectations:
  - type: expect_column_values_to_be_between
    column: amount
    min_value: 0
"""


@pytest.fixture
def house(workspace: Workspace) -> Workspace:
    """A workspace with one right spec."""
    (workspace.root / "in" / "fraud").mkdir(parents=True)
    write_recipe(workspace)
    write_spec(workspace)
    return workspace


def test_a_right_spec_passes_and_says_what_chance_promotes(shell: Shell, house: Workspace) -> None:
    before = digest_of_folder(house.root)
    said = shell("check", "--strict")
    assert said.code == 0, said.out + said.err
    assert "1 spec: no mistakes." in said.out
    assert digest_of_folder(house.root) == before
    (one,) = shell("check", "--json").json["models"]
    assert one["task"] == "classification"
    assert one["estimator"] == "DecisionTreeClassifier"
    assert one["trainings_a_year"] == 365
    assert one["promotions_a_year"] == pytest.approx(365 * 0.0505, rel=0.01)


@pytest.mark.parametrize(
    ("gate", "promotions"),
    [
        ("{mode: dry_run}", 0.0),
        ("{mode: disabled}", 365.0),
        ("{z: 0.5, accept_noise: true}", 112.6),
        ("{z: 3.0}", 0.5),
    ],
)
def test_a_gate_costs_what_its_rule_promises(
    gate: str, promotions: float, shell: Shell, house: Workspace
) -> None:
    write_spec(house, GOOD.replace("gates:", f"gate: {gate}\n  gates:"))
    (one,) = shell("check", "--json").json["models"]
    assert one["promotions_a_year"] == pytest.approx(promotions, abs=0.1)


@dataclass(frozen=True)
class Case:
    """What is done to the right spec, its recipe and its suite; and what is said of it."""

    key: str
    got: str
    wanted: str
    line: int
    change: tuple[str, str] = ("", "")
    recipe: str = RECIPE
    suite: str | None = None
    file: str = "config/models/fraud.yaml"
    is_doubt: bool = False


CASES = {
    "no module": Case(
        key="training.pipeline",
        got="ModuleNotFoundError",
        wanted="a module 'nosuch' that can be imported",
        line=10,
        change=("recipes:make", "nosuch:make"),
    ),
    "a wrong parameter": Case(
        key="training.parameters",
        got="TypeError",
        wanted="what recipes:make takes",
        line=11,
        change=("recipes:make", "recipes:make\n  parameters: {deep: 1}"),
    ),
    "a lambda": Case(
        key="training.pipeline",
        got="lambda",
        wanted="another process can load",
        line=10,
        recipe=OWN.replace("FunctionTransformer(double)", "FunctionTransformer(lambda x: x)"),
    ),
    "code of one's own": Case(
        key="training.allow",
        got="a list without it",
        wanted="'recipes.double' in it",
        line=9,
        recipe=OWN,
    ),
    "a regressor for a class": Case(
        key="training.pipeline",
        got="classification",
        wanted="",
        line=10,
        change=("recipes:make", "recipes:make\n  task: classification"),
        recipe=RECIPE.replace("Classifier", "Regressor").replace(", class_weight=balance", ""),
    ),
    "an unknown metric": Case(
        key="evaluation.gates.average_precison",
        got="'average_precison'",
        wanted="a metric of classification",
        line=12,
        change=("average_precision", "average_precison"),
    ),
    "a metric of another task": Case(
        key="evaluation.primary",
        got="'r2'",
        wanted="a metric of classification",
        line=12,
        change=("evaluation:", "evaluation:\n  primary: r2"),
    ),
    "a slice floor with an unknown metric": Case(
        key="evaluation.slice_floors[0].metric",
        got="'acc'",
        wanted="a metric of classification",
        line=12,
        change=(
            "evaluation:",
            "evaluation:\n  slice_floors: [{column: card, metric: acc, at_least: 1}]",
        ),
    ),
    "a floor on what should be small": Case(
        key="evaluation.gates.log_loss",
        got="only at_least",
        wanted="at_most",
        line=12,
        change=("average_precision", "log_loss"),
        is_doubt=True,
    ),
    "a folder that is not there": Case(
        key="data.source",
        got="'in/scam'",
        wanted="a folder that is there",
        line=4,
        change=("in/fraud", "in/scam"),
        is_doubt=True,
    ),
    "a rule that does not exist": Case(
        key="expectations[0]",
        got="",
        wanted="",
        line=2,
        change=("owner:", "expectations: strict\nowner:"),
        suite=SUITE.replace("be_between", "be_betwen"),
        file="config/expectations/strict.yaml",
    ),
    "a rule on a column that is dropped": Case(
        key="expectations[0]",
        got="column 'amount'",
        wanted="a column that is stored",
        line=2,
        change=("owner:", "expectations: strict\nowner:"),
        suite=SUITE,
        file="config/expectations/strict.yaml",
    ),
}
DROPPED = ("  key: [card]", "  key: [card]\n  treat: {amount: drop}")


@pytest.mark.parametrize("case", CASES)
def test_what_needs_the_pipeline_or_the_suite_is_found(
    case: str, shell: Shell, house: Workspace
) -> None:
    it = CASES[case]
    write_recipe(house, it.recipe)
    text = GOOD.replace(*DROPPED) if "dropped" in case else GOOD
    write_spec(house, text.replace(*it.change, 1))
    if it.suite is not None:
        suite = house.expectations_folder / "strict.yaml"
        suite.write_text(it.suite, encoding="utf-8")
    before = digest_of_folder(house.root)
    said = shell("check", "--json")
    assert said.code == (0 if it.is_doubt else 2), said.err
    found = said.json["doubts" if it.is_doubt else "mistakes"]
    mine = [one for one in found if one["key"].startswith(it.key)]
    assert len(mine) == 1, found
    assert (mine[0]["file"], mine[0]["line"]) == (it.file, it.line)
    assert it.got in mine[0]["got"]
    assert it.wanted in mine[0]["wanted"]
    assert shell("check", "--strict").code == (1 if it.is_doubt else 2)
    assert digest_of_folder(house.root) == before


def test_own_code_that_is_allowed_passes(shell: Shell, house: Workspace) -> None:
    write_recipe(house, OWN)
    write_spec(house, GOOD.replace("recipes:make", "recipes:make\n  allow: [recipes.double]"))
    assert shell("check").code == 0


def test_every_mistake_of_every_spec_is_printed_at_once(shell: Shell, house: Workspace) -> None:
    write_spec(house, GOOD.replace("owner:", "ownr:").replace("0 2 * * *", "never"))
    write_spec(house, GOOD.replace("name: fraud", "name: scam").replace("make", "mak"), "scam")
    said = shell("check")
    assert said.code == 2
    assert "config/models/fraud.yaml:2: ownr: got an unknown key" in said.out
    assert "config/models/scam.yaml:10: training.pipeline: got 'recipes' without a function" in (
        said.out
    )
    assert "Nothing was changed." in said.out
    only = shell("check", "scam")
    assert "fraud.yaml" not in only.out
    assert only.code == 2


def test_two_models_that_read_the_same_batches_are_doubtful(shell: Shell, house: Workspace) -> None:
    write_spec(house, GOOD.replace("name: fraud", "name: scam"), "scam")
    said = shell("check", "--json")
    assert said.code == 0
    assert {(one["file"], one["line"]) for one in said.json["doubts"]} == {
        ("config/models/fraud.yaml", 4),
        ("config/models/scam.yaml", 4),
    }


def test_what_a_recipe_prints_does_not_spoil_the_json(shell: Shell, house: Workspace) -> None:
    write_recipe(house, "print('hello from the recipe')\n" + RECIPE)
    said = shell("check", "--json")
    assert said.json["mistakes"] == []
    assert "hello" in said.err


@pytest.mark.parametrize(
    "recipe",
    [
        "import time\nwhile True: time.sleep(60)\n",
        "while True: pass\n",
        "import subprocess\nsubprocess.run(['sleep', '600'])\n",
        "def make():\n    while True: pass\n",
    ],
    ids=["sleeps", "works", "waits for another", "in the function"],
)
def test_a_recipe_that_never_ends_is_one_mistake_among_the_others(
    recipe: str, shell: Shell, house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "LIMIT_S", 2.0)
    write_recipe(house, recipe, "endless")
    write_spec(
        house, GOOD.replace("name: fraud", "name: scam").replace("recipes", "endless"), "scam"
    )
    said = shell("check", "--json")
    assert said.code == 2
    (mistake,) = said.json["mistakes"]
    assert (mistake["file"], mistake["line"]) == ("config/models/scam.yaml", 10)
    assert mistake["key"] == "training.pipeline"
    assert mistake["got"] == "no end within 2 s"
    assert "'endless:make'" in mistake["wanted"]
    right = {one["model"]: one["is_right"] for one in said.json["models"]}
    assert right == {"fraud": True, "scam": False}


@pytest.mark.parametrize(
    "recipe",
    ["import os\nos._exit(3)\n", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"],
    ids=["leaves", "is killed"],
)
def test_a_recipe_that_ends_its_process_is_a_mistake(
    recipe: str, shell: Shell, house: Workspace
) -> None:
    write_recipe(house, recipe)
    said = shell("check", "--json")
    assert said.code == 2
    (mistake,) = said.json["mistakes"]
    assert "ended" in mistake["got"]
    write_recipe(house)
    assert shell("check").code == 0


def test_a_check_imports_nothing_of_a_user_into_this_process(
    shell: Shell, house: Workspace
) -> None:
    write_recipe(house, RECIPE, "only_elsewhere")
    write_spec(house, GOOD.replace("recipes", "only_elsewhere"))
    assert shell("check").code == 0
    assert "only_elsewhere" not in sys.modules


@pytest.mark.parametrize(
    ("time", "is_doubt"),
    [
        ("", True),
        ("leave_out: [at]", False),
        ("treat: {at: drop}", False),
        ("time: {columns: [at]}", False),
    ],
    ids=["a feature", "left out", "dropped", "the time"],
)
def test_a_date_that_becomes_a_feature_is_doubtful(
    time: str, is_doubt: bool, shell: Shell, house: Workspace
) -> None:
    write_spec(house, GOOD.replace("time: {columns: [at]}", time or "format: auto"))
    said = shell("check", "--json")
    assert said.code == 0, said.out
    found = [one for one in said.json["doubts"] if one["key"] == "data.columns.at"]
    assert len(found) == is_doubt
    assert all("data.time: {columns: [at]}" in one["wanted"] for one in found)


def test_a_model_that_is_not_there(shell: Shell, house: Workspace) -> None:
    said = shell("check", "fraudd", "--json")
    assert (said.code, said.error["code"]) == (2, "ModelNotFound")
    with pytest.raises(ModelNotFound):
        tenure.check("fraudd", workspace=house.root)


def test_no_spec_at_all_is_no_mistake(shell: Shell) -> None:
    said = shell("check")
    assert said.code == 0
    assert "There is no spec yet" in said.out


def test_the_schema_explains_every_key_and_accepts_what_check_accepts(
    shell: Shell, house: Workspace
) -> None:
    import jsonschema

    from tenure.spec.document import read_document

    schema: dict[str, Any] = shell("check", "--schema", "--json").json
    assert "yaml-language-server" in schema["$comment"]
    for section in (schema, *schema["$defs"].values()):
        assert section.get("description")
        for name, key in section["properties"].items():
            reference = key.get("$ref", "")
            assert key.get("description") or schema["$defs"][reference.split("/")[-1]], name
    validator = jsonschema.Draft202012Validator(schema)
    document = read_document(house.models_folder / "fraud.yaml", "fraud.yaml")
    assert list(validator.iter_errors(document.value)) == []
    document.value["ownr"] = "x"
    assert list(validator.iter_errors(document.value)) != []


def test_the_function_returns_records(house: Workspace) -> None:
    found = tenure.check(workspace=house.root)
    assert isinstance(found, CheckResult)
    assert [one.model for one in found.models] == ["fraud"]
    assert found.mistakes == ()
