"""What happens to the runs that a schedule missed while nobody carried them out?

Prefect runs them all, one after the other. They would all do the same, so of the late runs of one
schedule only the newest is left; the others are cancelled and say why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled

from tenure.records import digest_of

LATE_S = 15
PAGE = 200


def superfluous(runs: Iterable[FlowRun]) -> list[FlowRun]:
    """Return the scheduled runs that a newer one of the same deployment and parameters covers.

    Runs that somebody asked for are never among them.
    """
    newest: dict[str, FlowRun] = {}
    covered: list[FlowRun] = []
    for run in sorted(runs, key=lambda run: run.expected_start_time or datetime.max):
        if not run.auto_scheduled:
            continue
        kind = f"{run.deployment_id}:{digest_of(run.parameters)}"
        if kind in newest:
            covered.append(newest[kind])
        newest[kind] = run
    return covered


def coalesce(verbs: Sequence[str]) -> int:
    """Cancel the late runs of these deployments that the newest one covers; return how many."""
    late = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime(
            before_=datetime.now(UTC) - timedelta(seconds=LATE_S)  # pyright: ignore
        ),
    )
    deployments = DeploymentFilter(name=DeploymentFilterName(any_=list(verbs)))
    with get_client(sync_client=True) as client:
        found: list[FlowRun] = []
        while page := client.read_flow_runs(
            flow_run_filter=late, deployment_filter=deployments, limit=PAGE, offset=len(found)
        ):
            found += page
        gone = superfluous(found)
        for run in gone:
            state = Cancelled(message="A newer run of the same schedule does its work.")
            client.set_flow_run_state(run.id, state, force=True)
    return len(gone)
