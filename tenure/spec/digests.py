"""Which part of a spec is frozen with a version, and what identifies a recipe?"""

from __future__ import annotations

from typing import Any

from tenure.records import digest_of
from tenure.spec.model import ModelSpec

RECIPE_DATA = {
    "target", "columns", "missing", "time", "key", "group", "leave_out", "on_correction", "treat"
}  # fmt: skip
RECIPE_TRAINING = {"pipeline", "parameters", "task", "seed", "split", "warm_start"}


def frozen(spec: ModelSpec) -> dict[str, Any]:
    """Return what is frozen with a version, as plain JSON values; its digest names it.

    Sections `data`, `training`, `evaluation` and `deployment.serving` with every default written
    out, and under `expectations` the suite's name and content.
    """
    return {
        "name": spec.name,
        "data": spec.data.model_dump(mode="json"),
        "expectations": {"name": spec.expectations, "suite": spec.suite},
        "training": spec.training.model_dump(mode="json"),
        "evaluation": spec.evaluation.model_dump(mode="json"),
        "deployment": {"serving": spec.deployment.serving.model_dump(mode="json")},
    }


def frozen_digest(spec: ModelSpec) -> str:
    """Return the digest of `frozen(spec)`, the spec that a version names in its lineage."""
    return digest_of(frozen(spec))


def training_digest(spec: ModelSpec) -> str:
    """Return the digest of what is fitted, on whatever data: the recipe without its span."""
    return digest_of(
        {
            "data": spec.data.model_dump(mode="json", include=RECIPE_DATA),
            "training": spec.training.model_dump(mode="json", include=RECIPE_TRAINING),
        }
    )
