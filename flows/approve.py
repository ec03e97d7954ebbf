"""Flow `approve`: a person answers a case that waits."""

from __future__ import annotations

from typing import Literal

from prefect import flow
from prefect.client.schemas.objects import State

from flows.choices import CaseId, Model, Person, Reason
from tasks import events, outcomes, pages, retirement, runs, telling
from tasks.policy import storing_nothing
from tenure.workspace import open_workspace


@flow(
    name="approve",
    flow_run_name="approve-{model}",
    description="Answers the case of a model that waits for approval. Approved, it is carried out "
    "at once by another run; declined, it is over. Where two people are wanted, a name that was "
    "only typed in is not enough: then `tenure approve` answers.",
    timeout_seconds=600,
    persist_result=False,
)
@storing_nothing
def approve(
    model: Model,
    decision: Literal["approve", "decline"],
    reason: Reason,
    who: Person,
    case: CaseId = "",
) -> State:
    """Approve or decline what a model's case asks for.

    Args:
        model: The model whose case waits.
        decision: What shall happen.
        reason: Why, for the record.
        who: Your name, for the record.
        case: The case that you have read, by its id or the beginning of it; refused if another
            one waits by now.
    """
    workspace, actor = open_workspace(), f"claimed:{who}"
    runs.label(None)
    waiting = retirement.waiting_case(model, case, workspace)
    answered = retirement.approve(waiting, decision, reason, workspace, actor)
    events.announce(workspace)
    telling.tell(model, workspace, actor)
    pages.draw_model(model, workspace)
    return outcomes.answered(answered)
