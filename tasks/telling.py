"""The notices as a task: tell people what they do not know yet."""

from __future__ import annotations

from prefect import task

from tasks import shown
from tasks.policy import RETRIED, telling_little
from tenure import telling
from tenure.registry.specs import specs_in_force
from tenure.workspace import Workspace


@task(name="tell people", task_run_name="tell-people", timeout_seconds=600, **RETRIED)
@telling_little
def tell(model: str, workspace: Workspace, actor: str) -> None:
    """Tell a model's people of what changed; what cannot be told is due again."""
    told = telling.tell(model, workspace, actor=actor)
    if told:
        rows = [{"to": one.to, "": "✗" if one.why else "✓", "why not": one.why} for one in told]
        shown.table(f"told-{model}", rows, f"Who was told of **{model}**.")


@task(name="tell people", task_run_name="tell-everyone", timeout_seconds=1200, **RETRIED)
@telling_little
def tell_everyone(workspace: Workspace, actor: str) -> None:
    """Tell what no run told: deadlines that acted, what was due while nobody could be reached."""
    for spec in specs_in_force(workspace):
        if spec.notify.to:
            telling.tell(spec.name, workspace, actor=actor)
    telling.tell(None, workspace, actor=actor)
    telling.tell_week(workspace, actor=actor)
