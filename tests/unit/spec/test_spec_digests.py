from __future__ import annotations

import pickle

import pytest

from tenure.records import digest_of
from tenure.registry import open_store
from tenure.spec import frozen, frozen_digest, load_spec, training_digest
from tenure.workspace import Workspace
from tests.unit.spec.specs import GOOD, write_spec

# What is changed in GOOD → whether the frozen spec and the recipe change
CHANGES = {
    "owner": ("risk@bank.example", "ops@bank.example", False, False),
    "schedule": ("0 2 * * *", "0 3 * * *", False, False),
    "source": ("in/fraud", "in/scam", True, False),
    "span": ("recipes:make", "recipes:make\n  spans: [8 weeks]", True, False),
    "checks": ("recipes:make", "recipes:make\n  checks: {min_rows: 9}", True, False),
    "gate": ("at_least: 0.6", "at_least: 0.7", True, False),
    "pipeline": ("recipes:make", "recipes:other", True, True),
    "parameters": ("recipes:make", "recipes:make\n  parameters: {depth: 4}", True, True),
    "seed": ("recipes:make", "recipes:make\n  seed: 7", True, True),
    "split": ("recipes:make", "recipes:make\n  split: {test_share: 0.2}", True, True),
    "features": ("  key: [card]", "  key: [card]\n  leave_out: [amount]", True, True),
    "types": ("amount: float64", "amount: int64", True, True),
    "a comment": ("owner:", "# hello\nowner:", False, False),
    "a default written out": ("recipes:make", "recipes:make\n  seed: 42", False, False),
}


@pytest.mark.parametrize("case", CHANGES)
def test_digests_change_with_what_they_name(case: str, workspace: Workspace) -> None:
    old, new, is_frozen, is_recipe = CHANGES[case]
    write_spec(workspace)
    before = load_spec("fraud", workspace)
    write_spec(workspace, GOOD.replace(old, new, 1))
    now = load_spec("fraud", workspace)
    assert (frozen_digest(before) != frozen_digest(now)) is is_frozen
    assert (training_digest(before) != training_digest(now)) is is_recipe


def test_the_suites_content_is_frozen_and_its_comments_are_not(workspace: Workspace) -> None:
    write_spec(workspace, GOOD.replace("owner:", "expectations: strict\nowner:"))
    suite = workspace.expectations_folder / "strict.yaml"
    digests = []
    for text in ("a: 1\n", "a: 1  # why\n", "a: 2\n"):
        suite.write_text(text, encoding="utf-8")
        digests.append(frozen_digest(load_spec("fraud", workspace)))
    assert digests[0] == digests[1] != digests[2]


def test_the_frozen_spec_is_kept_under_its_digest(workspace: Workspace) -> None:
    write_spec(workspace, GOOD.replace("recipes:make", "recipes:make\n  parameters: {w: {0: 1}}"))
    spec = load_spec("fraud", workspace)
    assert open_store(workspace).put_json(frozen(spec)) == frozen_digest(spec)
    assert digest_of(open_store(workspace).get_json(frozen_digest(spec))) == frozen_digest(spec)


def test_a_spec_travels_to_another_process_with_its_suite(workspace: Workspace) -> None:
    write_spec(workspace, GOOD.replace("owner:", "expectations: strict\nowner:"))
    (workspace.expectations_folder / "strict.yaml").write_text("a: 1\n", encoding="utf-8")
    spec = load_spec("fraud", workspace)
    twin = pickle.loads(pickle.dumps(spec))
    assert frozen_digest(twin) == frozen_digest(spec)
    assert twin.suite == {"a": 1}
