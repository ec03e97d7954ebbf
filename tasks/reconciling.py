"""What no event led to, as tasks: start the runs that are due.

The ledger says what is due; a run is started under a key made of what it is for, so that asking
again starts nothing while it waits or works. A run that failed is started again, a few times.
"""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.policy import RETRIED, telling_little
from tasks.starting import Start, start
from tenure import intake
from tenure.records import digest_of
from tenure.registry import due
from tenure.spec import ModelSpec, read_all
from tenure.workspace import Workspace

WAITING_S = 20.0


@task(name="start ingest", task_run_name="start-ingest", timeout_seconds=600, **RETRIED)
@telling_little
def start_ingests(workspace: Workspace) -> list[dict[str, Any]]:
    """Start `ingest` for each model with files that nobody took or judged."""
    found = [(spec.name, _to_take(spec, workspace)) for spec in _sound_specs(workspace)]
    return [start(Start("ingest", model, digest_of(places))) for model, places in found if places]


@task(name="start train", task_run_name="start-train", timeout_seconds=600, **RETRIED)
@telling_little
def start_trainings(workspace: Workspace) -> list[dict[str, Any]]:
    """Start `train` for each model with data that no version was trained on."""
    specs = [spec for spec in _sound_specs(workspace) if spec.training.on_arrival]
    newest = [(spec.name, due.untrained(spec.name, workspace)) for spec in specs]
    return [start(Start("train", model, one.digest)) for model, one in newest if one]


def _sound_specs(workspace: Workspace) -> list[ModelSpec]:
    """Return the specs without a mistake: one model's mistake holds up no other."""
    return [reading.spec for reading in read_all(workspace) if reading.spec is not None]


def _to_take(spec: ModelSpec, workspace: Workspace) -> list[str]:
    arrivals = intake.locate(spec, workspace)
    unseen = [each.location for each in due.unseen(spec.name, arrivals, workspace)]
    waiting = due.batches_to_judge(spec.name, workspace, waiting_s=WAITING_S)
    return sorted({*unseen, *(batch.location for batch in waiting)})
