"""How does the world learn what the ledger decided?

The ledger's outbox holds what was not told yet. An event goes by an HTTP call that the server
acknowledges, and only then does its row leave the outbox: told at least once, under one id.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import httpx
from prefect import task
from prefect.client.orchestration import get_client

from tasks.policy import RETRIED, telling_little
from tenure.records import AuditRow
from tenure.registry import open_ledger
from tenure.workspace import Workspace

log = logging.getLogger(__name__)

PAGE = 100
NONE = "none"


def as_event(row: AuditRow) -> dict[str, Any]:
    """Return a row as Prefect's event; every key is always there, automations need them."""
    resource = f"tenure.model.{row.model}" if row.model else "tenure"
    opened = row.body.get("opened") or {}
    state = row.body.get("state") or opened.get("state") or NONE
    return {
        "id": str(uuid5(NAMESPACE_URL, f"tenure:{row.digest}")),
        "occurred": row.recorded_at.isoformat(),
        "event": f"tenure.{row.kind}",
        "resource": {
            "prefect.resource.id": resource,
            "prefect.resource.name": row.model or "tenure",
            # Labels, since an automation can tell events apart by nothing else.
            "tenure.action": str(row.body.get("action") or NONE),
            "tenure.case-state": str(state),
        },
        "payload": {
            "model": row.model or "",
            "path": str(row.body.get("location", "")),
            "batch": str(row.body.get("batch", "")),
            "version": str(row.body.get("version", row.body.get("number", ""))),
            "case": str(row.body.get("case") or ""),
            "decision": str(row.body.get("decision") or ""),
            "action": str(row.body.get("action") or ""),
            "seq": row.seq,
            "actor": row.actor,
            "reason": row.reason,
            "evidence": row.evidence,
        },
    }


def send_unsent(workspace: Workspace) -> int:
    """Send every event that waits in the outbox, oldest first, and return how many went.

    Raises:
        httpx.HTTPError: the server did not take them; they wait on.
    """
    ledger, sent = open_ledger(workspace), 0
    with get_client(sync_client=True) as client:
        while rows := ledger.unsent(PAGE):
            client.request("POST", "/events", json=[as_event(row) for row in rows])
            ledger.mark_sent([row.seq for row in rows])
            sent += len(rows)
    return sent


def tell(workspace: Workspace) -> int:
    """Send what waits if the server takes it; what it does not take, `reconcile` sends later."""
    try:
        return send_unsent(workspace)
    except httpx.HTTPError as error:
        log.warning("The events wait in the outbox, the server did not take them: %s", error)
        return 0


def hint(kind: str, model: str, reason: str) -> None:
    """Send an event that no row of the ledger stands behind; it may be lost."""
    resource = {"prefect.resource.id": f"tenure.model.{model}", "prefect.resource.name": model}
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": f"tenure.{kind}",
        "resource": resource,
        "payload": {"model": model, "reason": reason},
    }
    try:
        with get_client(sync_client=True) as client:
            client.request("POST", "/events", json=[event])
    except httpx.HTTPError as error:
        log.warning("An event is lost, the server did not take it: %s", error)


@task(name="announce", task_run_name="announce", timeout_seconds=120, **RETRIED)
@telling_little
def announce(workspace: Workspace) -> int:
    """Send the events that the ledger's outbox holds."""
    return tell(workspace)
