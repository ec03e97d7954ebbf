"""Prefect alone: empty flows that events start one after the other, beside a workspace that is up.

`python -m benchmarks.loop_empty` serves them until it is told to stop, as `deployments.serve` does.
Each writes the time at which its code began into a file of its own.
"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from prefect import flow
from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.events import EventTrigger
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import Posture
from prefect.runner import Runner

MARKS = "TENURE_BENCH_MARKS"
"""The folder where the flows leave their times."""

NAMES = ("first", "second")
STARTED = "Serving empty flows"


def event(name: str, mark: str) -> dict[str, Any]:
    """Return the event that starts a flow."""
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": f"bench.{name}",
        "resource": {"prefect.resource.id": "bench"},
        "payload": {"mark": mark},
    }


@flow(name="empty-first", persist_result=False)
def first(mark: str) -> None:
    """Start the second one."""
    leave(mark, "first")
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event("second", mark)])


@flow(name="empty-second", persist_result=False)
def second(mark: str) -> None:
    """Do nothing."""
    leave(mark, "second")


def leave(mark: str, name: str) -> None:
    """Leave the time in a file."""
    (Path(os.environ[MARKS]) / f"{mark}-{name}").write_text(repr(time.time()), encoding="utf-8")


def automation(name: str, deployment: UUID) -> Automation:
    """Return what starts a flow by its event."""
    return Automation(
        name=f"bench-{name}",
        trigger=EventTrigger(
            expect={f"bench.{name}"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=deployment,
                parameters={"mark": "{{ event.payload.mark }}"},
                job_variables=None,
            )
        ],
    )


def main() -> None:
    """Serve both flows."""
    runner = Runner(name="bench", limit=2, pause_on_shutdown=False)
    for name in NAMES:
        entrypoint = f"benchmarks.loop_empty:{name}"
        made = RunnerDeployment.from_entrypoint(entrypoint, name=name)
        automation(name, runner.add_deployment(made)).create()  # pyright: ignore
    print(STARTED, flush=True)
    asyncio.run(runner.start())


if __name__ == "__main__":
    main()
