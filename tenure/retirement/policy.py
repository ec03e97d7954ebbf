"""What does the spec in force say about retiring, where there is a spec at all?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenure.errors import TenureError
from tenure.records import digest_of
from tenure.registry.specs import spec_digest, spec_in_force, spec_to_act_by
from tenure.spec.loop import DecisionsSpec, RetirementSpec

if TYPE_CHECKING:
    from tenure.spec.model import ModelSpec
    from tenure.workspace import Workspace


def spec_of(model: str, workspace: Workspace) -> ModelSpec | None:
    """Return the spec in force, or None where the model has none that can be read."""
    try:
        return spec_in_force(model, workspace)
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


def kept_spec(model: str, workspace: Workspace, *, actor: str) -> str:
    """Keep the spec in force, the standing approval that automation acts under; return its digest.

    Where there is none that can be read, the digest says so.
    """
    try:
        return spec_digest(spec_to_act_by(model, workspace, actor=actor))
    except TenureError:
        return digest_of({"without a spec": model})
