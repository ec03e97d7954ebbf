"""Flow `reconcile`: do what no event did."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import MaybeReason
from tasks import (
    carrying,
    events,
    outcomes,
    pages,
    reconciling,
    rollouts,
    runs,
    serving,
    telling,
    watchdog,
)
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace


@flow(
    name="reconcile",
    flow_run_name="reconcile",
    description="Compares the ledger with what should have happened: sends events that were not "
    "sent, starts runs that no event started, goes on with cases whose run died, lets deadlines "
    "act, lets rollouts go on or back, retires what was replaced long ago, and carries the "
    "prediction server's log into the log of predictions.",
    timeout_seconds=1800,
    persist_result=False,
)
@storing_nothing
def reconcile(alarm: MaybeReason = "") -> State:
    """Do what an event should have led to and did not.

    Args:
        alarm: What went wrong with an automation; filled in by the automation that noticed it.
    """
    workspace = open_workspace()
    urgent = [*watchdog.look(alarm, workspace), *reconciling.cancel_halted(workspace)]
    with runs.alone("reconcile", "all", workspace) as lease:
        if lease is None:
            return outcomes.reconciled(urgent) if urgent else outcomes.skipped("Another run does.")
        events.announce(workspace)
        serving.carry_predictions(workspace)
        done = [
            *urgent,
            *carrying.keep_to_retention(workspace),
            *rollouts.note_failures(workspace, reconciling.ACTOR),
            *rollouts.walk(workspace),
            *reconciling.look_after_specs(workspace),
            *reconciling.start_ingests(workspace),
            *reconciling.start_trainings(workspace),
            *reconciling.start_monitors(workspace),
            *reconciling.carry_on_cases(workspace),
            *reconciling.let_time_act(workspace),  # whose events start what follows
            *reconciling.take_up_schedules(workspace),
            *reconciling.look_after_fallbacks(workspace),
            *reconciling.look_after_retired(workspace),
        ]
        events.announce(workspace)
        telling.tell_everyone(workspace, reconciling.ACTOR)
        pages.draw_index(workspace)
    return outcomes.reconciled(done)
