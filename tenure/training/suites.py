"""Were all batches of a training set judged by the expectations that hold today?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenure.errors import ObjectMissing
from tenure.records import Snapshot, digest_of
from tenure.registry import Store, open_store
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace

BUILT_IN = "built-in"
MOST_NAMED = 5


def other_suites(
    spec: ModelSpec, snapshots: Sequence[Snapshot], workspace: Workspace
) -> str | None:
    """Return a sentence about batches that another suite let in, None where there are none.

    They are trained on: what was accepted stays accepted. A batch whose report is gone is passed
    over, `verify` names it.
    """
    store = open_store(workspace)
    today = BUILT_IN if spec.suite is None else digest_of(spec.suite)
    suites = {each.seq: _suite_of(each, store) for each in snapshots}
    others = sorted(seq for seq, suite in suites.items() if suite not in (None, today))
    if not others:
        return None
    named = ", ".join(map(str, others[:MOST_NAMED]))
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    by = sorted({_short(suites[seq]) for seq in others})
    return (
        f"{len(others)} of {len(snapshots)} batches (numbers {named}{more} in the ledger) were "
        f"admitted under another expectation suite ({', '.join(by)}) than today's "
        f"({_short(today)})."
    )


def _suite_of(snapshot: Snapshot, store: Store) -> str | None:
    try:
        return str(store.get_json(snapshot.report)["suite"])
    except ObjectMissing:
        return None


def _short(suite: str | None) -> str:
    return BUILT_IN if suite in (None, BUILT_IN) else str(suite)[:12]
