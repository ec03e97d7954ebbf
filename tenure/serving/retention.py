"""Which days of the log are over, by today's specs?

The row in the ledger comes first: whoever is killed between the two finds it there, and removes
what it names the next time.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tenure.errors import TenureError
from tenure.predictions.keeping import LEAST_DAYS, Removed, kept_models, overdue, remove
from tenure.records import to_json
from tenure.registry import open_ledger
from tenure.registry.opening import format_file
from tenure.spec import load_spec
from tenure.workspace import Workspace

RECORD = "log_removed"


def keep_to_retention(
    workspace: Workspace, *, actor: str, now: datetime | None = None
) -> list[Removed]:
    """Take away what is older than the specs want, each removal on record; return it.

    Args:
        workspace: whose logs.
        actor: who does it.
        now: the real time; a simulated clock deletes nothing.
    """
    if not format_file(workspace).exists():
        return []
    at = now or datetime.now(UTC)
    done = []
    for model in sorted(kept_models(workspace)):
        for each in overdue(model, _keep_days(model, workspace), workspace, at):
            open_ledger(workspace).note(
                RECORD,
                model=model,
                actor=actor,
                reason=f"{len(each.days)} day(s) of {each.kind} before {each.until} were deleted.",
                evidence=each.digest,
                body=to_json(each),
            )
            remove(each, workspace)
            done.append(each)
    return done


def _keep_days(model: str, workspace: Workspace) -> int:
    try:
        return load_spec(model, workspace).deployment.serving.log_keep_days
    except TenureError:
        return LEAST_DAYS
