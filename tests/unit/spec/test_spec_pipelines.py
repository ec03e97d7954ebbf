from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tenure.errors import BadSpec
from tenure.spec import build_pipeline, import_pipeline, load_spec
from tenure.workspace import Workspace, open_workspace
from tests.unit.spec.specs import GOOD, RECIPE, write_recipe, write_spec


def spec_of(workspace: Workspace, pipeline: str = "recipes:make", parameters: str = "{}"):
    write_spec(
        workspace,
        GOOD.replace("recipes:make", f"{pipeline}\n  parameters: {parameters}"),
    )
    return load_spec("fraud", workspace)


def test_a_function_of_the_workspace_becomes_an_estimator(workspace: Workspace) -> None:
    write_recipe(workspace)
    estimator = build_pipeline(spec_of(workspace, parameters="{depth: 5}"), workspace)
    assert estimator.max_depth == 5
    assert not hasattr(estimator, "tree_")


def test_a_package_of_the_workspace_is_importable(workspace: Workspace) -> None:
    (workspace.root / "models").mkdir()
    (workspace.root / "models" / "fraud.py").write_text(RECIPE, encoding="utf-8")
    assert import_pipeline(spec_of(workspace, "models.fraud:make"), workspace).__name__ == "make"


# pipeline, parameters, source → key, got, wanted or hint
BAD = {
    "no module": ("nosuch:make", "{}", RECIPE, "training.pipeline", "ModuleNotFoundError"),
    "no function": ("recipes:mak", "{}", RECIPE, "training.pipeline", "without a function 'mak'"),
    "no such parameter": (
        "recipes:make", "{deep: 1}", RECIPE, "training.parameters", "unexpected keyword",
    ),
    "raises": (
        "recipes:make", "{}", "def make():\n    raise ValueError('bad depth')\n",
        "training.parameters", "ValueError at recipes.py:2: bad depth",
    ),
    "leaves": ("recipes:make", "{}", "raise SystemExit(0)\n", "training.pipeline", "SystemExit"),
    "fails below": (
        "recipes:make", "{}", "import nosuchlibrary\n", "training.pipeline",
        "ModuleNotFoundError at recipes.py:1: No module named 'nosuchlibrary'",
    ),
    "a syntax error": (
        "recipes:make", "{}", "def make(:\n", "training.pipeline", "SyntaxError at recipes.py:1",
    ),
    "a class instead of an estimator": (
        "recipes:make", "{}",
        "def make():\n    from sklearn.tree import DecisionTreeClassifier as T\n    return T\n",
        "training.pipeline", "the class DecisionTreeClassifier",
    ),
    "no estimator": ("recipes:make", "{}", "def make():\n    return 3\n", "training.pipeline",
                     "a int"),
    "a fitted one": (
        "recipes:make", "{}",
        "def make():\n    from sklearn.dummy import DummyClassifier\n"
        "    return DummyClassifier().fit([[1], [2]], [0, 1])\n",
        "training.pipeline", "a fitted DummyClassifier",
    ),
    "a module of Python itself": ("calendar:monthrange", "{}", None, "training.parameters",
                                  "TypeError"),
    "an installed module's name": ("calendar:make", "{}", "shadow", "training.pipeline",
                                   "'calendar', the name of an installed module"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_built_says_what_and_where(case: str, workspace: Workspace) -> None:
    pipeline, parameters, source, key, got = BAD[case]
    if source == "shadow":
        write_recipe(workspace, RECIPE, "calendar")
    elif source is not None:
        write_recipe(workspace, source)
    spec = spec_of(workspace, pipeline, parameters)
    with pytest.raises(BadSpec) as caught:
        build_pipeline(spec, workspace)
    (mistake,) = caught.value.facts["mistakes"]
    assert (mistake["file"], mistake["key"]) == ("config/models/fraud.yaml", key)
    assert got in mistake["got"]


def test_an_interrupt_is_no_mistake(workspace: Workspace) -> None:
    write_recipe(workspace, "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        import_pipeline(spec_of(workspace), workspace)


def test_two_workspaces_with_modules_of_one_name_are_kept_apart(
    workspace: Workspace, tmp_path: Path
) -> None:
    other_root = tmp_path / "other"
    (other_root / "config" / "models").mkdir(parents=True)
    other = open_workspace(other_root, project=workspace.project)
    write_recipe(workspace)
    write_recipe(other, RECIPE.replace("depth=3", "depth=9"))
    assert build_pipeline(spec_of(workspace), workspace).max_depth == 3
    assert build_pipeline(spec_of(other), other).max_depth == 9
    assert build_pipeline(spec_of(workspace), workspace).max_depth == 3
    assert str(other_root) not in sys.path


def test_what_is_installed_is_never_replaced(workspace: Workspace) -> None:
    write_recipe(workspace, "raise RuntimeError\n", "calendar")
    write_recipe(workspace)
    before = sys.modules.get("calendar")
    import_pipeline(spec_of(workspace), workspace)
    import calendar

    assert before in (None, calendar)
    assert calendar.monthrange(2026, 2) == (6, 28)
