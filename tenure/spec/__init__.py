"""What does a user write about a model, and is it right?"""

from tenure.spec.digests import frozen, frozen_digest, training_digest
from tenure.spec.factory import build_pipeline, import_pipeline, make_importable
from tenure.spec.loader import Reading, load_all, load_spec, model_names, read_all, read_spec
from tenure.spec.mistakes import Mistake, bad_spec
from tenure.spec.model import ModelSpec

__all__ = [
    "Mistake",
    "ModelSpec",
    "Reading",
    "bad_spec",
    "build_pipeline",
    "frozen",
    "frozen_digest",
    "import_pipeline",
    "load_all",
    "load_spec",
    "make_importable",
    "model_names",
    "read_all",
    "read_spec",
    "training_digest",
]
