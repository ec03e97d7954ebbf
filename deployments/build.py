"""Which deployments does Prefect need so that it agrees with the specs?

One a verb, under the verb's name, with `model` as a choice among the models that there are. Each
model's schedule is a schedule of that deployment: its slug is the model. What a person paused stays
paused; parameters, tags and descriptions are this file's, and an edit of them is overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    DeploymentSchedule,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment

from tenure.spec import ModelSpec

QUICK = ("deploy", "retire", "restore", "approve", "reconcile", "monitor")
LONG = ("ingest", "train", "score")
VERBS = (*QUICK, *LONG)
SCHEDULED = ("train", "ingest", "score", "monitor")
RECONCILE_EVERY = timedelta(seconds=60)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
EVERY_MINUTE = "every-minute"

# A hint only, against runs that piled up: what keeps two runs apart is the ledger. The second is
# for an alarm, or a halt, that comes while one works.
FEW_AT_A_TIME = ConcurrencyLimitConfig(
    limit=2, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A process work pool for a team, and the checkout that its workers run in."""

    name: str
    working_dir: str
    env: Mapping[str, str] = field(default_factory=dict)

    def job_variables(self) -> dict[str, Any]:
        """Return what keeps a process worker in the checkout, not in a copy for each run."""
        return {"working_dir": self.working_dir, "env": dict(self.env)}


def schedules_of(verb: str, specs: Sequence[ModelSpec]) -> list[DeploymentScheduleCreate]:
    """Return a verb's schedules: one a model that has a cron line for it."""
    if verb == "reconcile":
        return [
            DeploymentScheduleCreate(
                schedule=IntervalSchedule(interval=RECONCILE_EVERY, anchor_date=EPOCH),  # pyright: ignore
                slug=EVERY_MINUTE,
                active=True,
            )
        ]
    if verb not in SCHEDULED:
        return []
    return [
        DeploymentScheduleCreate(
            schedule=CronSchedule(cron=cron, timezone=spec.schedules.timezone),
            slug=spec.name,
            parameters={"model": spec.name},
            active=True,
        )
        for spec in specs
        if (cron := getattr(spec.schedules, verb))
    ]


def build(
    verb: str,
    specs: Sequence[ModelSpec],
    existing: DeploymentResponse | None = None,
    *,
    pool: Pool | None = None,
    untouched: Sequence[str] = (),
) -> RunnerDeployment:
    """Return a verb's deployment, not yet applied.

    Args:
        verb: one of `VERBS`; also the flow's module and name.
        specs: of all models.
        existing: the deployment as it stands; what a person paused is carried over.
        pool: where its runs go; without one, to the process that serves the verb.
        untouched: models whose specs cannot be read now; what there is of theirs stays.
    """
    kept = [one for one in existing.schedules if one.slug in untouched] if existing else []
    deployment = RunnerDeployment.from_entrypoint(
        f"flows.{verb}:{verb}",
        name=verb,
        tags=["tenure"],
        schedules=[*carry_over(schedules_of(verb, specs), existing), *map(_again, kept)],
        paused=existing.paused if existing else False,
        concurrency_limit=FEW_AT_A_TIME if verb == "reconcile" else None,
        work_pool_name=pool.name if pool else None,
        job_variables=pool.job_variables() if pool else None,
    )
    offer_models(deployment, [*(spec.name for spec in specs), *untouched])
    return deployment


def carry_over(
    schedules: Sequence[DeploymentScheduleCreate], existing: DeploymentResponse | None
) -> list[DeploymentScheduleCreate]:
    """Return the schedules, those inactive that a person had paused."""
    active = {one.slug: one.active for one in existing.schedules} if existing else {}
    return [one.model_copy(update={"active": active.get(one.slug, True)}) for one in schedules]


def _again(schedule: DeploymentSchedule) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(
        schedule=schedule.schedule,
        slug=schedule.slug,
        parameters=schedule.parameters,
        active=schedule.active,
    )


def offer_models(deployment: RunnerDeployment, models: Sequence[str]) -> None:
    """Make the form's `model` a select, and let the server refuse every other name.

    Prefect offers no public way to say this before a deployment is applied; the attribute has one
    contract test.
    """
    properties = deployment._parameter_openapi_schema.properties
    if "model" in properties:
        properties["model"]["enum"] = sorted(models) or ["no-model-yet"]


def process_environment() -> dict[str, str]:
    """Return what a run needs to find the workspace, from this process's environment."""
    names = ("TENURE_WORKSPACE", "TENURE_PROJECT", "TENURE_KEY_DIR", "DO_NOT_TRACK")
    return {name: os.environ[name] for name in names if name in os.environ}
