"""What does today's spec say about retiring, where there is a spec at all?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenure.errors import TenureError
from tenure.records import digest_of
from tenure.spec import load_spec
from tenure.spec.loop import DecisionsSpec, RetirementSpec

if TYPE_CHECKING:
    from tenure.spec.model import ModelSpec
    from tenure.workspace import Workspace


def spec_of(model: str, workspace: Workspace) -> ModelSpec | None:
    """Return today's spec, or None where the model has none that can be read."""
    try:
        return load_spec(model, workspace)
    except TenureError:
        return None


def retirement_of(model: str, workspace: Workspace) -> RetirementSpec:
    """Return how versions of a model are retired; the defaults without a spec."""
    spec = spec_of(model, workspace)
    return spec.retirement if spec else RetirementSpec()


def decisions_of(model: str, workspace: Workspace) -> DecisionsSpec:
    """Return what holds a decision back; the defaults without a spec."""
    spec = spec_of(model, workspace)
    return spec.decisions if spec else DecisionsSpec()


def spec_digest(model: str, workspace: Workspace) -> str:
    """Return the digest of today's whole spec, the standing approval that automation acts under."""
    spec = spec_of(model, workspace)
    return digest_of(spec.model_dump(mode="json") if spec else {"orphaned": model})
