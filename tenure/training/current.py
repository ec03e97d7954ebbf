"""Would training now give the version that there is already?

Read from the ledger and the recipe alone, so that a run which is late or doubled ends at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenure.records import Version
from tenure.registry import due, open_ledger
from tenure.spec import load_spec
from tenure.training.estimator import prepare
from tenure.training.identity import candidate_id

if TYPE_CHECKING:
    from tenure.workspace import Workspace


def current_version(model: str, workspace: Workspace) -> Version | None:
    """Return the newest trained version if a training now would only make it again.

    That is so if it was trained on the newest accepted batch with today's spec, code, seed and
    environment, and nothing is left to do about it. A model that starts warm is never current:
    each fit of it begins elsewhere.
    """
    spec = load_spec(model, workspace)
    newest = open_ledger(workspace).newest_fit(model)
    if newest is None or spec.training.warm_start or due.untrained(model, workspace):
        return None
    candidate = open_ledger(workspace).candidate(newest.candidate)
    assert candidate is not None
    prepare(spec, workspace)
    again = candidate_id(
        spec, candidate.training_set, holdout=candidate.holdout is not None, warm_from=None
    )
    same = again == candidate.id and candidate.training_set.span in spec.training.spans
    return newest if same and due.is_settled(newest, workspace) else None
