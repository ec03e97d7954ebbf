"""Flow `retire`: take a version out of office, safely and on the record."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import CaseId, MaybeReason, Model, Number
from tasks import events, outcomes, pages, retirement, runs, telling
from tasks.policy import storing_nothing
from tenure.records import CaseState
from tenure.workspace import open_workspace

WAIT_S = 90


@flow(
    name="retire",
    flow_run_name="retire-{model}",
    description="Carries a retirement out: checks who takes over, moves the slot, lets requests in "
    "flight end, switches schedules off, archives the artifact, settles what becomes of the data, "
    "probes that nothing serves the version any more, and signs the record. A run that died is "
    "gone on with where it stopped.",
    timeout_seconds=6 * 3600,
    persist_result=False,
)
@storing_nothing
def retire(
    model: Model,
    reason: MaybeReason = "",
    version: Number | None = None,
    successor: Number | None = None,
    to_fallback: bool = False,
    case: CaseId = "",
) -> State:
    """Retire a version of a model, or go on with a retirement that was decided.

    Args:
        model: The model whose version retires.
        reason: Why, for the record. Wanted unless a retirement is under way already.
        version: The version that retires; the champion if empty.
        successor: The version that takes the slot over, where the champion retires.
        to_fallback: Whether the model's fallback takes the slot over instead.
        case: The case to carry out, by its id; automations fill it in.
    """
    workspace, actor = open_workspace(), runs.actor()
    if halt := runs.halt_of(model, workspace, actor):
        return outcomes.skipped(halt)
    with runs.alone("retire", model, workspace, wait_s=WAIT_S) as lease:
        if lease is None:
            return outcomes.skipped(f"Another run retires a version of '{model}'.")
        found = retirement.find_case(model, case, workspace) or retirement.open_case(
            model,
            reason,
            workspace,
            actor,
            version=version,
            successor=successor,
            to_fallback=to_fallback,
        )
        if found.state is not CaseState.OPEN:
            events.announce(workspace)
            telling.tell(model, workspace, actor)
            return outcomes.not_now(found)
        found = retirement.verify_successor(found, workspace, actor)
        found = retirement.move_slot(found, workspace, actor)
        found = retirement.drain(found, workspace, actor)
        found = retirement.turn_off(found, workspace, actor)
        found = retirement.archive(found, workspace, actor)
        found = retirement.settle_data(found, workspace, actor)
        found = retirement.probe(found, workspace, actor)
        found = retirement.close(found, workspace, actor)
    events.announce(workspace)
    telling.tell(model, workspace, actor)
    pages.draw_model(model, workspace)
    return outcomes.retired(found)
