"""How is a run started once for one cause, and again only if it failed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelling

from tasks.outcomes import SKIPPED
from tasks.policy import ATTEMPTS
from tasks.runs import started_by
from tenure.registry.halts import is_automatic

AT_WORK = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
AHEAD_S = 5
STARTED = "started"
SPENT = f"waits for a person after {ATTEMPTS} runs"


@dataclass(frozen=True, slots=True)
class Start:
    """A run that is due: which verb, for which model, because of what (a digest).

    `more` are the verb's parameters beside the model.
    """

    verb: str
    model: str
    cause: str
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The tag by which runs of this cause are found."""
        return f"cause:{self.cause[:16]}"


def start(due: Start) -> dict[str, Any]:
    """Start a run if none is under way for it, and say what was done.

    After `ATTEMPTS` runs that did not bring what they were for, nothing is started any more: then a
    person has to look.
    """
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{due.verb}/{due.verb}")
        of_deployment = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
        tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[due.tag]))
        earlier = _runs(client, of_deployment, tagged)
        working = _runs(client, of_deployment, _at_work())
        done = what_to_do(earlier, [r for r in working if r.parameters.get("model") == due.model])
        if done == STARTED:
            client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"model": due.model, **due.more},
                tags=[f"model:{due.model}", due.tag, "by:system:reconcile"],
                idempotency_key=f"{due.verb}:{due.model}:{due.cause}:{len(earlier)}",
            )
    return {"model": due.model, "verb": due.verb, "because of": due.cause[:12], "done": done}


def cancel(verb: str, model: str) -> int:
    """Ask the runs of a verb and model that nobody in person started to end; say how many."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{verb}/{verb}")
        of_deployment = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
        working = _runs(client, of_deployment, _at_work())
        stopped = [run for run in working if run.parameters.get("model") == model and _is_ours(run)]
        for run in stopped:
            state = Cancelling(message=f"Automation of '{model}' is halted.")
            client.set_flow_run_state(run.id, state)
    return len(stopped)


def _is_ours(run: FlowRun) -> bool:
    return is_automatic(started_by(run)) and not (run.state and run.state.is_cancelling())


def what_to_do(earlier: Sequence[FlowRun], working: Sequence[FlowRun]) -> str:
    """Say in a word or two what is done about something due.

    Args:
        earlier: the runs that were started for this cause, ended or not.
        working: the runs of this verb and model that wait or work, whatever their cause.
    """
    if working or any(run.state and not run.state.is_final() for run in earlier):
        return "under way"
    spent = [run for run in earlier if run.state and run.state.name != SKIPPED]
    return STARTED if len(spent) < ATTEMPTS else SPENT


def _at_work() -> FlowRunFilter:
    """Ask for runs that wait or work, whoever started them, but not for those a schedule plans."""
    soon: Any = datetime.now(UTC) + timedelta(seconds=AHEAD_S)
    return FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=AT_WORK)),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=soon),
    )


def _runs(
    client: SyncPrefectClient, deployment: DeploymentFilter, wanted: FlowRunFilter
) -> list[FlowRun]:
    return client.read_flow_runs(flow_run_filter=wanted, deployment_filter=deployment, limit=200)
