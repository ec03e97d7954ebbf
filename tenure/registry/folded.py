"""Which shape has the ledger's state where it is folded from the record, or read to be compared?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Facts = dict[str, Any]


@dataclass(slots=True)
class State:
    """The state tables as plain values; each table maps a key to what stands there.

    Immutable records stand for themselves by the digest of their JSON.
    """

    batches: dict[str, Facts] = field(default_factory=dict)
    contracts: dict[str, Facts] = field(default_factory=dict)
    snapshots: dict[str, Facts] = field(default_factory=dict)
    candidates: dict[str, Facts] = field(default_factory=dict)
    evaluations: dict[str, Facts] = field(default_factory=dict)
    versions: dict[str, Facts] = field(default_factory=dict)
    slots: dict[str, Facts] = field(default_factory=dict)
    assignments: dict[str, Facts] = field(default_factory=dict)
    version_references: dict[str, Facts] = field(default_factory=dict)
    readings: dict[str, Facts] = field(default_factory=dict)
    decisions: dict[str, Facts] = field(default_factory=dict)
    cases: dict[str, Facts] = field(default_factory=dict)
    rollouts: dict[str, Facts] = field(default_factory=dict)
    halts: dict[str, Facts] = field(default_factory=dict)

    def tables(self) -> dict[str, dict[str, Facts]]:
        """Return every table by its name."""
        return {name: getattr(self, name) for name in self.__slots__}


def key(*parts: object) -> str:
    """Return a table's key as one text."""
    return "/".join(str(part) for part in parts)
