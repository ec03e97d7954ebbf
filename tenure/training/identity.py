"""When are two fits the same fit, and when do they follow the same recipe?"""

from __future__ import annotations

from tenure.records import TrainingSet, digest_of
from tenure.spec import training_digest
from tenure.spec.model import ModelSpec
from tenure.training.estimator import code_digest
from tenure.training.provenance import environment


def recipe_of(spec: ModelSpec, span: str) -> str:
    """Return the digest of what is fitted on whatever data: spec's part, code and span.

    The module of the pipeline has been imported before (`estimator.prepare` does).
    """
    return digest_of({"training": training_digest(spec), "code": code_digest(spec), "span": span})


def candidate_id(
    spec: ModelSpec, training_set: TrainingSet, *, holdout: bool, warm_from: str | None
) -> str:
    """Return a fit's identity: training set, recipe (with its seed), environment, start, holdout.

    Args:
        spec: of the model.
        training_set: what it is fitted on; its span names the recipe.
        holdout: whether rows are held out.
        warm_from: id of the candidate whose parameters it begins with, if any.
    """
    return digest_of(
        {
            "training_set": training_set.digest,
            "recipe": recipe_of(spec, training_set.span),
            "environment": environment(),
            "holdout": holdout,
            "warm_from": warm_from,
        }
    )
