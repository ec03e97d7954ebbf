"""What does the spec that was frozen with a version say about serving it?

A version names the digest of its frozen spec; the store holds that spec. Where it does not, today's
spec counts, and where there is none either, the log keeps no inputs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Literal

from tenure.errors import TenureError
from tenure.records import Version
from tenure.registry import open_ledger, open_store
from tenure.spec import load_spec
from tenure.spec.guarding import GuardsSpec
from tenure.spec.model import DataSpec, ServingSpec
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRules:
    """How requests to one version are treated and logged.

    Attributes:
        log: what the prediction log keeps.
        log_when_full: whether a prediction that the log cannot take is answered all the same.
        leave_out: input columns that the log never holds.
        guards: which rows and answers are held up.
        data: how rows are treated before anything is done with them, None if it is not known.
    """

    log: Literal["inputs", "outputs", "off"] = "outputs"
    log_when_full: Literal["drop", "refuse"] = "drop"
    leave_out: frozenset[str] = field(default_factory=frozenset)
    guards: GuardsSpec = field(default_factory=GuardsSpec)
    data: DataSpec | None = None

    @property
    def wants_shares(self) -> bool:
        """Whether probabilities are wanted whoever asks, for the log or for a guard."""
        return self.log != "off" or self.guards.low_confidence is not None


def rules_of(version: Version, workspace: Workspace) -> ServingRules:
    """Return the rules that were frozen with a version."""
    frozen = _frozen(version, workspace)
    if frozen is not None:
        serving = ServingSpec.model_validate(frozen["deployment"]["serving"])
        return _rules(serving, DataSpec.model_validate(frozen["data"]))
    try:
        spec = load_spec(version.model, workspace)
    except TenureError:
        _log.warning(
            "version %s of '%s' has no spec: inputs are not logged", version.number, version.model
        )
        return ServingRules()
    return _rules(spec.deployment.serving, spec.data)


def _rules(serving: ServingSpec, data: DataSpec) -> ServingRules:
    return ServingRules(
        log=serving.log,
        log_when_full=serving.log_when_full,
        leave_out=frozenset(serving.log_leave_out),
        guards=serving.guards,
        data=data,
    )


def _frozen(version: Version, workspace: Workspace) -> dict[str, Any] | None:
    candidate = open_ledger(workspace).candidate(version.candidate)
    if candidate is None:
        return None
    try:
        return open_store(workspace).get_json(candidate.lineage.spec)
    except TenureError:
        return None
