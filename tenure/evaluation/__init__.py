"""Is a candidate good enough to take office, and what is known of it?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenure.evaluation.details import Details
    from tenure.records import Candidate, Evaluation
    from tenure.workspace import Workspace


def evaluate(model: str, candidates: Sequence[Candidate], workspace: Workspace) -> Evaluation:
    """Choose the best of some candidates and judge it; see `tenure.evaluation.judge`.

    The evaluation names the slot's epoch that it was judged against; nothing but the evaluation
    and its details is written.

    Args:
        model: its name.
        candidates: of one night: one fit a span, as `training.plan` ordered them.
        workspace: where ledger and store are.

    Returns:
        The verdict, stored by its digest.

    Raises:
        NothingToJudge: there is no candidate.
        ModelNotFound: there is no such spec.
        ObjectDamaged: a candidate's bytes are not what was stored.
    """
    from tenure.evaluation.judge import evaluate

    return evaluate(model, candidates, workspace)


def load_details(evaluation: Evaluation, workspace: Workspace) -> Details:
    """Return what an evaluation keeps for its page."""
    from tenure.evaluation.judge import load_details

    return load_details(evaluation, workspace)


def golden_rows(candidate: Candidate, workspace: Workspace) -> bytes:
    """Return at most 20 feature rows of a candidate's training set as Parquet bytes.

    The first rows that reach an edge of a column (its least, its greatest, a missing value, each
    category), then rows spread evenly.
    """
    from tenure.evaluation.golden import golden_rows

    return golden_rows(candidate, workspace)


def promotions_a_year(rule: str, z: float, nights: int = 365, recipes: int = 1) -> dict[str, float]:
    """Say how often a rule promotes where nothing differs; see `tenure.evaluation.promise`."""
    from tenure.evaluation.promise import promotions_a_year

    return promotions_a_year(rule, z, nights, recipes)
