"""Is an automation silent although it is enabled?

`reconcile` starts what no event did, and counts here for which rows of the ledger it had to: rows
that were told as events, and after which no run of the automation came. What was counted may be
lost; then it is counted anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun

from tasks.automations import TRIGGERS
from tenure.records import AuditRow
from tenure.registry import open_ledger
from tenure.workspace import Workspace

TIMES = 3
"""So many runs that did not come make an alarm."""
PAGE = 200


def made_up_for(automation: str, model: str, workspace: Workspace) -> None:
    """Count that `reconcile` started a run of a model that an automation should have started.

    Only for a row whose event was sent; the same row counts once.
    """
    row = _trigger(automation, model, workspace)
    if row is None or row.seq in {each.seq for each in open_ledger(workspace).unsent()}:
        return
    counted = _read(automation, workspace)
    if row.seq not in counted.get("rows", []):
        since = counted.get("since") or row.recorded_at.isoformat()
        _write(automation, {"since": since, "rows": [*counted.get("rows", []), row.seq]}, workspace)


def counted(automation: str, workspace: Workspace) -> int:
    """Return how many runs of an automation were made up for since its last own."""
    return len(_read(automation, workspace).get("rows", []))


def silent(workspace: Workspace) -> dict[str, str]:
    """Return what is to be said of each automation that stays silent; forget one that is back.

    Raises:
        httpx.HTTPError: the server does not answer.
    """
    said = {}
    for automation, trigger in TRIGGERS.items():
        counted = _read(automation, workspace)
        if not counted:
            continue
        since = datetime.fromisoformat(counted["since"])
        if any(_is_by(run, automation) for run in _runs(trigger.verb, since)):
            forget([automation], workspace)
        elif len(counted["rows"]) >= TIMES:
            said[automation] = (
                f"it is enabled and silent: {len(counted['rows'])} runs that it should have "
                f"started since {since:%Y-%m-%d %H:%M} UTC were made up for"
            )
    return said


def forget(automations: Iterable[str], workspace: Workspace) -> None:
    """Count anew: who is gone or disabled cannot be silent."""
    for automation in automations:
        _file(automation, workspace).unlink(missing_ok=True)


def _trigger(automation: str, model: str, workspace: Workspace) -> AuditRow | None:
    kinds = TRIGGERS[automation].kinds
    return next(iter(open_ledger(workspace).happenings(model, kinds, limit=1)), None)


def _runs(verb: str, since: datetime) -> list[FlowRun]:
    after: Any = since
    started = FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(after_=after))
    of_verb = DeploymentFilter(name=DeploymentFilterName(any_=[verb]))
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_run_filter=started, deployment_filter=of_verb, limit=PAGE)


def _is_by(run: FlowRun, automation: str) -> bool:
    by = run.created_by
    return by is not None and by.type == "AUTOMATION" and by.display_value == automation


def _read(automation: str, workspace: Workspace) -> dict[str, Any]:
    try:
        return orjson.loads(_file(automation, workspace).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}


def _write(automation: str, counted: dict[str, Any], workspace: Workspace) -> None:
    file = _file(automation, workspace)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".fresh")
    fresh.write_bytes(orjson.dumps(counted))
    fresh.replace(file)


def _file(automation: str, workspace: Workspace) -> Path:
    return workspace.state / "checks" / "silent" / f"{automation}.json"
