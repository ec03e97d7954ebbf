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
    """Return a fit's identity: model, data, recipe (with its seed), environment, start, holdout.

    Two models may have the same recipe and the same data; a candidate is one model's.

    Args:
        spec: of the model.
        training_set: what it is fitted on; its span names the recipe.
        holdout: whether rows are held out.
        warm_from: id of the candidate whose parameters it begins with, if any.
    """
    return digest_of(
        {
            "model": spec.name,
            "training_set": training_set.digest,
            "recipe": recipe_of(spec, training_set.span),
            "environment": environment(),
            "holdout": holdout,
            "warm_from": warm_from,
        }
    )
