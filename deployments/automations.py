"""Which events start which runs?

Automations with names of their own, found again by name: those inside a deployment would be made
anew, enabled, at each deploy. What a person disabled stays disabled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from prefect.automations import Automation
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events import EventTrigger
from prefect.events.actions import ActionTypes, ChangeFlowRunState, RunDeployment
from prefect.events.filters import AutomationFilter, AutomationFilterName
from prefect.events.schemas.automations import Automation as SavedAutomation
from prefect.events.schemas.automations import Posture

from tasks.automations import (
    ALARM,
    CASE_EVENTS,
    HALT,
    INGEST,
    MONITOR,
    RETIRE,
    RETRAIN,
    STARTING,
    TRAIN,
    ZOMBIES,
)
from tenure.spec import ModelSpec

NAMES = (*STARTING, ALARM, ZOMBIES)
EVERY_MODEL = ("tenure.model.*",)
SILENT_S = 90
ENDS = ("Completed", "Skipped", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")


def wanted(specs: Sequence[ModelSpec], deployments: Mapping[str, UUID]) -> list[Automation]:
    """Return the automations that the specs ask for.

    Args:
        specs: of all models.
        deployments: the id of each verb's deployment.
    """
    automations = [_crash_zombies(), _alarm(deployments["reconcile"])]
    if not specs:
        return automations
    automations += [
        _ingest(deployments["ingest"]),
        _retrain(deployments["train"]),
        _retire(deployments["retire"]),
        _halt(deployments["reconcile"]),
    ]
    trained = [spec.name for spec in specs if spec.training.on_arrival]
    if trained:
        automations.append(_train(deployments["train"], trained))
    if any(spec.monitoring.enabled for spec in specs):
        automations.append(_monitor(deployments["monitor"]))
    return automations


def _ingest(deployment: UUID) -> Automation:
    return Automation(
        name=INGEST,
        description="A file arrived: take it in. Made by `tenure sync`.",
        trigger=_on(["tenure.batch_arrived"]),
        actions=[_run(deployment, "model", "path")],
    )


def _train(deployment: UUID, models: Sequence[str]) -> Automation:
    return Automation(
        name=TRAIN,
        description="Data was accepted: train the model. Made by `tenure sync`, for the models "
        "whose spec has training.on_arrival.",
        trigger=_on(["tenure.batch_accepted"], [f"tenure.model.{model}" for model in models]),
        actions=[_run(deployment, "model")],
    )


def _monitor(deployment: UUID) -> Automation:
    return Automation(
        name=MONITOR,
        description="A window closed: judge it. Made by `tenure sync`.",
        trigger=_on(["tenure.window_closed"]),
        actions=[_run(deployment, "model")],
    )


def _retrain(deployment: UUID) -> Automation:
    return Automation(
        name=RETRAIN,
        description="A challenger is wanted: train the model. Made by `tenure sync`.",
        trigger=_on(_cases("retrain_decided"), action="retrain"),
        actions=[_run(deployment, "model")],
    )


def _retire(deployment: UUID) -> Automation:
    return Automation(
        name=RETIRE,
        description="A retirement was decided, or approved: carry it out. Made by `tenure sync`.",
        trigger=_on(_cases("retirement_decided"), action="retire"),
        actions=[_run(deployment, "model", "case")],
    )


def _halt(deployment: UUID) -> Automation:
    return Automation(
        name=HALT,
        description="A person halted automation: cancel what it has running, as `reconcile` does. "
        "Made by `tenure sync`.",
        trigger=_on(["tenure.automation_halted"], ["tenure", *EVERY_MODEL]),
        actions=[_run(deployment)],
    )


def _alarm(deployment: UUID) -> Automation:
    """Tell people that an automation of ours could not do its work, and have it made up for.

    The zombie automation fails whenever a run has ended long ago; the alarm does not watch itself.
    """
    return Automation(
        name=ALARM,
        description="An automation of Tenure failed: do what it did not, and say so. Made by "
        "`tenure sync`.",
        trigger=EventTrigger(
            expect={"prefect.automation.action.failed"},
            match={"prefect.resource.name": list(STARTING)},  # pyright: ignore
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=deployment,
                parameters={
                    "alarm": "{{ event.resource.name }}: {{ event.payload.reason | truncate(400) }}"
                },
                job_variables=None,
            )
        ],
    )


def _cases(decided: str) -> list[str]:
    return [f"tenure.{kind}" for kind in (decided, *CASE_EVENTS)]


def _run(deployment: UUID, *parameters: str) -> ActionTypes:
    """Run a deployment with parameters from the event's payload, each a single expression."""
    filled = {name: "{{ event.payload." + name + " }}" for name in parameters}
    return RunDeployment(
        source="selected", deployment_id=deployment, parameters=filled, job_variables=None
    )


def _on(
    events: Sequence[str], resources: Sequence[str] = EVERY_MODEL, *, action: str | None = None
) -> EventTrigger:
    """Expect one of these events; with an action, only about a case that can be carried out."""
    labels: dict[str, list[str]] = {"prefect.resource.id": list(resources)}
    if action:
        labels |= {"tenure.action": [action], "tenure.case-state": ["open"]}
    return EventTrigger(
        expect=set(events),
        match=labels,  # pyright: ignore[reportArgumentType]
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )


def _crash_zombies() -> Automation:
    ended = {f"prefect.flow-run.{state}" for state in ENDS}
    return Automation(
        name=ZOMBIES,
        description="A run whose process and runner were both killed would stay Running for ever: "
        "after three heartbeats of silence it is Crashed. Made by `tenure sync`.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENT_S),
            after={"prefect.flow-run.heartbeat"},
            for_each={"prefect.resource.id"},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},  # pyright: ignore
            expect={"prefect.flow-run.heartbeat", *ended},
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                message=f"No heartbeat for {SILENT_S} s.",
                force=False,
            )
        ],
    )


def apply(automations: Sequence[Automation]) -> list[str]:
    """Make the server's automations of our names be these, one of each, and say what changed.

    Two processes that start at the same time both make what neither has found. Whoever reads last
    sees both and keeps the one that everybody would keep.
    """
    said: list[str] = []
    with get_client(sync_client=True) as client:
        found = _ours(client)
        for automation in automations:
            standing = found.pop(automation.name, [])
            if not standing:
                automation.create()
                said.append(f"automation {automation.name}: made")
                continue
            automation.id, automation.enabled = standing[0].id, _is_enabled(standing)
            automation.update()
        for name, gone in found.items():
            for one in gone:
                client.delete_automation(one.id)
            said.append(f"automation {name}: removed")
        for name, standing in _ours(client).items():
            for double in standing[1:]:
                client.delete_automation(double.id)
                said.append(f"automation {name}: a second one removed")
            if standing[0].enabled and not _is_enabled(standing):
                client.pause_automation(standing[0].id)
    return said


def _ours(client: SyncPrefectClient) -> dict[str, list[SavedAutomation]]:
    """Return those of our names, of each the one to keep first; a read gives 200 at most."""
    named = AutomationFilter(name=AutomationFilterName(any_=list(NAMES)))
    found: dict[str, list[SavedAutomation]] = defaultdict(list)
    for one in sorted(client.read_automations(automations=named), key=lambda one: one.id):
        found[one.name].append(one)
    return found


def _is_enabled(standing: Sequence[SavedAutomation]) -> bool:
    """Say whether no person disabled it, or one of its doubles."""
    return all(one.enabled for one in standing)
