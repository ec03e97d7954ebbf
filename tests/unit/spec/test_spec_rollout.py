"""The steps of a rollout are checked where they are written."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tenure.errors import BadSpec
from tenure.spec import load_spec
from tenure.spec.rollout import RolloutSpec
from tenure.workspace import Workspace
from tests.unit.spec.specs import GOOD, write_spec


def rolled(workspace: Workspace, steps: str) -> RolloutSpec | None:
    write_spec(workspace, f"{GOOD}deployment: {{rollout: {{steps: {steps}}}}}\n")
    return load_spec("fraud", workspace).deployment.rollout


def test_steps_become_shares(workspace: Workspace) -> None:
    found = rolled(workspace, "[shadow, 0.05, 0.5]")
    assert found is not None
    assert found.shares == (0.0, 0.05, 0.5)
    assert RolloutSpec().shares == (0.0, 0.01, 0.1, 0.5)


@pytest.mark.parametrize("steps", ["[0.5, 0.1]", "[0.1, shadow]", "[]", "[1.0]", "[0]", "[half]"])
def test_steps_that_make_no_way_are_refused(workspace: Workspace, steps: str) -> None:
    with pytest.raises(BadSpec) as refused:
        rolled(workspace, steps)
    assert "steps" in str(refused.value)


def test_limits_are_bounded() -> None:
    for wrong in ({"max_error_share": 1.1}, {"max_latency_ratio": 0.5}, {"min_requests": 0}):
        with pytest.raises(ValidationError):
            RolloutSpec.model_validate(wrong)
