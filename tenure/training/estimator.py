"""How is a pipeline made ready to be fitted: the same every time, and fit to be kept?"""

from __future__ import annotations

import inspect
import io
import pickle
import pickletools
import sys
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.errors import PipelineRefused
from tenure.records import digest_of
from tenure.spec import build_pipeline
from tenure.spec.model import ModelSpec, Task

if TYPE_CHECKING:
    from tenure.workspace import Workspace


def prepare(spec: ModelSpec, workspace: Workspace) -> Any:
    """Return the spec's pipeline, unfitted, seeded, and known to survive the store.

    Raises:
        BadSpec: the pipeline cannot be built.
        PipelineRefused: it holds a lambda, something of `__main__`, or cannot be pickled.
    """
    estimator = build_pipeline(spec, workspace)
    refuse_unkeepable(estimator, spec.name)
    seed_steps(estimator, spec.training.seed)
    return estimator


def seed_steps(estimator: Any, seed: int) -> None:
    """Give every step that has a `random_state` of None one that the seed and its name fix.

    A step's number does not depend on the other steps; a value that the recipe gave is kept.
    """
    for name, value in sorted(estimator.get_params(deep=True).items()):
        if name.rpartition("__")[2] == "random_state" and value is None:
            sequence = np.random.SeedSequence([seed, zlib.crc32(name.encode())])
            estimator.set_params(**{name: int(sequence.generate_state(1)[0])})


def task_of(estimator: Any, spec: ModelSpec) -> Task:
    """Return what the estimator does, by the spec or, with `auto`, by its own word.

    Raises:
        PipelineRefused: it is neither classifier nor regressor, or not what the spec says.
    """
    from sklearn.base import is_classifier, is_regressor

    own = None
    if is_classifier(estimator):
        own = Task.CLASSIFICATION
    elif is_regressor(estimator):
        own = Task.REGRESSION
    if spec.training.task != "auto":
        wanted = Task(spec.training.task)
        if own not in (None, wanted):
            raise PipelineRefused(
                model=spec.name,
                detail=f"training.task is {wanted.value}, but it is made for {own}",
            )
        return wanted
    if own is None:
        raise PipelineRefused(
            model=spec.name,
            detail="scikit-learn takes it for neither classifier nor regressor; say training.task",
        )
    return own


def refuse_unkeepable(estimator: Any, model: str) -> None:
    """Refuse what a later process could not load, before any CPU is spent on a fit.

    Raises:
        PipelineRefused: with the name that cannot be kept, where there is one.
    """
    target = io.BytesIO()
    try:
        pickle.Pickler(target, protocol=5).dump(estimator)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise PipelineRefused(model=model, detail=str(error).splitlines()[0][:200]) from error
    strings: list[str] = []
    for code, argument, _ in pickletools.genops(target.getvalue()):
        if isinstance(argument, str):
            strings.append(argument)
        if code.name == "STACK_GLOBAL" and strings[-2:-1] == ["__main__"]:
            raise PipelineRefused(
                model=model, detail=f"it holds '__main__.{strings[-1]}', which only this script has"
            )


def code_digest(spec: ModelSpec) -> str:
    """Return the digest of the source that makes the pipeline: its module and allowed modules.

    The module has been imported by `prepare`. A module without source counts by its name.
    """
    names = [spec.training.pipeline.partition(":")[0]]
    names += [name.rpartition(".")[0] for name in spec.training.allow]
    sources = {}
    for name in sorted(set(names)):
        module = sys.modules.get(name)
        try:
            sources[name] = inspect.getsource(module) if module else ""
        except (OSError, TypeError):
            sources[name] = ""
    return digest_of(sources)
