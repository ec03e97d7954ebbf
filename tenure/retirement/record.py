"""What stands in the last page of a version's life, and who signed it?

The record is canonical JSON in a signed envelope, kept in the store; the case names its digest.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from tenure.errors import CaseNotFound
from tenure.records import Case, RetirementRecord, canonical, from_json, to_json
from tenure.registry import open_ledger, open_store
from tenure.registry.signing import open_envelope, sign

if TYPE_CHECKING:
    from tenure.workspace import Workspace

CHECKLIST = {
    "case": "verify_successor",
    "approval": "verify_successor",
    "successor or fallback verified": "verify_successor",
    "slot moved": "move_slot",
    "who asked it lately": "settle_data",
    "copies out of reach named": "settle_data",
    "requests drained, memory given back": "drain",
    "schedules and monitors off": "turn_off",
    "artifact in the archive": "archive",
    "data, logs, quarantine and reports decided": "settle_data",
    "nothing serves it": "probe",
}
"""What decommissioning asks for, and the step that did it; a case closes with all of them."""


def put_record(case: Case, workspace: Workspace) -> tuple[str, str]:
    """Sign and keep the record of a retirement; return its digest and the case's outcome."""
    ledger = open_ledger(workspace)
    facts = {step.name: step.facts for step in case.steps}
    served_from, served_until = _office(case, workspace)
    now = workspace.clock.now()
    record = RetirementRecord(
        case=case.id,
        model=case.model,
        version=case.version,
        cause=case.cause,
        reason=case.reason,
        decided_by=case.opened_by,
        approvals=case.approvals,
        successor=facts["verify_successor"]["successor"],
        successor_kind=facts["verify_successor"]["kind"],
        epoch_before=facts["move_slot"]["epoch_before"],
        epoch_after=facts["move_slot"]["epoch_after"],
        served_from=served_from,
        served_until=served_until,
        steps=case.steps,
        kept=facts["settle_data"]["kept"],
        freed_bytes=facts["archive"]["freed_bytes"],
        memory_freed_bytes=facts["drain"]["memory_freed_bytes"],
        closed_at=now,
        asked=facts["settle_data"].get("asked", {}),
        copies=tuple(facts["settle_data"].get("copies", ())),
        checklist={name: step for name, step in CHECKLIST.items() if case.done(step)},
        head=str(ledger.head()),
    )
    digest = open_store(workspace).put_bytes(sign(canonical(to_json(record)), workspace))
    return digest, _outcome(record)


def load_record(case: Case, workspace: Workspace) -> RetirementRecord:
    """Return the signed record of a closed case.

    Raises:
        CaseNotFound: it has none.
        ArtifactRefused: its signature does not hold.
        ObjectMissing, ObjectDamaged: its bytes are not there, or not the same.
    """
    if case.record is None:
        raise CaseNotFound(case=case.id[:12])
    envelope = open_store(workspace).get_bytes(case.record)
    what = f"the retirement of version {case.version} of '{case.model}'"
    return from_json(RetirementRecord, orjson.loads(open_envelope(envelope, workspace, what)))


def _office(case: Case, workspace: Workspace) -> tuple[datetime | None, datetime | None]:
    """Return when the version last took office and when it left."""
    tenures = open_ledger(workspace).tenures(case.model)
    mine = [place for place, each in enumerate(tenures) if each.version == case.version]
    if not mine:
        return None, None
    after = tenures[mine[-1] + 1 : mine[-1] + 2]
    return tenures[mine[-1]].since, after[0].since if after else None


def _outcome(record: RetirementRecord) -> str:
    answers = {
        "in_office": f"version {record.successor} was in office already",
        "vacant": "the slot is vacant",
    }.get(record.successor_kind, f"version {record.successor} ({record.successor_kind}) answers")
    if record.successor is None and record.successor_kind == "in_office":
        answers = "the slot was vacant already"
    return f"Version {record.version} of '{record.model}' is retired; {answers}."
