"""Do the automations still work, which start runs by event?

`reconcile` makes up for one that is disabled, deleted or fails, so nothing is lost but time; people
are told, since nobody else would notice.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
from prefect import task
from prefect.client.orchestration import get_client
from prefect.events.filters import AutomationFilter, AutomationFilterName

from tasks import silence
from tasks.automations import ALARM, EVERY, NEEDED, ZOMBIES
from tasks.policy import RETRIED, telling_little
from tenure.spec import read_all
from tenure.telling.alarms import Kind, Trouble, note_troubles
from tenure.workspace import Workspace

log = logging.getLogger(__name__)

ACTOR = "system:reconcile"
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
    troubles: list[Trouble] = []
    name = alarm.partition(":")[0]
    if alarm and name not in (ALARM, ZOMBIES):
        said = alarm.removeprefix(f"{name}:").strip()
        troubles.append(Trouble(automation=name, kind=Kind.FAILED, text=said))
    found = _troubles(workspace) if any(one.spec for one in read_all(workspace)) else []
    troubles += found or []
    for each in troubles:
        log.error("Automation %s: %s", each.automation, each.text)
    note_troubles(troubles, workspace, actor=ACTOR, are_all=found is not None)
    _warn({each.automation: each.text for each in troubles}, workspace)
    return [_line(each.automation, each.text) for each in troubles]


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
    """Return which of our automations the server has, and whether each is enabled.

    Raises:
        httpx.HTTPError: the server does not answer.
    """
    ours = AutomationFilter(name=AutomationFilterName(any_=list(EVERY)))
    with get_client(sync_client=True) as client:
        return {one.name: one.enabled for one in client.read_automations(automations=ours)}


def _troubles(workspace: Workspace) -> list[Trouble] | None:
    """Return what is wrong with the automations; None where nobody can say."""
    try:
        found = states()
        silence.forget((name for name in EVERY if not found.get(name)), workspace)
        quiet = silence.silent(workspace)
    except httpx.HTTPError as error:
        log.warning("Nobody knows how the automations are: %s", error)
        return None
    gone = [(name, Kind.GONE, GONE) for name in sorted(NEEDED - found.keys())]
    known = sorted(found)
    off = [(name, Kind.DISABLED, OFF) for name in known if not found[name]]
    silent = [(name, Kind.SILENT, quiet[name]) for name in known if found[name] and name in quiet]
    return [
        Trouble(automation=name, kind=kind, text=text) for name, kind, text in gone + off + silent
    ]


def _line(name: str, trouble: str) -> dict[str, Any]:
    return {"model": "", "verb": "automation", "because of": name, "done": trouble}
