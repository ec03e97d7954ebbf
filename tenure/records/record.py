"""What does one line of the ledger's record say?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One line of the ledger's record, chained by digest to the one before it."""

    seq: int
    recorded_at: datetime
    as_of: datetime
    kind: str
    model: str | None
    actor: str
    reason: str
    evidence: str
    body: dict[str, Any] = field(default_factory=dict)
    previous: str = ""
    digest: str = ""
