"""The serving stage as tasks: score files, carry the prediction server's log over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task

from tasks import shown
from tasks.policy import RETRIED, telling_little
from tenure import predictions, rollouts, serving
from tenure.records import Assignment
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.serving import Acknowledgement, ScoreSummary, Standing

ROLL_OUT_S = 60.0
ACTOR = "system:roll-out"


@task(name="score", task_run_name="score-{model}", timeout_seconds=12 * 3600, **RETRIED)
@telling_little
def score(model: str, workspace: Workspace, actor: str, workers: int | None = None) -> ScoreSummary:
    """Predict the files that wait for a model, each output once."""
    bar = shown.Progress(f"scoring-{model}", f"Files of {model} that are scored")

    def tell(standing: Standing) -> None:
        words = f"{standing.partitions} of {standing.of} files of {model}, {standing.rows:,} rows"
        bar.say(standing.share, words, is_over=standing.partitions == standing.of)

    return serving.score(model, workspace, actor=actor, progress=tell, workers=workers)


@task(name="roll out", task_run_name="roll-out-{placed.model}", timeout_seconds=300, **RETRIED)
@telling_little
def roll_out(placed: Assignment, workspace: Workspace) -> Acknowledgement:
    """Wait until the prediction server's processes serve what the slot says."""
    followed = serving.wait_until_serving(
        placed.model, placed.epoch, workspace, ROLL_OUT_S, slot=placed.slot
    )
    shown.roll_out(followed)
    rollouts.note_failures(workspace, actor=ACTOR, model=placed.model)
    return followed


@task(name="carry predictions", task_run_name="carry-predictions", timeout_seconds=1200, **RETRIED)
@telling_little
def carry_predictions(workspace: Workspace) -> None:
    """Carry what the prediction server logged, and what it was told, into Parquet."""
    predictions.carry(workspace)
    predictions.carry_feedback(workspace)
