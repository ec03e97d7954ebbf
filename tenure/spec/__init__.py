"""What does a user write about a model, and is it right?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenure.spec.digests import frozen, frozen_digest, training_digest
    from tenure.spec.factory import build_pipeline, import_pipeline, make_importable
    from tenure.spec.loader import Reading, load_all, load_spec, read_all, read_spec
    from tenure.spec.mistakes import Mistake, bad_spec
    from tenure.spec.model import ModelSpec
    from tenure.spec.names import model_names

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

_HOME = {
    "Mistake": "mistakes",
    "ModelSpec": "model",
    "Reading": "loader",
    "bad_spec": "mistakes",
    "build_pipeline": "factory",
    "frozen": "digests",
    "frozen_digest": "digests",
    "import_pipeline": "factory",
    "load_all": "loader",
    "load_spec": "loader",
    "make_importable": "factory",
    "model_names": "names",
    "read_all": "loader",
    "read_spec": "loader",
    "training_digest": "digests",
}


def __getattr__(name: str) -> Any:
    # pydantic loads where a spec is read: naming the models, and `tenure --help`, need none of it.
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
