"""What must be true now, if the record is true?

`fold` is pure: audit rows in, state out, with what in them could not lawfully have happened.
`read_state` reads the same shape from the tables; the two must be equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, select

from tenure.records import digest_of
from tenure.registry import tables
from tenure.registry.chain import Line
from tenure.registry.fold_steps import STEPS
from tenure.registry.folded import State, key

_KEYS = {
    "batches": ("model", "digest"),
    "contracts": ("model",),
    "snapshots": ("model", "digest"),
    "candidates": ("id",),
    "evaluations": ("digest",),
    "versions": ("model", "number"),
    "slots": ("model", "slot"),
    "assignments": ("model", "slot", "epoch"),
    "version_references": ("model", "version"),
    "readings": ("digest",),
    "decisions": ("id",),
    "cases": ("id",),
    "rollouts": ("id",),
    "halts": ("scope",),
}
_BY_DIGEST = ("record", "columns")


@dataclass(frozen=True, slots=True)
class Unlawful:
    """An audit row that could not have been written by the ledger's own rules."""

    seq: int
    says: str


def fold(lines: Iterable[Line]) -> tuple[State, list[Unlawful]]:
    """Return the state that a record leads to, and the rows in it that break the rules."""
    state, unlawful = State(), []
    for line in lines:
        step = STEPS.get(line.kind)
        if step is None:
            continue
        try:
            complaint = step(state, line, orjson.loads(line.body))
        except (KeyError, TypeError) as error:
            complaint = f"it names what was not there before ({error})"
        if complaint:
            unlawful.append(Unlawful(line.seq, complaint))
    return state, unlawful


def read_state(connection: Connection) -> State:
    """Return what the state tables say, in the shape of `fold`."""
    state = State()
    for name, found in state.tables().items():
        table = tables.metadata.tables[name]
        for row in connection.execute(select(table)).mappings():
            facts = {column: row[column] for column in row if column not in _KEYS[name]}
            for column in _BY_DIGEST:
                if column in facts:
                    facts[column] = _digest_of_text(facts[column])
            found[key(*(row[part] for part in _KEYS[name]))] = facts
    return state


def _digest_of_text(text: str) -> str:
    try:
        return digest_of(orjson.loads(text))
    except orjson.JSONDecodeError:
        return "not JSON"


def differences(folded: State, found: State) -> list[tuple[str, str, str]]:
    """Return where two states differ: table, key, and what about it."""
    different = []
    for name, wanted in folded.tables().items():
        there = found.tables()[name]
        for where in sorted({*wanted, *there}):
            if where not in there:
                different.append((name, where, "is missing"))
            elif where not in wanted:
                different.append((name, where, "has no audit row"))
            elif wanted[where] != there[where]:
                fields = [
                    field
                    for field in sorted({*wanted[where], *there[where]})
                    if wanted[where].get(field) != there[where].get(field)
                ]
                different.append((name, where, f"differs in {', '.join(fields)}"))
    return different
