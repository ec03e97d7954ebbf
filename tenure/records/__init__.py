"""What flows between stages: frozen values that carry identities, never frames.

Each record carries the identity of the one before it, so lineage reads from either end:
Batch → Staged → ValidationReport → Snapshot → TrainingSet → Candidate → Evaluation → Version
→ Assignment.
Digests are lower-case sha256 in hexadecimal. Times are aware, in UTC. Order comes from `seq`.
"""

from __future__ import annotations

from tenure.records.data import (
    AskedRule,
    Batch,
    BatchState,
    Column,
    Outcome,
    Snapshot,
    Staged,
    ValidationReport,
    Violation,
    ViolationKind,
)
from tenure.records.loop import (
    Action,
    Approval,
    Case,
    CaseState,
    CaseStep,
    Cause,
    Decision,
    Halt,
    Measure,
    Reading,
    RetirementRecord,
    Severity,
    Window,
)
from tenure.records.record import AuditRow
from tenure.records.rollout import Rollout, RolloutState, RolloutStep
from tenure.records.values import canonical, digest_of, from_json, to_json
from tenure.records.versions import (
    Assignment,
    Candidate,
    Comparison,
    Evaluation,
    GateCheck,
    GateVerdict,
    Lineage,
    MetricValue,
    Slot,
    Stage,
    TrainingSet,
    Version,
)

__all__ = [
    "Action",
    "Approval",
    "AskedRule",
    "Assignment",
    "AuditRow",
    "Batch",
    "BatchState",
    "Candidate",
    "Case",
    "CaseState",
    "CaseStep",
    "Cause",
    "Column",
    "Comparison",
    "Decision",
    "Evaluation",
    "GateCheck",
    "GateVerdict",
    "Halt",
    "Lineage",
    "Measure",
    "MetricValue",
    "Outcome",
    "Reading",
    "RetirementRecord",
    "Rollout",
    "RolloutState",
    "RolloutStep",
    "Severity",
    "Slot",
    "Snapshot",
    "Stage",
    "Staged",
    "TrainingSet",
    "ValidationReport",
    "Version",
    "Violation",
    "ViolationKind",
    "Window",
    "canonical",
    "digest_of",
    "from_json",
    "to_json",
]
