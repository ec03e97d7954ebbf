"""Do the automations still work, which start runs by event?

`reconcile` makes up for one that is disabled, deleted or fails, so nothing is lost but time; people
are told, since nobody else would notice. `deployments` makes the automations, under these names.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
from prefect import task
from prefect.client.orchestration import get_client

from tasks.policy import RETRIED, telling_little
from tenure.spec import read_all
from tenure.workspace import Workspace

log = logging.getLogger(__name__)

INGEST, TRAIN, MONITOR = "tenure-ingest", "tenure-train", "tenure-monitor"
RETRAIN, RETIRE, HALT = "tenure-retrain", "tenure-retire", "tenure-halt"
ALARM, ZOMBIES = "tenure-alarm", "tenure-crash-zombies"
STARTING = (INGEST, TRAIN, MONITOR, RETRAIN, RETIRE, HALT)
EVERY = (*STARTING, ALARM, ZOMBIES)
NEEDED = {INGEST, RETRAIN, RETIRE, HALT, ALARM, ZOMBIES}
"""Those that there are whatever the specs say, as soon as there is a model."""

WARNING = "tenure.automation_silent"
GONE = "it is gone; `tenure sync` makes it again"
OFF = "it is disabled; what it would start comes up to a minute late"


@task(name="look after automations", task_run_name="watchdog", timeout_seconds=120, **RETRIED)
@telling_little
def look(alarm: str, workspace: Workspace) -> list[dict[str, Any]]:
    """Return a line for each automation that does not do its work.

    Args:
        alarm: what Prefect said of one whose action failed, or nothing.
        workspace: whose models need them.
    """
    lines = [_line(alarm.partition(":")[0], alarm)] if alarm else []
    if any(reading.spec for reading in read_all(workspace)):
        lines += [_line(name, trouble) for name, trouble in _troubles().items()]
    for line in lines:
        log.error("Automation %s: %s", line["because of"], line["done"])
    _warn({line["because of"]: line["done"] for line in lines}, workspace)
    return lines


def _warn(troubles: dict[str, str], workspace: Workspace) -> None:
    """Send an event for each trouble, by which people can be told; once an hour, under one id."""
    if not troubles:
        return
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0).isoformat()
    events = [
        {
            "id": str(uuid5(NAMESPACE_URL, f"{workspace.root}:{hour}:{name}:{trouble}")),
            "occurred": hour,
            "event": WARNING,
            "resource": {
                "prefect.resource.id": f"tenure.automation.{name}",
                "prefect.resource.name": name,
            },
            "payload": {"automation": name, "reason": trouble},
        }
        for name, trouble in troubles.items()
    ]
    try:
        with get_client(sync_client=True) as client:
            client.request("POST", "/events", json=events)
    except httpx.HTTPError as error:
        log.warning("Nobody was warned by an event: %s", type(error).__name__)


def states() -> dict[str, bool]:
    """Return which automations the server has, and whether each is enabled.

    Raises:
        httpx.HTTPError: the server does not answer.
    """
    with get_client(sync_client=True) as client:
        return {one.name: one.enabled for one in client.read_automations()}


def _troubles() -> dict[str, str]:
    try:
        found = states()
    except httpx.HTTPError as error:
        log.warning("Nobody knows how the automations are: %s", error)
        return {}
    gone = dict.fromkeys(sorted(NEEDED - found.keys()), GONE)
    off = {name: OFF for name in sorted(found) if name in EVERY and not found[name]}
    return gone | off


def _line(name: str, trouble: str) -> dict[str, Any]:
    return {"model": "", "verb": "automation", "because of": name, "done": trouble}
